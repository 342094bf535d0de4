//! A run that writes, kept safe: lock, recovery, journal, backup, and putting back what the engine cannot roll back.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::engine::journal::{Deed, Entry, Journal};
use crate::engine::{Engine, Lock, LockWish, Watch};
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::failpoint;
use crate::process::Interrupts;
use crate::revisions::git;
use crate::settings::Restore;

use super::event::Told;
use super::record::{Record, give_free};
use super::recover::{Allowed, Site, recover};
use super::vault::Vault;

/// What keeps one run safe, and what is allowed for it.
pub struct Safety<'a> {
    pub engine: &'a Engine,
    pub journal: Journal,
    pub rules: Rules<'a>,
    pub vault: Vault<'a>,
    pub watch: Watch<'a>,
    /// What became of the backup.
    pub kept: Kept,
    lock: Option<Lock>,
    written: Option<Entry>,
}

/// The backup of a run.
#[derive(Debug, Clone, Default)]
pub struct Kept {
    /// Where it was taken to.
    pub backup: Option<PathBuf>,
    /// Whether it was put back.
    pub restored: bool,
}

/// What the safety of a run hangs on, chosen for it.
pub struct Rules<'a> {
    pub target: &'a str,
    /// `migrate`, `downgrade` …, for waiters and for the names of backups.
    pub command: &'a str,
    /// How long the lock is waited for.
    pub timeout: Duration,
    pub backs_up: bool,
    pub allowed: Allowed<'a>,
    /// Whether the engine undoes a revision that fails, unless something was committed in its middle.
    pub rolls_back: bool,
    /// Where git is asked for the commit, for the ledger.
    pub folder: PathBuf,
    pub environment: &'a Environment,
}

/// Makes the worker give back the lock that it holds.
pub type Release = Box<dyn FnOnce()>;

impl<'a> Safety<'a> {
    pub fn new(engine: &'a Engine, journal: Journal, vault: Vault<'a>, watch: Watch<'a>, rules: Rules<'a>) -> Self {
        Self { engine, journal, rules, vault, watch, kept: Kept::default(), lock: None, written: None }
    }

    /// Before the worker starts: what a dead run left is put right; the descriptor of the lock, where it is a file.
    pub fn begin(&mut self) -> Result<Option<OwnedFd>> {
        match self.engine {
            Engine::Sqlite(_) => {
                let lock = self.recover()?;
                let descriptor = match &lock {
                    Lock::File(file) => Some(file.descriptor()?),
                    _ => None,
                };
                self.lock = Some(lock);
                Ok(descriptor)
            }
            // The worker takes the lock of a server; ours is for the recovery alone.
            Engine::Postgres(_) => {
                if self.journal.is_there() || self.journal.of_swap().is_there() {
                    drop(self.recover()?);
                }
                Ok(None)
            }
        }
    }

    /// Something is pending and the lock is held: backup, then journal, then the run may go on.
    pub(super) fn before(&mut self, record: &Record, heads: &[String], rows: Option<&[String]>) -> Result<()> {
        if self.journal.is_there() {
            return Err(Error::failed(format!("{}: an earlier run was broken off just now", self.rules.target))
                .help("run it again: it is put right first"));
        }
        failpoint::reach("migrate-locked")?;
        let backup = if self.rules.backs_up {
            Some(self.vault.take(&record.id, self.rules.command, heads, &self.watch)?)
        } else {
            None
        };
        failpoint::reach("migrate-backed-up")?;
        self.kept.backup.clone_from(&backup);
        let (heads, rolls_back) = (rows.unwrap_or(heads).to_vec(), self.rules.rolls_back);
        let deed = Deed::Migrate { heads, backup, events: record.events(), rolls_back };
        let entry = Entry::new(&record.id, self.rules.target, self.rules.command, deed);
        record.keep();
        self.journal.write(&entry)?;
        self.written = Some(entry);
        failpoint::reach("migrate-journal-written")
    }

    /// What the worker cannot know and writes into the ledger, as a line of JSON.
    pub(super) fn for_ledger(&self) -> String {
        let commit = git::commit_at(&self.rules.folder, self.rules.environment);
        serde_json::json!({ "git_commit": commit, "backup": self.kept.backup }).to_string()
    }

    /// After the steps, or after the worker's death: keeps what is whole, puts back what is half. The words say what
    /// was done, where there is something to say. `release` makes the worker give its lock back.
    pub fn settle(&mut self, told: &Told, good: bool, release: Option<Release>) -> Result<Option<String>> {
        let Some(entry) = self.written.take() else { return Ok(None) };
        failpoint::reach("migrate-run-ended")?;
        if good || !told.is_half(self.rules.rolls_back, || Ok(self.vault.heads()?.unwrap_or_default()))? {
            self.clear(&entry)?;
            failpoint::reach("migrate-journal-cleared")?;
            return Ok(None);
        }
        let mut lock = match (self.lock.take(), release) {
            (Some(lock), _) => lock,
            (None, Some(release)) => Lock::Worker(Some(release)),
            (None, None) => self.engine.lock(&self.wish(), &self.watch)?,
        };
        let Deed::Migrate { heads, backup, .. } = &entry.deed else { return Ok(None) };
        let place = self.engine.place();
        let Some(backup) = backup else {
            self.clear(&entry)?;
            return Ok(Some(format!(
                "a part of the failed revision stays in {place}: there is no backup (--backup takes one)"
            )));
        };
        let command = format!("shed restore {} {}", self.rules.target, self.vault.name_of(backup));
        if !may_restore(self.engine, self.rules.allowed, self.rules.target, backup)? {
            self.clear(&entry)?;
            return Ok(Some(format!(
                "a part of the failed revision stays in {place}; to put the backup back: {command}"
            )));
        }
        self.put_back(backup, &mut lock, &entry.run, &command)?;
        self.kept.restored = true;
        self.clear(&entry)?;
        Ok(Some(format!(
            "the backup was put back: the database is at {} as before (what failed is kept: shed restore {} --failed)",
            self.vault.in_words(heads),
            self.rules.target
        )))
    }

    fn put_back(&self, backup: &Path, lock: &mut Lock, run: &str, command: &str) -> Result<()> {
        // No signal stops what puts a database back.
        let calm = Interrupts::none();
        let watch = self.watch.undisturbed(&calm);
        self.vault.keep_failed(run, &watch);
        failpoint::reach("migrate-restore")?;
        self.vault.put_back(backup, lock, run, &self.journal, &watch).map_err(|error| {
            Error::failed(format!("{}: the backup could not be put back: {error}", self.rules.target))
                .help(format!("the database is as the failed run left it; when the cause is mended: {command}"))
        })?;
        failpoint::reach("migrate-restored")?;
        Ok(())
    }

    fn clear(&self, entry: &Entry) -> Result<()> {
        clear(&self.journal, entry)?;
        self.vault.prune(&self.watch);
        Ok(())
    }

    pub(super) fn wish(&self) -> LockWish<'_> {
        LockWish { timeout: self.rules.timeout, command: self.rules.command, target: self.rules.target }
    }

    /// Takes the lock; what a dead run left is put right.
    fn recover(&self) -> Result<Lock> {
        let Self { engine, journal, vault, rules, .. } = self;
        let site = Site { engine, journal, vault, allowed: rules.allowed, target: rules.target };
        recover(&site, &self.wish(), &self.watch).map(|(_, lock)| lock)
    }
}

/// Whether a backup may be put back: what other clients wrote since would be lost.
pub(super) fn may_restore(engine: &Engine, allowed: Allowed<'_>, target: &str, backup: &Path) -> Result<bool> {
    let others = engine.lasting_sessions(&|session| !session.application.starts_with("shed"))?;
    match allowed.restore {
        Restore::Never => return Ok(false),
        Restore::Auto if others.is_empty() => return Ok(true),
        Restore::Auto | Restore::Ask => {}
    }
    let who = match others.len() {
        0 => String::new(),
        count => format!(", and {count} of their sessions are connected now"),
    };
    let name = backup.file_name().unwrap_or_default().to_string_lossy();
    Ok((allowed.ask)(&format!("{target}: put the backup {name} back? What others wrote since is lost{who}"))
        == Some(true))
}

/// The journal goes, and with it the need for the record of its run.
pub(super) fn clear(journal: &Journal, entry: &Entry) -> Result<()> {
    if let Deed::Migrate { events, .. } = &entry.deed {
        give_free(events);
    }
    journal.clear()
}
