//! Large copies: the schema, then the rows through several pipes at once, then the indexes in parallel; nothing but the schema touches a disk between.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::engine::postgres::look::row_counts;
use crate::engine::postgres::{Server, literal};
use crate::engine::{Counted, Counts, Watch};
use crate::error::{Error, Result};
use crate::failpoint::reach;
use crate::process::{Captured, Interrupts, Tool};

use super::picture::Picture;
use super::{Copy, temporary};

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

/// What a large source is made of.
pub(super) struct Parts {
    tables: Vec<Table>,
    /// Holds the schema's archive.
    folder: Folder,
}

/// The folder of one run.
pub fn folder_of(run: &str) -> PathBuf {
    let plain: String = run.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    temporary(format!("shed-copy-{plain}"))
}

impl Copy<'_> {
    /// What does not depend on where it goes: the large tables, and the schema's archive.
    pub(super) fn parts(&self, run: &str, picture: &mut Picture, interrupts: &Interrupts) -> Result<Parts> {
        let folder = Folder::make(folder_of(run))?;
        reach("copy-dump")?;
        let tables: Vec<Table> = picture.ask(TABLES)?;
        let told: Vec<&str> =
            tables.iter().filter(|table| self.tells(table)).map(|table| table.plain.as_str()).collect();
        self.count(picture, &told)?;
        let dump = self.schema_archive(&folder.schema(), &picture.snapshot);
        let line = dump.command_line();
        self.source.judge_by(&line, dump.watched(interrupts, &mut || {})?, interrupts)?;
        Ok(Parts { tables, folder })
    }

    /// The parts of one picture of the source, each through a pipe of its own.
    pub(super) fn in_parts(
        &self,
        parts: Parts,
        picture: Picture,
        aside: &Server,
        watch: &Watch<'_>,
    ) -> Result<Counted> {
        let schema = parts.folder.schema();
        aside.run(self.section(aside, "pre-data", &schema), watch)?;
        reach("copy-rows")?;
        let rows = self.rows(aside, &picture.snapshot, &parts.tables);
        let told = self.all_through(aside, rows, watch)?;
        let source = picture.counted(watch.interrupts)?;
        reach("copy-restore")?;
        let builder = if self.has_work_for_all(&parts.tables) { aside.with_options(ALONE) } else { aside.clone() };
        let indexes = self.section(&builder, "post-data", &schema).args(["-j", &self.jobs().to_string()]);
        let line = indexes.command_line();
        let mut glance = Glance::of(self.source, aside, watch);
        aside.judge(&line, indexes.watched(watch.interrupts, &mut || glance.take())?, watch)?;
        let names: Vec<&str> = told.iter().map(|told| told.table).collect();
        let copy = aside.answer_in(&aside.name, &row_counts(&names))?;
        Ok(Counted {
            source: with(source, told.iter().map(|told| (told.table, told.read))),
            copy: with(copy, told.iter().map(|told| (told.table, told.written))),
            of_one_moment: true,
        })
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
        let restore = aside.restore(self.programs).args(self.without_rights());
        restore.arg(format!("--section={section}")).arg(archive)
    }

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
    fn tells(&self, table: &Table) -> bool {
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
    fn all_through<'t>(&self, aside: &Server, pipes: Vec<Pipe<'t>>, watch: &Watch<'_>) -> Result<Vec<Told<'t>>> {
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
struct Told<'t> {
    table: &'t str,
    read: u64,
    written: u64,
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
fn with<'t>(counts: Counts, more: impl Iterator<Item = (&'t str, u64)>) -> Counts {
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
    plain: String,
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
