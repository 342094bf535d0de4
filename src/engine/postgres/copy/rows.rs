//! The rows of a large copy: a pipe for each large table and one for all others, several at once.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use serde::Deserialize;

use crate::engine::postgres::{Server, literal};
use crate::engine::{Counts, Watch};
use crate::error::{Error, Result};
use crate::process::{Captured, Interrupts, Tool};

use super::Copy;
use super::glance::Glance;

/// Tables from 4 MB on, the largest first; the rows of all others, sequences and large objects go with the rest.
/// Columns are told where all are of types whose binary form means the same on another server of this version.
pub(super) const TABLES: &str = r#"select coalesce(jsonb_agg(jsonb_build_object('name', t.name, 'plain', t.plain, 'columns', t.columns, 'indexes', t.indexes) order by t.size desc), '[]') from (
     select '"' || replace(n.nspname, '"', '""') || '"."' || replace(c.relname, '"', '""') || '"' as name, format('%I.%I', n.nspname, c.relname) as plain,
     pg_table_size(c.oid) as size,
     (select count(*) from pg_index i where i.indrelid = c.oid) as indexes,
     (select case when bool_and(y.oid < 16384 and y.typtype in ('b', 'r', 'm') and y.typname !~ '^_?reg' and y.typsend <> 0 and y.typreceive <> 0)
      then string_agg(quote_ident(a.attname), ', ' order by a.attnum) end
      from pg_attribute a join pg_type y on y.oid = a.atttypid where a.attrelid = c.oid and a.attnum > 0
      and not a.attisdropped and coalesce(to_jsonb(a) ->> 'attgenerated', '') = '') as columns
     from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'r'
     and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_'
     and not exists (select from pg_depend e where e.objid = c.oid and e.classid = 'pg_class'::regclass and e.deptype = 'e')
     order by 2 desc limit 200) t where t.size >= 4194304"#;
const TICK: Duration = Duration::from_millis(20);

impl Copy<'_> {
    /// What is read and what writes it: a pipe for each large table, the largest first, and one for everything else.
    pub(super) fn rows<'t>(&self, aside: &Server, snapshot: &str, tables: &'t [Table]) -> Vec<Pipe<'t>> {
        let dump = || self.dump().arg("--data-only").arg(format!("--snapshot={snapshot}"));
        let rest = dump().args(tables.iter().map(|table| format!("--exclude-table-data={}", table.name)));
        let of = |table: &'t Table| match self.columns(table) {
            Some(columns) => Pipe {
                read: self.read_binary(table, columns, snapshot),
                write: self.write_binary(aside, table, columns),
                told: Some(&table.plain),
            },
            None => Pipe { read: dump().arg(format!("--table={}", table.name)), write: self.psql(aside), told: None },
        };
        tables.iter().map(of).chain([Pipe { read: rest, write: self.psql(aside), told: None }]).collect()
    }

    /// The columns of a table whose rows go over in binary form. psql's `\copy` is one line.
    fn columns<'t>(&self, table: &'t Table) -> Option<&'t str> {
        let columns = table.columns.as_deref().filter(|_| self.is_binary)?;
        [&table.name, columns].iter().all(|name| !name.contains(['\n', '\r'])).then_some(columns)
    }

    /// Whether both ends tell how many rows of this table went through.
    pub(super) fn tells(&self, table: &Table) -> bool {
        self.columns(table).is_some()
    }

    /// Half the work of text, for servers and clients alike. Where the rows go to stdout, psql says on stderr how many they were.
    fn read_binary(&self, table: &Table, columns: &str, snapshot: &str) -> Tool {
        let copy = format!("\\copy {} ({columns}) to pstdout (format binary)", table.name);
        let picture = format!("set transaction snapshot '{snapshot}'");
        let begin = "begin isolation level repeatable read, read only";
        self.bare_psql(self.source).args(["-o", "/dev/stderr", "-c", begin, "-c", &picture, "-c", &copy])
    }

    /// Rows of a table that was emptied in the same transaction are written as old ones, which nobody has to touch again.
    fn write_binary(&self, aside: &Server, table: &Table, columns: &str) -> Tool {
        let copy = format!("copy {} ({columns}) from stdin (format binary, freeze)", table.name);
        let empty = format!("truncate only {}", table.name);
        self.bare_psql(aside).args(["-1", "-c", &empty, "-c", &copy])
    }

    /// Both ends speak the source's encoding, and let nothing but the program's end stop them.
    fn bare_psql(&self, server: &Server) -> Tool {
        const UNDISTURBED: &str = "-c statement_timeout=0 -c lock_timeout=60s -c row_security=off -c search_path=";
        let server = server.with_options(UNDISTURBED);
        let psql = Tool::new(self.programs.path("psql")).args(["-X", "-w", "-v", "ON_ERROR_STOP=1"]);
        server.with_variables(psql, &server.name).env("PGCLIENTENCODING", self.encoding)
    }

    /// Runs the pipes, as many at once as there are jobs; where one fails, the others are ended.
    pub(super) fn all_through<'t>(
        &self,
        aside: &Server,
        pipes: Vec<Pipe<'t>>,
        watch: &Watch<'_>,
    ) -> Result<Vec<Told<'t>>> {
        let waiting = Mutex::new(pipes.into_iter());
        let all_told = Mutex::new(Vec::new());
        let failed: Mutex<Option<Error>> = Mutex::new(None);
        let work = |interrupts: &Interrupts| {
            while locked(&failed).is_none() {
                let Some(Pipe { read, write, told }) = locked(&waiting).next() else { return };
                let done = self.through(aside, read, write, interrupts, &mut || {});
                let done =
                    done.and_then(|(read, written)| told.map(|table| Told::of(table, &read, &written)).transpose());
                let error = match done {
                    Ok(told) => {
                        locked(&all_told).extend(told);
                        continue;
                    }
                    Err(error) => error,
                };
                if locked(&failed).is_none() {
                    *locked(&failed) = Some(error);
                    let _ = aside.end_sessions(&format!("datname = {}", literal(&aside.name)));
                }
            }
        };
        let mut glance = Glance::of(self.source, aside, watch);
        thread::scope(|scope| {
            let (work, interrupts) = (&work, watch.interrupts);
            let jobs: Vec<_> = (0..self.jobs()).map(|_| scope.spawn(move || work(interrupts))).collect();
            while !jobs.iter().all(thread::ScopedJoinHandle::is_finished) {
                thread::sleep(TICK);
                glance.take();
            }
        });
        let failed = locked(&failed).take();
        failed.map_or_else(|| Ok(locked(&all_told).split_off(0)), Err)
    }
}

/// What is read and what writes it; the table (`%I.%I`), where both tell how many rows it were.
pub(super) struct Pipe<'t> {
    pub(super) read: Tool,
    pub(super) write: Tool,
    told: Option<&'t str>,
}

/// How many rows both servers say went through a pipe.
pub(super) struct Told<'t> {
    pub(super) table: &'t str,
    pub(super) read: u64,
    pub(super) written: u64,
}

impl<'t> Told<'t> {
    fn of(table: &'t str, read: &Captured, written: &Captured) -> Result<Self> {
        let number = |said: &[u8]| {
            let said = String::from_utf8_lossy(said);
            let number = said.lines().filter_map(|line| line.strip_prefix("COPY ")?.parse().ok()).next_back();
            number.ok_or_else(|| Error::failed(format!("{table}: psql did not say how many rows were copied")))
        };
        Ok(Self { table, read: number(&read.stderr)?, written: number(&written.stdout)? })
    }
}

/// Counts with those of some tables put in.
pub(super) fn with<'t>(counts: Counts, more: impl Iterator<Item = (&'t str, u64)>) -> Counts {
    let mut counts: Vec<_> = counts.into_iter().chain(more.map(|(name, rows)| (name.to_owned(), rows))).collect();
    counts.sort();
    counts
}

/// A table with enough rows for a pipe of its own.
#[derive(Debug, Deserialize)]
pub(super) struct Table {
    /// Quoted throughout, as patterns and statements take it.
    name: String,
    /// As the server quotes it.
    pub(super) plain: String,
    columns: Option<String>,
    pub(super) indexes: usize,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
