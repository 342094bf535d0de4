//! What the commands on backups share: the store of a target, the name it goes by there, the revisions that it holds.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::engine::Engine;
use crate::engine::backups::{Store, key};
use crate::engine::journal::{Deed, Entry, Journal};
use crate::error::{Error, Result};
use crate::keep::{self, state_dir};
use crate::settings::Database;

use super::Scope;
use super::scope::Chosen;

impl Scope<'_> {
    /// The store of a target's backups.
    pub fn store(&self, chosen: &Chosen<'_>) -> Result<Store> {
        Ok(Store::of(&self.database_of(chosen)?.options.backup, self.settings.root()))
    }

    /// The target's name in the store: backups of a database that a URL names are nobody else's.
    pub fn stored_name(&self, chosen: &Chosen<'_>) -> String {
        let database = chosen.database.as_ref();
        let own_name = database.map(|database| format!("{}.{}", chosen.project.name, database.name));
        if own_name.as_ref() == Some(&chosen.name) && !self.is_own(chosen) {
            return format!("{} by URL", chosen.name);
        }
        chosen.name.clone()
    }

    /// Where what is about to be done to a database is written down.
    pub fn journal(&self, engine: &Engine) -> Result<Journal> {
        if let Engine::Sqlite(file) = engine
            && let Some(path) = file.journal_path()
        {
            return Ok(Journal::at(path));
        }
        let state = state_dir(self.environment).unwrap_or_else(|| self.settings.root().join(keep::BESIDE));
        Ok(Journal::at(state.join(format!("v1/journal/{}.json", key(engine)))))
    }

    /// The backups that a journal names are kept: recovery may need them.
    pub fn named_by_journal(&self, chosen: &Chosen<'_>) -> Result<Vec<PathBuf>> {
        let entry = self.journal(&self.reach(chosen)?)?.read();
        // One that cannot be read is the next writing command's trouble.
        Ok(match entry {
            Ok(Some(Entry { deed: Deed::Migrate { backup: Some(backup), .. }, .. })) => vec![backup],
            _ => Vec::new(),
        })
    }
}

/// The rows of the target's version table; none where there is no such table.
pub fn heads(engine: &Engine, database: &Database) -> Result<Vec<String>> {
    let options = &database.options;
    let table = options.version_table.as_deref().unwrap_or("alembic_version");
    let mut heads = engine.heads(options.version_table_schema.as_deref(), table)?.unwrap_or_default();
    heads.sort_unstable();
    Ok(heads)
}

/// An id for work that has no worker: letters, digits and `_`.
pub fn run_id() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{:x}_{}", now.as_millis(), std::process::id())
}

/// A database in memory is gone with the process that has it.
pub fn refuse_memory(chosen: &Chosen<'_>, engine: &Engine) -> Result<()> {
    match engine {
        Engine::Sqlite(file) if file.real_path().is_none() => {
            Err(Error::usage(format!("{}: a database in memory has no backups", chosen.name)))
        }
        _ => Ok(()),
    }
}
