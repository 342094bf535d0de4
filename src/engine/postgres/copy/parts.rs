//! Large copies: the schema, then the rows through several pipes at once, then the indexes in parallel; nothing but the schema touches a disk between.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use crate::engine::Watch;
use crate::engine::postgres::{Server, literal};
use crate::error::{Error, Result};
use crate::failpoint::reach;
use crate::process::{Interrupts, Tool};

use super::{Copy, temporary};

/// Tables from 4 MB on, the largest first; the rows of all others, sequences and large objects go with the rest.
const TABLES: &str = r#"select coalesce(json_agg(json_build_array(t.name, t.size) order by t.size desc), '[]') from (
     select '"' || replace(n.nspname, '"', '""') || '"."' || replace(c.relname, '"', '""') || '"' as name, pg_table_size(c.oid) as size
     from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'r'
     and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_'
     and not exists (select from pg_depend e where e.objid = c.oid and e.classid = 'pg_class'::regclass and e.deptype = 'e')
     order by 2 desc limit 200) t where t.size >= 4194304"#;
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
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The folder of one run.
pub fn folder_of(run: &str) -> PathBuf {
    let plain: String = run.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    temporary(format!("shed-copy-{plain}"))
}

impl Copy<'_> {
    /// The parts of one picture of the source, each through a pipe of its own.
    pub(super) fn in_parts(&self, aside: &Server, watch: &Watch<'_>) -> Result<()> {
        let run = aside.name.rsplit_once("__shed_new_").map_or(aside.name.as_str(), |(_, run)| run);
        let folder = Folder::make(folder_of(run))?;
        let schema = folder.0.join("schema");
        let (_session, snapshot) = self.snapshot()?;
        reach("copy-dump")?;
        self.source.run(self.schema_archive(&schema, &snapshot), watch)?;
        aside.run(self.section(aside, "pre-data", &schema), watch)?;
        reach("copy-rows")?;
        let rows = self.rows(&snapshot, &self.groups()?);
        self.all_through(aside, rows, watch)?;
        reach("copy-restore")?;
        let indexes = self.section(aside, "post-data", &schema).args(["-j", &self.jobs().to_string()]);
        let line = indexes.command_line();
        let mut glance = Glance::of(self.source, aside, watch);
        aside.judge(&line, indexes.watched(watch.interrupts, &mut || glance.take())?, watch).map(drop)
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

    /// A dump of rows for each group of tables, and one of everything that is in no group.
    pub(super) fn rows(&self, snapshot: &str, groups: &[Vec<String>]) -> Vec<Tool> {
        let dump = || self.dump().arg("--data-only").arg(format!("--snapshot={snapshot}"));
        let all = groups.iter().flatten().map(|table| format!("--exclude-table-data={table}"));
        let of = |group: &Vec<String>| dump().args(group.iter().map(|table| format!("--table={table}")));
        groups.iter().map(of).chain([dump().args(all)]).collect()
    }

    /// The large tables in as many groups as there are jobs, each of about one size.
    pub(super) fn groups(&self) -> Result<Vec<Vec<String>>> {
        let tables: Vec<(String, u64)> = self.source.answer_in(&self.source.name, TABLES)?;
        Ok(grouped(tables, self.jobs()))
    }

    /// Runs every dump into a `psql` of its own; where one fails, the others are ended.
    fn all_through(&self, aside: &Server, dumps: Vec<Tool>, watch: &Watch<'_>) -> Result<()> {
        let failed: Mutex<Option<Error>> = Mutex::new(None);
        let copy = |dump: Tool, interrupts: &Interrupts| {
            if let Err(error) = self.through(aside, dump, interrupts, &mut || {}) {
                let mut first = failed.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                if first.is_none() {
                    *first = Some(error);
                    let _ = aside.end_sessions(&format!("datname = {}", literal(&aside.name)));
                }
            }
        };
        let mut glance = Glance::of(self.source, aside, watch);
        thread::scope(|scope| {
            let copy = &copy;
            let interrupts = watch.interrupts;
            let jobs: Vec<_> = dumps.into_iter().map(|dump| scope.spawn(move || copy(dump, interrupts))).collect();
            while !jobs.iter().all(thread::ScopedJoinHandle::is_finished) {
                thread::sleep(TICK);
                glance.take();
            }
        });
        match failed.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

/// The largest first, each into the group that has least.
fn grouped(tables: Vec<(String, u64)>, jobs: usize) -> Vec<Vec<String>> {
    let mut groups: Vec<(u64, Vec<String>)> = vec![(0, Vec::new()); jobs];
    for (table, size) in tables {
        if let Some((total, group)) = groups.iter_mut().min_by_key(|(total, _)| *total) {
            *total += size;
            group.push(table);
        }
    }
    groups.into_iter().map(|(_, group)| group).filter(|group| !group.is_empty()).collect()
}

/// How large the copy is already, looked at now and then.
pub(super) struct Glance<'a> {
    aside: &'a Server,
    watch: &'a Watch<'a>,
    total: Option<u64>,
    next: Instant,
}

impl<'a> Glance<'a> {
    pub(super) fn of(source: &Server, aside: &'a Server, watch: &'a Watch<'a>) -> Self {
        Self { aside, watch, total: source.size().ok(), next: Instant::now() + GLANCE }
    }

    pub(super) fn take(&mut self) {
        if Instant::now() < self.next {
            return;
        }
        if let Ok(size) = self.aside.size() {
            self.watch.progress("copying, bytes", size, self.total);
        }
        self.next = Instant::now() + GLANCE;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_spread_by_size() {
        let tables = [("a", 9), ("b", 5), ("c", 4), ("d", 1)].map(|(name, size)| (name.to_owned(), size)).to_vec();
        assert_eq!(grouped(tables.clone(), 2), [vec!["a", "d"], vec!["b", "c"]]);
        assert_eq!(grouped(tables[..1].to_vec(), 4), [vec!["a"]]);
        assert!(grouped(Vec::new(), 4).is_empty());
    }
}
