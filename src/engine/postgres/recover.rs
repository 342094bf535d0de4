//! After a death: a swap that was broken off is ended or undone, by what the server itself shows.

use crate::engine::Watch;
use crate::engine::journal::{Deed, Entry, Process};
use crate::error::{Error, Result};
use crate::failpoint::reach;

use super::replace::{Swap, building};
use super::{Server, identifier, literal};

/// What became of a swap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Old,
    New,
}

impl Server {
    /// Ends or undoes the swap of a journal; says which. The lock on the target is held.
    pub fn recover_swap(&self, entry: &Entry, watch: &Watch<'_>) -> Result<String> {
        let Deed::Swap { aside, old, had_old, keep_old, .. } = &entry.deed else {
            return Err(Error::failed(format!("{}: the journal tells of no swap", self.place())));
        };
        if entry.process != Process::own() && entry.process.lives() == Some(true) {
            return Err(Error::locked(format!("{}: process {} is at work on it", entry.target, entry.process.pid)));
        }
        let swap = Swap {
            run: entry.run.clone(),
            aside: aside.clone(),
            old: old.clone(),
            had_old: *had_old,
            keep_old: *keep_old,
        };
        Ok(match self.recover(&swap, watch)? {
            Outcome::Old => {
                format!("{} `{}` was broken off and is undone: it holds the old content", entry.target, entry.command)
            }
            Outcome::New => {
                format!("{} `{}` was broken off and is ended: it holds the new content", entry.target, entry.command)
            }
        })
    }

    /// Removes what dead runs left beside this database and no journal here tells of; says what. The lock is held.
    pub fn sweep(&self) -> Result<Vec<String>> {
        let left = self.leftovers()?;
        if left.is_empty() {
            return Ok(left);
        }
        if left.iter().any(|name| name.contains("__shed_new_")) {
            self.reopen()?;
        }
        let facts = self.facts()?;
        for name in &left {
            self.beside(name.as_str()).drop_forcibly(&facts)?;
        }
        Ok(left)
    }

    /// After success, failure and death alike; it may itself be broken off anywhere.
    pub(super) fn recover(&self, swap: &Swap, watch: &Watch<'_>) -> Result<Outcome> {
        // A dead client's CREATE DATABASE or swap may still be working.
        self.end_sessions(&format!("application_name = {}", literal(&building(&swap.run))))?;
        reach("recover-alone")?;
        let _ = std::fs::remove_dir_all(super::copy::folder_of(&swap.run));
        let facts = self.facts()?;
        let (aside, old) = (self.beside(&swap.aside), self.beside(&swap.old));
        let [aside_is_there, old_is_there] = self.are_there([&swap.aside, &swap.old])?;
        if aside_is_there || facts.database.is_none() {
            self.undo(&aside, &old)?;
            reach("recover-opened")?;
            aside.drop_forcibly(&facts)?;
            reach("recover-dropped")?;
            return Ok(Outcome::Old);
        }
        let outcome = if swap.had_old && !old_is_there { Outcome::Old } else { Outcome::New };
        if outcome == Outcome::New && swap.had_old {
            old.retire(swap.keep_old, &facts, watch)?;
        }
        reach("recover-retired")?;
        Ok(outcome)
    }

    /// The old database under its own name, and open.
    fn undo(&self, aside: &Self, old: &Self) -> Result<()> {
        if !self.exists()? && old.exists()? {
            self.administer(&format!("alter database {} rename to {}", identifier(&old.name), identifier(&self.name)))?;
        }
        if aside.exists()? { self.reopen() } else { Ok(()) }
    }

    fn reopen(&self) -> Result<()> {
        if !self.exists()? || self.is_open()? {
            return Ok(());
        }
        self.administer(&format!("alter database {} allow_connections true", identifier(&self.name))).map(drop)
    }

    /// The replaced database goes, or is opened for whoever wants to look at it.
    fn retire(&self, kept: bool, facts: &super::facts::Facts, watch: &Watch<'_>) -> Result<()> {
        if kept {
            return self.reopen();
        }
        if let Err(error) = self.drop_forcibly(facts) {
            // A replication slot may hold it; the next writing command tries again, by its mark.
            watch.warn(&format!("the replaced database {} could not be removed: {error}", self.name));
        }
        Ok(())
    }
}
