//! SQLite: a file, or nothing but memory.

mod beside;
mod check;
mod copy;
mod dump;
mod leave_out;
mod ledger;
mod lock;
mod look;
mod open;
mod pour;
mod recover;
mod remove;
mod replace;
mod script;
mod shell;
mod statements;
#[cfg(test)]
mod tests;
mod words;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use indexmap::IndexMap;

use crate::error::{Error, Result};
use crate::keep;
use crate::settings::{Sqlite, SqlitePath};

use super::{Identity, Parts};

pub use lock::{FileLock, end_holder, lock_holder};

#[derive(Clone)]
pub struct File {
    path: SqlitePath,
    options: IndexMap<String, String>,
    driver: Option<String>,
}

impl File {
    pub fn of(connection: &Sqlite, driver: Option<&str>) -> Self {
        Self {
            path: connection.path.clone(),
            options: connection.options.clone(),
            driver: driver.map(str::to_owned).or_else(|| connection.driver.clone()),
        }
    }

    /// Absent, or the empty file that other tools leave behind is still a database.
    pub fn is_missing(&self) -> bool {
        self.file().is_some_and(|path| !path.exists())
    }

    pub fn parts(&self) -> Parts<'_> {
        let path = self.file().map_or(":memory:".into(), |path| path.to_string_lossy().into_owned());
        Parts::Sqlite { path, query: &self.options, driver: self.driver.as_deref() }
    }

    pub fn identity(&self) -> Identity {
        let Some(path) = self.file() else {
            return Identity::Memory;
        };
        if let Ok(metadata) = fs::metadata(path) {
            return Identity::Inode { device: metadata.dev(), inode: metadata.ino() };
        }
        Identity::Path(self.real_path().unwrap_or_else(|| path.clone()))
    }

    pub fn create(&self) -> Result<()> {
        self.make_folder()?;
        let Some(path) = self.file() else { return Ok(()) };
        match fs::OpenOptions::new().append(true).create(true).open(path) {
            Ok(_) => Ok(()),
            Err(error) => Err(Error::environment(format!("could not create {}: {error}", path.display()))),
        }
    }

    pub fn make_folder(&self) -> Result<()> {
        let Some(folder) = self.file().and_then(|path| path.parent()) else {
            return Ok(());
        };
        match keep::folder(folder) {
            Ok(()) => Ok(()),
            Err(error) => Err(Error::environment(format!("could not make the folder {}: {error}", folder.display()))
                .help("`db_path` names a file in a folder that you may write to")),
        }
    }

    pub fn place(&self) -> String {
        self.file().map_or("sqlite in memory".into(), |path| format!("sqlite {}", path.display()))
    }

    /// The real path of the file, by whatever name or link it is reached; `None` in memory.
    pub fn real_path(&self) -> Option<PathBuf> {
        let path = self.file()?;
        if let Ok(real) = fs::canonicalize(path) {
            return Some(real);
        }
        let folder = path.parent().and_then(|folder| fs::canonicalize(folder).ok());
        Some(match (folder, path.file_name()) {
            (Some(folder), Some(name)) => folder.join(name),
            _ => path.clone(),
        })
    }

    /// Beside the database: `x.db.shed-lock`.
    pub fn lock_path(&self) -> Option<PathBuf> {
        self.beside("shed-lock")
    }

    /// Beside the database: `x.db.shed-journal`.
    pub fn journal_path(&self) -> Option<PathBuf> {
        self.beside("shed-journal")
    }

    /// The name of another file beside the database.
    pub fn beside(&self, ending: &str) -> Option<PathBuf> {
        let mut path = self.real_path()?.into_os_string();
        path.push(format!(".{ending}"));
        Some(path.into())
    }

    fn file(&self) -> Option<&PathBuf> {
        match &self.path {
            SqlitePath::Memory => None,
            SqlitePath::File(path) => Some(path),
        }
    }
}
