//! Before a database is replaced: its lock is taken, and what a dead run left of it is put right.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::engine::journal::Journal;
use crate::engine::{Engine, Lock, Watch};
use crate::error::Result;
use crate::keep::{self, state_dir};

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
        let wish = self.lock_wish(chosen, command);
        let mut lock = engine.lock(&wish, watch)?;
        let state = state_dir(self.environment).unwrap_or_else(|| self.settings.root().join(keep::BESIDE));
        let journal = engine.journal(&state)?;
        let recovered = engine.recover(&journal, watch)?;
        if !recovered.is_empty() {
            recovered.iter().for_each(|line| self.out.line(line));
            // A database that was closed could not be locked from within.
            drop(lock);
            lock = engine.lock(&wish, watch)?;
        }
        Ok(Held { lock, journal, run: run_id() })
    }
}

/// Letters, digits and `_`.
pub fn run_id() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{:x}_{:x}", now.as_millis(), std::process::id())
}
