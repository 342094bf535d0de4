//! Backups: PostgreSQL's own archive in one file, exact to owners and privileges.

use std::fs::File;
use std::path::Path;

use crate::engine::Watch;
use crate::error::{Error, Result};
use crate::failpoint::reach;
use crate::process::Tool;

use super::Server;
use super::in_place;

impl Server {
    pub fn back_up(&self, to: &Path, watch: &Watch<'_>) -> Result<()> {
        let facts = self.facts()?;
        let programs = self.programs_for(facts.major)?;
        reach("backup-dump")?;
        let dump = Tool::new(programs.path("pg_dump")).args(["-w", "-Fc", "--lock-wait-timeout=60000", "-f"]).arg(to);
        self.run(self.with_variables(dump, &self.name), watch)?;
        let unsaved = |error| Error::failed(format!("could not save the backup {}: {error}", to.display()));
        File::open(to).and_then(|file| file.sync_all()).map_err(unsaved)
    }

    /// Only a full read finds what was cut off or changed; the list of contents stands at the beginning.
    pub fn verify_backup(&self, path: &Path, watch: &Watch<'_>) -> Result<()> {
        let restore = Tool::new(self.newest_programs()?.path("pg_restore")).args(["-f", "/dev/null"]).arg(path);
        self.run(restore, watch).map(drop).map_err(|error| unreadable(path, &error))
    }

    pub fn fill_from_backup(&self, path: &Path, watch: &Watch<'_>) -> Result<()> {
        let programs = self.programs_for(self.facts()?.major)?;
        if let Some(script) = self.script() {
            let restore = Tool::new(programs.path("pg_restore")).args(["-1", "-f", "-"]).arg(path);
            return in_place::collect(self, restore, script, watch);
        }
        let jobs = std::thread::available_parallelism().map_or(1, usize::from).min(8).to_string();
        reach("backup-fill")?;
        let restore = self.in_bulk().restore(&programs).args(["-j", &jobs]).arg(path);
        self.run(restore, watch).map(drop)
    }
}

fn unreadable(path: &Path, error: &Error) -> Error {
    match error.words() {
        None => error.clone(),
        Some(words) => Error::failed(format!("the backup {} cannot be read to its end", path.display()))
            .detail(words.detail.clone().unwrap_or_default())
            .help("it is cut off, changed, or not a backup of PostgreSQL"),
    }
}
