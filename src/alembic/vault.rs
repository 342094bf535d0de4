//! The backups of the database that a run changes: taken, put back, pruned.

use std::path::{Path, PathBuf};

use crate::engine::backups::{Store, Wish};
use crate::engine::journal::Journal;
use crate::engine::{Engine, Lock, Making, Replacement, Watch};
use crate::error::Result;
use crate::settings::Format;

use super::event::heads_in_words;

/// Where the backups of one database are, and how its revision is read.
pub struct Vault<'a> {
    pub engine: &'a Engine,
    /// The target's name in the store.
    pub name: String,
    pub store: Store,
    /// What failed runs left: the last of each target.
    pub failures: Store,
    pub version_table: (Option<String>, String),
    pub format: Format,
}

/// The name in the store of what failed runs left of a target.
pub fn failed(target: &str) -> String {
    format!("{target}.failed")
}

impl Vault<'_> {
    /// The revisions that the database holds; `None` where there is no version table.
    pub fn heads(&self) -> Result<Option<Vec<String>>> {
        self.engine.heads(self.version_table.0.as_deref(), &self.version_table.1)
    }

    /// What the version table holds, in words: of SQL files it names each one.
    pub fn in_words(&self, rows: &[String]) -> String {
        match self.format {
            Format::Python => heads_in_words(rows),
            Format::Sql => rows.iter().max().map_or_else(|| heads_in_words(&[]), Clone::clone),
        }
    }

    /// A verified backup, for a run that is about to change the database.
    pub fn take(&self, run: &str, reason: &str, heads: &[String], watch: &Watch<'_>) -> Result<PathBuf> {
        let wish = Wish { target: &self.name, run, reason, heads, except: &[] };
        self.store.take(self.engine, &wish, &watch.without_notes()).map(|backup| backup.path)
    }

    /// Keeps what a failed run left, for `shed restore --failed`; that it cannot is no reason to leave it half.
    pub fn keep_failed(&self, run: &str, watch: &Watch<'_>) {
        let mut heads = self.heads().ok().flatten().unwrap_or_default();
        if self.format == Format::Sql {
            heads = heads.into_iter().max().into_iter().collect();
        }
        let wish = Wish { target: &failed(&self.name), run, reason: "failed", heads: &heads, except: &[] };
        if let Err(error) = self.failures.take(self.engine, &wish, &watch.without_notes()) {
            watch.warn(&format!("{}: what failed could not be kept: {error}", self.name));
        }
    }

    /// Replaces the database by a backup, which is read to its end first.
    pub fn put_back(
        &self,
        backup: &Path,
        lock: &mut Lock,
        run: &str,
        journal: &Journal,
        watch: &Watch<'_>,
    ) -> Result<()> {
        let found = self.store.find(&self.name, Some(&backup.to_string_lossy()), Path::new("/"))?;
        let plain = self.store.open_found(&found, self.engine, watch)?;
        let run = &run.replace('-', "_"); // it becomes part of names
        let how = Replacement { run, journal, lock, force: true, keep_old: false, making: Making::Before };
        let fill = &mut |aside: &Engine| aside.fill_from_backup(plain.path(), watch);
        self.engine.replace(how, watch, fill).map(drop)
    }

    /// After a run, however it ended.
    pub fn prune(&self, watch: &Watch<'_>) {
        self.store.prune(&self.name, &[], &watch.without_notes());
    }

    /// The name by which `shed restore` takes a backup.
    pub fn name_of(&self, backup: &Path) -> String {
        backup.file_stem().unwrap_or_default().to_string_lossy().into_owned()
    }
}
