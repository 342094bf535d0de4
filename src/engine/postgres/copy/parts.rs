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

use super::glance::Glance;
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
}
