//! Large copies: the schema, then the rows through several pipes at once, then the indexes in parallel; nothing but the schema touches a disk between.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::engine::Watch;
use crate::engine::postgres::{Server, literal};
use crate::error::{Error, Result};
use crate::failpoint::reach;
use crate::process::{Interrupts, Talk, Tool};

use super::{Copy, temporary};

/// Tables from 4 MB on, the largest first; the rows of all others, sequences and large objects go with the rest.
/// Columns are told where all are of types whose binary form means the same on another server of this version.
const TABLES: &str = r#"select coalesce(json_agg(json_build_object('name', t.name, 'columns', t.columns, 'indexes', t.indexes) order by t.size desc), '[]') from (
     select '"' || replace(n.nspname, '"', '""') || '"."' || replace(c.relname, '"', '""') || '"' as name, pg_table_size(c.oid) as size,
     (select count(*) from pg_index i where i.indrelid = c.oid) as indexes,
     (select case when bool_and(y.oid < 16384 and y.typtype in ('b', 'r', 'm') and y.typname !~ '^_?reg' and y.typsend <> 0 and y.typreceive <> 0)
      then string_agg(quote_ident(a.attname), ', ' order by a.attnum) end
      from pg_attribute a join pg_type y on y.oid = a.atttypid where a.attrelid = c.oid and a.attnum > 0
      and not a.attisdropped and coalesce(to_jsonb(a) ->> 'attgenerated', '') = '') as columns
     from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'r'
     and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_'
     and not exists (select from pg_depend e where e.objid = c.oid and e.classid = 'pg_class'::regclass and e.deptype = 'e')
     order by 2 desc limit 200) t where t.size >= 4194304"#;
/// Several jobs that each share their index with workers of the server are in each other's way: a sixth of the work is lost.
const ALONE: &str = "-c max_parallel_maintenance_workers=0";
const GLANCE: Duration = Duration::from_secs(2);
const TICK: Duration = Duration::from_millis(20);

/// A folder that goes with the run; one of a dead run goes with its recovery.
struct Folder(PathBuf);

impl Folder {
    fn make(path: PathBuf) -> Result<Self> {
        let made = DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|error| Error::environment(format!("could not make {}: {error}", path.display())))?;
        Ok(Self(path))
    }

    fn schema(&self) -> PathBuf {
        self.0.join("schema")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// One moment of a large source.
pub(super) struct Parts {
    snapshot: String,
    tables: Vec<Table>,
    /// Holds the schema's archive.
    folder: Folder,
    /// Keeps the picture.
    _session: Talk,
}

/// The folder of one run.
pub fn folder_of(run: &str) -> PathBuf {
    let plain: String = run.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    temporary(format!("shed-copy-{plain}"))
}

impl Copy<'_> {
    /// A picture of the source, and what does not depend on where it goes.
    pub(super) fn parts(&self, run: &str, interrupts: &Interrupts) -> Result<Parts> {
        let folder = Folder::make(folder_of(run))?;
        let (session, snapshot) = self.snapshot()?;
        reach("copy-dump")?;
        let dump = self.schema_archive(&folder.schema(), &snapshot);
        let line = dump.command_line();
        self.source.judge_by(&line, dump.watched(interrupts, &mut || {})?, interrupts)?;
        Ok(Parts { snapshot, tables: self.large_tables()?, folder, _session: session })
    }

    /// The parts of one picture of the source, each through a pipe of its own.
    pub(super) fn in_parts(&self, parts: Parts, aside: &Server, watch: &Watch<'_>) -> Result<()> {
        let schema = parts.folder.schema();
        aside.run(self.section(aside, "pre-data", &schema), watch)?;
        reach("copy-rows")?;
        let rows = self.rows(aside, &parts.snapshot, &parts.tables);
        self.all_through(aside, rows, watch)?;
        reach("copy-restore")?;
        let builder = if self.has_work_for_all(&parts.tables) { aside.with_options(ALONE) } else { aside.clone() };
        let indexes = self.section(&builder, "post-data", &schema).args(["-j", &self.jobs().to_string()]);
        let line = indexes.command_line();
        let mut glance = Glance::of(self.source, aside, watch);
        aside.judge(&line, indexes.watched(watch.interrupts, &mut || glance.take())?, watch).map(drop)
    }

    /// Whether every job has indexes of its own to build.
    fn has_work_for_all(&self, tables: &[Table]) -> bool {
        tables.iter().map(|table| table.indexes).sum::<usize>() >= 2 * self.jobs()
    }

    pub(super) fn schema_archive(&self, to: &Path, snapshot: &str) -> Tool {
        self.dump()
            .args(["--schema-only", "-Fc", "-Z0", "--no-sync"])
            .arg(format!("--snapshot={snapshot}"))
            .arg("-f")
            .arg(to)
    }

    pub(super) fn section(&self, aside: &Server, section: &str, archive: &Path) -> Tool {
        let restore = aside.restore(&self.programs).args(self.without_rights());
        restore.arg(format!("--section={section}")).arg(archive)
    }

    /// What is read and what writes it: a pipe for each large table, the largest first, and one for everything else.
    pub(super) fn rows(&self, aside: &Server, snapshot: &str, tables: &[Table]) -> Vec<(Tool, Tool)> {
        let dump = || self.dump().arg("--data-only").arg(format!("--snapshot={snapshot}"));
        let rest = dump().args(tables.iter().map(|table| format!("--exclude-table-data={}", table.name)));
        let of = |table: &Table| match table.columns.as_ref().filter(|_| self.is_binary) {
            Some(columns) => (self.read_binary(table, columns, snapshot), self.write_binary(aside, table, columns)),
            None => (dump().arg(format!("--table={}", table.name)), self.psql(aside)),
        };
        tables.iter().map(of).chain([(rest, self.psql(aside))]).collect()
    }

    pub(super) fn large_tables(&self) -> Result<Vec<Table>> {
        self.source.answer_in(&self.source.name, TABLES)
    }

    /// Half the work of text, for servers and clients alike.
    fn read_binary(&self, table: &Table, columns: &str, snapshot: &str) -> Tool {
        let copy = format!("copy {} ({columns}) to stdout (format binary)", table.name);
        let picture = format!("set transaction snapshot '{snapshot}'");
        let begin = "begin isolation level repeatable read, read only";
        self.bare_psql(self.source).args(["-c", begin, "-c", &picture, "-c", &copy])
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
        let psql = Tool::new(self.programs.path("psql")).args(["-X", "-w", "-q", "-v", "ON_ERROR_STOP=1"]);
        server.with_variables(psql, &server.name).env("PGCLIENTENCODING", &self.encoding)
    }

    /// Runs the pipes, as many at once as there are jobs; where one fails, the others are ended.
    fn all_through(&self, aside: &Server, pipes: Vec<(Tool, Tool)>, watch: &Watch<'_>) -> Result<()> {
        let waiting = Mutex::new(pipes.into_iter());
        let failed: Mutex<Option<Error>> = Mutex::new(None);
        let work = |interrupts: &Interrupts| {
            while locked(&failed).is_none() {
                let Some((dump, load)) = locked(&waiting).next() else { return };
                let Err(error) = self.through(aside, dump, load, interrupts, &mut || {}) else { continue };
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
        failed.map_or(Ok(()), Err)
    }
}

/// A table with enough rows for a pipe of its own.
#[derive(Debug, Deserialize)]
pub(super) struct Table {
    /// Quoted throughout, as patterns and statements take it.
    name: String,
    columns: Option<String>,
    indexes: usize,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How large the copy is already, looked at now and then.
pub(super) struct Glance<'a> {
    source: &'a Server,
    aside: &'a Server,
    watch: &'a Watch<'a>,
    /// How large it will be; asked when it is told for the first time.
    total: Option<u64>,
    next: Instant,
}

impl<'a> Glance<'a> {
    pub(super) fn of(source: &'a Server, aside: &'a Server, watch: &'a Watch<'a>) -> Self {
        Self { source, aside, watch, total: None, next: Instant::now() + GLANCE }
    }

    pub(super) fn take(&mut self) {
        if Instant::now() < self.next {
            return;
        }
        self.total = self.total.or_else(|| self.source.size().ok());
        if let Ok(size) = self.aside.size() {
            self.watch.progress("copying, bytes", size, self.total);
        }
        self.next = Instant::now() + GLANCE;
    }
}
