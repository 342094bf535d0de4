//! Before a database is replaced: its lock is taken, and what a dead run left of it is put right.

use crate::alembic::recover::{Allowed, Site, recover};
use crate::engine::journal::Journal;
use crate::engine::{Engine, Lock, Watch};
use crate::error::{Error, Result};
use crate::keep::run_id;

use super::Scope;
use super::scope::Chosen;

/// A database that is ours for a while.
pub struct Held {
    pub lock: Lock,
    pub journal: Journal,
    /// Letters, digits and `_`.
    pub run: String,
}

impl Scope<'_> {
    /// Takes the lock on a target and recovers it; says what was recovered.
    pub fn hold(&self, chosen: &Chosen<'_>, engine: &Engine, command: &str, watch: &Watch<'_>) -> Result<Held> {
        // Before anybody is in it: as long as somebody is in template1, nobody can create a database.
        engine.refuse_name()?;
        let Some(journal) = self.journal(engine)? else {
            return Err(Error::usage(format!("{} is in memory: it ends with its process", chosen.name)));
        };
        let Some(options) = chosen.database.as_ref().map(|database| &database.options) else {
            return Err(Error::usage(format!("{command} needs a database")));
        };
        let ask = |question: &str| self.out.agree(question);
        let site = Site {
            engine,
            journal: &journal,
            vault: &self.vault(chosen, engine, options),
            allowed: Allowed { restore: options.restore, ask: &ask },
            target: &chosen.name,
        };
        let (_, lock) = recover(&site, &self.lock_wish(chosen, command), watch)?;
        Ok(Held { lock, journal, run: run_id() })
    }
}
