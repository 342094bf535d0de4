//! Where many databases stand: the rows of their version tables, read at once and without Python.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::Result;
use crate::process::Interrupts;

use super::Engine;
use super::ledger::{Digests, Of, digests};

/// How many are read at the same time: most of it is waiting for servers.
const AT_ONCE: usize = 8;
/// Of one server, which forks a process for each.
const OF_ONE_SERVER: usize = 3;

/// A database, and its version table.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    pub engine: &'a Engine,
    pub schema: Option<&'a str>,
    pub table: &'a str,
    /// SQL of the settings that comes first.
    pub on_connect: &'a [String],
    /// Whether the server's own name is asked for.
    pub wants_name: bool,
    /// Whether the ledger is asked for what was applied.
    pub wants_ledger: bool,
}

/// What was found in a database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rows {
    /// The rows of the version table, sorted; `None` where there is no such table.
    pub heads: Option<Vec<String>>,
    /// The identifier of the server's cluster, where it was asked for and may be known.
    pub system: Option<String>,
    /// By the ledger, where it was asked for: the files of what is applied, as they were then.
    pub digests: Digests,
}

/// Reads them all, in their order; nothing is ever created. One that cannot be read keeps no other from its answer.
pub fn read(asked: &[Asked<'_>], interrupts: &Interrupts) -> Vec<Result<Rows>> {
    let jobs = jobs(asked);
    let answers: Vec<Mutex<Option<Result<Rows>>>> = asked.iter().map(|_| Mutex::default()).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(job) = jobs.get(next.fetch_add(1, Ordering::SeqCst)) {
            let of_job: Vec<Asked<'_>> = job.iter().map(|&index| asked[index]).collect();
            for (&index, answer) in job.iter().zip(read_job(&of_job, interrupts)) {
                if let Ok(mut place) = answers[index].lock() {
                    *place = Some(answer);
                }
            }
        }
    };
    std::thread::scope(|scope| {
        // A single one needs no thread.
        for _ in 1..jobs.len().min(AT_ONCE) {
            scope.spawn(work);
        }
        work();
    });
    let unread = || Err(crate::error::Error::failed("the database was not read"));
    answers.into_iter().map(|answer| answer.into_inner().ok().flatten().unwrap_or_else(unread)).collect()
}

fn read_job(job: &[Asked<'_>], interrupts: &Interrupts) -> Vec<Result<Rows>> {
    if let Some(Asked { engine: Engine::Postgres(server), .. }) = job.first() {
        return server.rows_of(job, interrupts);
    }
    job.iter().map(|asked| asked.engine.rows(asked)).collect()
}

/// Which are read one after the other: files each alone, those of one server over a few connections.
fn jobs(asked: &[Asked<'_>]) -> Vec<Vec<usize>> {
    let (mut jobs, mut servers): (Vec<Vec<usize>>, Vec<Vec<usize>>) = Default::default();
    for (index, one) in asked.iter().enumerate() {
        let same = |job: &&mut Vec<usize>| one.on_connect.is_empty() && one.shares_way_with(&asked[job[0]]);
        match (one.engine, servers.iter_mut().find(same)) {
            (Engine::Sqlite(_), _) => jobs.push(vec![index]),
            (Engine::Postgres(_), Some(job)) => job.push(index),
            (Engine::Postgres(_), None) => servers.push(vec![index]),
        }
    }
    let pieces = servers.iter().flat_map(|job| job.chunks(job.len().div_ceil(OF_ONE_SERVER)).map(<[usize]>::to_vec));
    // What takes longest begins first.
    pieces.chain(jobs).collect()
}

impl Asked<'_> {
    fn shares_way_with(&self, other: &Self) -> bool {
        match (self.engine, other.engine) {
            (Engine::Postgres(one), Engine::Postgres(another)) => {
                other.on_connect.is_empty() && one.shares_way_with(another)
            }
            _ => false,
        }
    }
}

impl Engine {
    fn rows(&self, asked: &Asked<'_>) -> Result<Rows> {
        let hurried = match self {
            Self::Sqlite(file) => &Self::Sqlite(file.hurried()),
            Self::Postgres(_) => self,
        };
        let of = Of { schema: None, version_table: asked.table };
        let steps = if asked.wants_ledger { hurried.ledger(of, None)? } else { None };
        Ok(Rows { heads: hurried.heads(None, asked.table)?, system: None, digests: digests(steps.unwrap_or_default()) })
    }
}
