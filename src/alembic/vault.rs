//! The backups of the database that a run changes: taken, put back, pruned.

use std::path::{Path, PathBuf};

use crate::engine::journal::Journal;
use crate::engine::{Engine, Lock, Watch};
use crate::error::{Error, Result};

/// Where the backups of one database are, and how its revision is read.
pub struct Vault<'a> {
    pub engine: &'a Engine,
    pub target: &'a str,
    pub version_table: (Option<String>, String),
}

impl Vault<'_> {
    /// The revisions that the database holds; `None` where there is no version table.
    pub fn heads(&self) -> Result<Option<Vec<String>>> {
        self.engine.heads(self.version_table.0.as_deref(), &self.version_table.1)
    }

    /// A verified backup, for a run that is about to change the database.
    pub fn take(&self, _run: &str, _reason: &str, _heads: &[String], _watch: &Watch<'_>) -> Result<PathBuf> {
        Err(Error::environment("not built yet"))
    }

    /// Keeps what a failed run left, for `shed restore --failed`; that it cannot is no reason to leave it half.
    pub fn keep_failed(&self, _run: &str, _watch: &Watch<'_>) {}

    /// Replaces the database by a backup.
    pub fn put_back(
        &self,
        _backup: &Path,
        _lock: &mut Lock,
        _run: &str,
        _journal: &Journal,
        _watch: &Watch<'_>,
    ) -> Result<()> {
        Err(Error::environment("not built yet"))
    }

    /// After a run, however it ended.
    pub fn prune(&self, _watch: &Watch<'_>) {}

    /// The name by which `shed restore` takes a backup.
    pub fn name_of(&self, backup: &Path) -> String {
        backup.file_stem().unwrap_or_default().to_string_lossy().into_owned()
    }
}
