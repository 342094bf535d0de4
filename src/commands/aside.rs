//! `revision --dry-run`: the file goes to a folder that is thrown away.

use std::path::PathBuf;

use tempfile::TempDir;

use crate::alembic::event::Wrote;
use crate::alembic::{Plan, Step};
use crate::error::{Error, Result};
use crate::settings::VersionsEntry;

pub struct Aside {
    folder: TempDir,
}

impl Aside {
    /// Adds the folder to the plan's versions and sends the new revision there.
    pub fn of(plan: &mut Plan<'_>) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("shed-dry-run-").tempdir();
        let folder = folder.map_err(|error| Error::environment(format!("could not make a folder: {error}")))?;
        plan.versions.push(VersionsEntry::Folder(folder.path().to_path_buf()));
        for step in &mut plan.steps {
            if let Step::Alembic { argv, .. } = step {
                argv.retain(|argument| !argument.starts_with("--version-path="));
                argv.push(format!("--version-path={}", folder.path().display()));
            }
        }
        Ok(Self { folder })
    }

    /// The text of what was written.
    pub fn text(&self, wrote: &[Wrote]) -> Option<String> {
        let path = PathBuf::from(&wrote.first()?.path);
        path.starts_with(self.folder.path()).then(|| std::fs::read_to_string(path).ok())?
    }
}
