//! Large copies: the schema, then the rows through several pipes at once, then the indexes in parallel; nothing but the schema touches a disk between.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::engine::postgres::Server;
use crate::engine::postgres::look::row_counts;
use crate::engine::{Counted, Watch};
use crate::error::{Error, Result};
use crate::failpoint::reach;
use crate::process::{Interrupts, Tool};

use super::contents::Contents;
use super::glance::Glance;
use super::jobs::{Build, Jobs};
use super::picture::Picture;
use super::rows::{TABLES, Table, with};
use super::{Copy, temporary};

/// Several jobs that each share their index with workers of the server are in each other's way: a sixth of the work is lost.
const ALONE: &str = "-c max_parallel_maintenance_workers=0";

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

    /// A file for `pg_restore -L`.
    fn list(&self, name: &str, entries: &[u32]) -> Result<PathBuf> {
        let path = self.0.join(name);
        let text: String = entries.iter().map(|entry| format!("{entry};\n")).collect();
        let written = std::fs::write(&path, text);
        written.map_err(|error| Error::environment(format!("could not write {}: {error}", path.display())))?;
        Ok(path)
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
        let tables: Vec<Table> = picture.ask(TABLES, interrupts)?;
        let told: Vec<&str> =
            tables.iter().filter(|table| self.tells(table)).map(|table| table.plain.as_str()).collect();
        self.count(picture, &told)?;
        self.source.run_by(self.schema_archive(&folder.schema(), &picture.snapshot), interrupts)?;
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
        let builder = if self.has_work_for_all(&parts.tables) { aside.with_options(ALONE) } else { aside.clone() };
        let (builds, others) = self.builds(&builder, &parts, watch)?;
        let jobs = Jobs::of(self.rows(aside, &picture.snapshot, &parts.tables), builds);
        let (source, told) = self.work_off(aside, jobs, picture, watch)?;
        reach("copy-restore")?;
        let others = others.args(["-j", &self.jobs().to_string()]);
        let line = others.command_line();
        let mut glance = Glance::of(self.source, aside, watch);
        aside.judge(&line, others.watched(watch.interrupts, &mut || glance.take())?, watch)?;
        let names: Vec<&str> = told.iter().map(|told| told.table).collect();
        let copy = aside.answer_in(&aside.name, &row_counts(&names))?;
        Ok(Counted {
            source: with(source, told.iter().map(|told| (told.table, told.read))),
            copy: with(copy, told.iter().map(|told| (told.table, told.written))),
            of_one_moment: true,
        })
    }

    /// What builds the indexes of each large table, and what makes everything else that comes after the rows.
    fn builds<'t>(&self, builder: &Server, parts: &'t Parts, watch: &Watch<'_>) -> Result<(Vec<Build<'t>>, Tool)> {
        let (schema, tables) = (parts.folder.schema(), &parts.tables);
        let post_data = |builder: &Server| self.section(builder, "post-data", &schema);
        if !self.are_alike(tables) {
            return Ok((Vec::new(), post_data(builder)));
        }
        let list = Tool::new(self.programs.path("pg_restore")).arg("-l").arg(&schema);
        let mut contents = Contents::read(&builder.run(list, watch)?.stdout);
        let mut builds = Vec::new();
        for (at, table) in tables.iter().enumerate() {
            let list = parts.folder.list(&at.to_string(), &contents.take(&table.indexes))?;
            let builder = builder.with_options(&table.memory());
            builds.push(Build { table: &table.plain, restore: post_data(&builder).arg("-L").arg(list) });
        }
        let list = parts.folder.list("others", &contents.rest())?;
        Ok((builds, post_data(builder).arg("-L").arg(list)))
    }

    /// Whether every job has indexes of its own to build.
    fn has_work_for_all(&self, tables: &[Table]) -> bool {
        tables.iter().map(|table| table.indexes.len()).sum::<usize>() >= 2 * self.jobs()
    }

    /// Whether no table is more than one job's share: else several jobs build the indexes of one.
    pub(super) fn are_alike(&self, tables: &[Table]) -> bool {
        let (all, jobs) = (tables.iter().map(|table| table.size).sum::<u64>(), self.jobs() as u64);
        tables.iter().all(|table| table.size.saturating_mul(jobs) <= all)
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
}
