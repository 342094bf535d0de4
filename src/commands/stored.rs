//! What the commands on backups share: the store of a target, the name it goes by there, the revisions that it holds.

use std::path::PathBuf;

use crate::engine::Engine;
use crate::engine::backups::Store;
use crate::engine::journal::{Deed, Entry};
use crate::error::{Error, Result};
use crate::settings::{Database, Format, Project};

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

    /// The backup that the journal of a dead run names is kept: recovery may need it.
    pub fn named_by_journal(&self, engine: &Engine) -> Result<Vec<PathBuf>> {
        // One that cannot be read is the next writing command's trouble.
        let entry = self.journal(engine)?.and_then(|journal| journal.read().ok().flatten());
        Ok(match entry {
            Some(Entry { deed: Deed::Migrate { backup: Some(backup), .. }, .. }) => vec![backup],
            _ => Vec::new(),
        })
    }
}

/// The rows of the target's version table, of SQL files the highest; none where there is no such table.
pub fn heads(engine: &Engine, project: &Project, database: &Database) -> Result<Vec<String>> {
    let (schema, table) = project.version_table(&database.options);
    let mut heads = engine.heads(schema.as_deref(), &table)?.unwrap_or_default();
    heads.sort_unstable();
    if project.format == Format::Sql {
        heads.drain(..heads.len().saturating_sub(1));
    }
    Ok(heads)
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
