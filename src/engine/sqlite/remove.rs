//! Removing a SQLite database, with all that belongs to it.

use std::path::Path;

use rusqlite::Connection;

use crate::error::{Error, Result};
use crate::failpoint::reach;

use super::{File, beside, check, open, recover, words};

impl File {
    pub fn drop_database(&self, force: bool) -> Result<()> {
        let path = self.path()?;
        if !path.exists() {
            return Err(Error::database(format!("{} is not there", path.display())));
        }
        let held = if force { None } else { self.alone(&path)? };
        reach("sqlite-drop")?;
        beside::remove_whole(&path).map_err(|error| words::file(&path, "remove", &error))?;
        drop(held);
        recover::sweep(&path);
        let _ = beside::sync_folder(&path);
        Ok(())
    }

    /// Nobody else has it open, and nobody comes in while this is held.
    fn alone(&self, path: &Path) -> Result<Option<Connection>> {
        let forced = "`--force` removes it all the same";
        let others = beside::other_processes(path);
        if !others.is_empty() {
            return Err(Error::failed(format!("{} is in use by {}", path.display(), others.join(", "))).help(forced));
        }
        if std::fs::metadata(path).is_ok_and(|metadata| metadata.len() == 0) {
            return Ok(None);
        }
        check::is_sqlite(path).map_err(|error| error.help(forced))?;
        let connection =
            open::writer(path, self.patience()).map_err(|error| words::writing(path, &error).help(forced))?;
        // In WAL mode the file is locked only once the log is gone, which takes that nobody else is connected.
        let locked = connection.execute_batch("PRAGMA journal_mode=DELETE; BEGIN EXCLUSIVE");
        match locked {
            Ok(()) => Ok(Some(connection)),
            Err(error) => Err(words::writing(path, &error).help(forced)),
        }
    }
}
