//! What a dead run left in a database, put right before anything else writes to it.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use crate::engine::journal::{Deed, Entry, Journal};
use crate::engine::{Engine, Lock, LockWish, Watch};
use crate::error::{Error, Result};
use crate::failpoint;
use crate::process::Interrupts;
use crate::settings::Restore;

use super::event::{Event, Told};
use super::safety::{clear, may_restore};
use super::vault::Vault;

/// What was found and done.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Recovered {
    /// No run was broken off.
    Nothing,
    /// The database is whole: at the old revision, the new one, or one between.
    Whole { heads: Vec<String> },
    /// A half revision was undone: the backup is back.
    PutBack { heads: Vec<String> },
    /// A swap was ended or undone.
    Swapped { words: String },
}

/// Whether a backup may be put back over what the database holds.
#[derive(Clone, Copy)]
pub struct Allowed<'a> {
    pub restore: Restore,
    /// Asks on a terminal; elsewhere there is no answer.
    pub ask: &'a dyn Fn(&str) -> Option<bool>,
}

/// A database, and everything that putting it right takes.
pub struct Site<'a> {
    pub engine: &'a Engine,
    pub journal: &'a Journal,
    pub vault: &'a Vault<'a>,
    pub allowed: Allowed<'a>,
    pub target: &'a str,
}

/// Takes the lock and puts right what a dead run left. Safe to be killed itself: it begins anew.
pub fn recover(site: &Site<'_>, wish: &LockWish<'_>, watch: &Watch<'_>) -> Result<(Recovered, Lock)> {
    let mut lock = site.engine.lock(wish, watch)?;
    let calm = Interrupts::none();
    let watch = &watch.undisturbed(&calm);
    let swapped = site.engine.recover(site.journal, watch)?;
    if !swapped.is_empty() {
        swapped.iter().for_each(|words| watch.note(&format!("{}: {words}", site.target)));
        // A database that was closed could not be locked from within.
        drop(lock);
        lock = site.engine.lock(wish, watch)?;
    }
    let recovered = match site.journal.read()? {
        Some(entry) => site.after_migration(&entry, &mut lock, watch)?,
        None if swapped.is_empty() => Recovered::Nothing,
        None => Recovered::Swapped { words: swapped.join("; ") },
    };
    Ok((recovered, lock))
}

impl Site<'_> {
    fn after_migration(&self, entry: &Entry, lock: &mut Lock, watch: &Watch<'_>) -> Result<Recovered> {
        let Self { engine, journal, vault, target, .. } = self;
        demand_dead(entry, journal, target)?;
        failpoint::reach("recover-begun")?;
        let Deed::Migrate { heads, backup, events, rolls_back } = &entry.deed else {
            return Err(Error::failed(format!("{target}: {} tells of no migration", journal.path().display())));
        };
        let told = told(events)?;
        let now = vault.heads()?.unwrap_or_default();
        if !told.is_half(*rolls_back, || Ok(now.clone()))? {
            clear(journal, entry)?;
            let words = broken_off(entry);
            watch.note(&format!("{target}: {words}; the database is whole, at {}", vault.in_words(&now)));
            return Ok(Recovered::Whole { heads: now });
        }
        if !told.may_be_at(heads, &now) {
            return Err(undecided(target, entry, "somebody has changed its revision since"));
        }
        let Some(backup) = backup else {
            clear(journal, entry)?;
            let words = broken_off(entry);
            watch.warn(&format!("{target}: {words} in the middle of a revision, and there is no backup: look at it"));
            return Ok(Recovered::Whole { heads: now });
        };
        if !may_restore(engine, self.allowed, target, backup)? {
            return Err(undecided(target, entry, "putting its backup back needs your word"));
        }
        vault.keep_failed(&entry.run, watch);
        failpoint::reach("recover-restore")?;
        vault.put_back(backup, lock, &entry.run, journal, watch)?;
        failpoint::reach("recover-restored")?;
        clear(journal, entry)?;
        let words = broken_off(entry);
        watch.note(&format!("{target}: {words}; its backup was put back: at {}", vault.in_words(heads)));
        Ok(Recovered::PutBack { heads: heads.clone() })
    }
}

/// Forgets a dead run: the database stays as it is.
pub fn discard(journal: &Journal) -> Result<()> {
    journal.of_swap().clear()?;
    match journal.read() {
        Ok(Some(entry)) => clear(journal, &entry),
        // One that cannot be read is discarded too: nobody could do anything with it.
        Ok(None) | Err(_) => journal.clear(),
    }
}

/// The lock is ours, and yet its writer may live: on another machine, or where a lock does not reach.
fn demand_dead(entry: &Entry, journal: &Journal, target: &str) -> Result<()> {
    match entry.process.lives() {
        Some(false) => Ok(()),
        Some(true) if entry.process.pid == std::process::id() => Ok(()),
        Some(true) => Err(Error::locked(format!(
            "{target}: process {} is at work on it (shed {} {}), says {}",
            entry.process.pid,
            entry.command,
            entry.target,
            journal.path().display()
        ))
        .help("wait for it to end")),
        None => Err(undecided(target, entry, "it ran on another machine, where the record of what it did lies")),
    }
}

fn undecided(target: &str, entry: &Entry, why: &str) -> Error {
    Error::failed(format!("{target}: {}, and {why}", broken_off(entry))).help(format!(
        "look at the database, then: shed recover {target} --restore (its backup), or shed recover {target} --discard"
    ))
}

/// In words: which run, and where.
pub fn broken_off(entry: &Entry) -> String {
    let Entry { command, process, .. } = entry;
    format!("a {command} of process {} on {} was broken off", process.pid, process.host)
}

/// What the dead run told before it died.
fn told(events: &Path) -> Result<Told> {
    let mut told = Told::default();
    let file = match File::open(events) {
        Ok(file) => file,
        Err(error) => {
            return Err(Error::failed(format!("the record of the broken-off run, {}: {error}", events.display()))
                .help("look at the database, then `shed recover TARGET --restore` or `--discard`"));
        }
    };
    // The last line may be cut: what it would have told had not happened yet.
    for line in BufReader::new(file).lines().map_while(std::io::Result::ok) {
        if let Ok(event) = serde_json::from_str::<Event>(&line) {
            told.hear(&event);
        }
    }
    Ok(told)
}
