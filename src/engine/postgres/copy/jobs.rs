//! The jobs of a large copy: rows first, so that the source's snapshot is soon over; whoever finds none left builds indexes.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::engine::postgres::{Server, literal};
use crate::engine::{Counts, Watch};
use crate::error::{Error, Result};
use crate::failpoint::reach;
use crate::process::{Interrupts, Tool};

use super::Copy;
use super::glance::Glance;
use super::picture::Picture;
use super::rows::{Pipe, Told};

const TICK: Duration = Duration::from_millis(20);

/// Indexes and keys of one table, in one session: a key's `ALTER TABLE` lets no other session near its table.
pub struct Build<'t> {
    /// `%I.%I`
    pub(super) table: &'t str,
    pub(super) restore: Tool,
}

/// What is left to do, and what was done.
#[derive(Default)]
pub struct Jobs<'t> {
    pipes: VecDeque<Pipe<'t>>,
    /// Pipes that run.
    loading: usize,
    loaded: HashSet<&'t str>,
    builds: Vec<Build<'t>>,
    told: Vec<Told<'t>>,
    failed: Option<Error>,
}

enum Step<'t> {
    Rows(Pipe<'t>),
    Indexes(Build<'t>),
    /// The rows are still on their way.
    Wait,
    Done,
}

impl<'t> Jobs<'t> {
    pub(super) fn of(pipes: Vec<Pipe<'t>>, builds: Vec<Build<'t>>) -> Self {
        Self { pipes: pipes.into(), builds, ..Self::default() }
    }

    fn next(&mut self) -> Step<'t> {
        if self.failed.is_some() {
            return Step::Done;
        }
        if let Some(pipe) = self.pipes.pop_front() {
            self.loading += 1;
            return Step::Rows(pipe);
        }
        match self.builds.iter().position(|build| self.loaded.contains(build.table)) {
            Some(at) => Step::Indexes(self.builds.remove(at)),
            None if self.builds.is_empty() => Step::Done,
            None => Step::Wait,
        }
    }

    fn has_read_all(&self) -> bool {
        self.pipes.is_empty() && self.loading == 0
    }
}

impl Copy<'_> {
    /// Works off the jobs, as many at once as are allowed; where one fails, the others are ended. Gives the source's other
    /// tables, as the picture counted them, and what the pipes told.
    pub(super) fn work_off<'t>(
        &self,
        aside: &Server,
        jobs: Jobs<'t>,
        picture: Picture,
        watch: &Watch<'_>,
    ) -> Result<(Counts, Vec<Told<'t>>)> {
        let jobs = Mutex::new(jobs);
        let mut picture = Some(picture);
        let mut counted = None;
        let mut glance = Glance::of(self.source, aside, watch);
        thread::scope(|scope| {
            let (jobs, interrupts) = (&jobs, watch.interrupts);
            let work = move || self.one_after_another(aside, jobs, interrupts);
            let workers: Vec<_> = (0..self.jobs()).map(|_| scope.spawn(work)).collect();
            while !workers.iter().all(thread::ScopedJoinHandle::is_finished) {
                thread::sleep(TICK);
                glance.take();
                let has_read_all = locked(jobs).has_read_all();
                if let Some(picture) = picture.take_if(|_| has_read_all) {
                    match picture.counted(interrupts) {
                        Ok(counts) => counted = Some(counts),
                        Err(error) => fail(jobs, aside, error),
                    }
                }
            }
        });
        let Jobs { told, failed, .. } = jobs.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = failed {
            return Err(error);
        }
        let counted = match picture {
            Some(picture) => picture.counted(watch.interrupts)?,
            None => counted.unwrap_or_default(),
        };
        Ok((counted, told))
    }

    /// What one job does.
    fn one_after_another(&self, aside: &Server, jobs: &Mutex<Jobs<'_>>, interrupts: &Interrupts) {
        loop {
            let step = locked(jobs).next();
            let done = match step {
                Step::Rows(pipe) => self.load(aside, pipe, jobs, interrupts),
                Step::Indexes(build) => {
                    reach("copy-index").and_then(|()| aside.run_by(build.restore, interrupts)).map(drop)
                }
                Step::Wait => {
                    thread::sleep(TICK);
                    Ok(())
                }
                Step::Done => return,
            };
            if let Err(error) = done {
                fail(jobs, aside, error);
            }
        }
    }

    fn load<'t>(&self, aside: &Server, pipe: Pipe<'t>, jobs: &Mutex<Jobs<'t>>, interrupts: &Interrupts) -> Result<()> {
        let Pipe { read, write, table, tells } = pipe;
        let (read, written) = self.through(aside, read, write, interrupts, &mut || {})?;
        let told = table.filter(|_| tells).map(|table| Told::of(table, &read, &written)).transpose()?;
        let mut jobs = locked(jobs);
        jobs.loading -= 1;
        jobs.loaded.extend(table);
        jobs.told.extend(told);
        Ok(())
    }
}

/// Ends what the others do: their sessions in the copy.
fn fail(jobs: &Mutex<Jobs<'_>>, aside: &Server, error: Error) {
    let is_first = locked(jobs).failed.is_none();
    locked(jobs).failed.get_or_insert(error);
    if is_first {
        let _ = aside.end_sessions(&format!("datname = {}", literal(&aside.name)));
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
