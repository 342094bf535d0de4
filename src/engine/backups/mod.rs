//! The store of backups: whole files with what is known of them, checked before they count, pruned.
//!
//! A backup is two files in `<location>/<target>/`: the bytes, and beside them a `.json` that is written last.
//!
//! For a command that is about to change a database:
//!
//! ```text
//! let store = Store::of(&options.backup, settings.root());
//! let wish = Wish { target, run, reason: "migrate", heads: &heads, except: &journals };
//! let backup = store.take(&engine, &wish, &watch)?;          // pruned before and after; `backup.path` for the journal
//! …
//! let plain = store.open(&backup, &engine, &watch)?;         // read to its end, decrypted, checked by the engine
//! engine.replace(…, &mut |aside| aside.fill_from_backup(plain.path(), &watch))?;
//! store.prune(target, &except, &watch);                      // again at the end, also where the migration failed
//! ```

mod aside;
mod find;
mod metadata;
mod name;
mod open;
mod pipe;
mod prune;
mod room;
mod take;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use crate::engine::Engine;
use crate::settings;

pub use find::Found;
pub use metadata::Metadata;
pub use name::{digits, now};
pub use room::in_words;
pub use take::{Wish, digest};

/// The reason of a backup of what a restore replaces.
pub const REPLACED: &str = "restore";

/// Where the backups of a project's databases are, and the rules for them.
#[derive(Debug, Clone)]
pub struct Store {
    rules: settings::Backup,
    /// Where `pipe` and `unpipe` run.
    root: PathBuf,
}

/// A backup that counts: both files are there, and as long as they were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// `20261121T063939.123Z-a1b2c3`.
    pub name: String,
    /// The bytes.
    pub path: PathBuf,
    pub metadata: Box<Metadata>,
}

/// What lies in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    Good(Backup),
    /// One of two files is gone, cut, or cannot be read.
    Broken {
        name: String,
        files: Vec<PathBuf>,
        reason: String,
    },
}

impl Store {
    /// `root` is the folder of the settings.
    pub fn of(rules: &settings::Backup, root: &Path) -> Self {
        Self { rules: rules.clone(), root: root.to_path_buf() }
    }

    /// The folder of one target's backups; it need not be there.
    pub fn folder(&self, target: &str) -> PathBuf {
        self.rules.location.join(name::folder_of(target))
    }
}

impl Entry {
    pub fn name(&self) -> &str {
        match self {
            Self::Good(backup) => &backup.name,
            Self::Broken { name, .. } => name,
        }
    }
}

/// The engine's name in metadata, and the ending of its backups.
fn kind(engine: &Engine) -> (&'static str, &'static str) {
    match engine {
        Engine::Sqlite(_) => ("sqlite", "db"),
        Engine::Postgres(_) => ("postgres", "dump"),
    }
}

/// What is the same database in words that last: an inode goes with its file, a path stays.
fn identity(engine: &Engine) -> String {
    match engine {
        Engine::Sqlite(file) => {
            file.real_path().map_or_else(|| engine.place(), |path| format!("sqlite {}", path.display()))
        }
        Engine::Postgres(_) => match engine.identity() {
            super::Identity::Server { host, port, name } => format!("postgres {host}:{port}/{name}"),
            _ => engine.place(),
        },
    }
}
