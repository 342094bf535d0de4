//! The write-ahead journal of one database: what a run was about to do, for whoever comes after its death.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::keep::private_folder;

/// Of the entries; what another version means is not guessed.
pub const VERSION: u32 = 1;

/// Where the journal of one database is.
#[derive(Debug, Clone)]
pub struct Journal {
    path: PathBuf,
}

/// What is written before the deed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub version: u32,
    /// The run's id.
    pub run: String,
    /// The target's name at the time.
    pub target: String,
    /// `migrate`, `downgrade`, `clone`, `restore`, `load`.
    pub command: String,
    /// Host name and boot of the machine, process id and its start: what tells a dead run from a living one.
    pub process: Process,
    /// Seconds since 1970.
    pub since: u64,
    pub deed: Deed,
}

/// The process that wrote an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    pub host: String,
    pub boot: String,
    pub pid: u32,
    /// When it started, as the system counts it.
    pub started: u64,
}

/// What was about to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Deed {
    /// Alembic changes the database.
    Migrate {
        /// The heads before.
        heads: Vec<String>,
        /// The backup that was taken for it.
        backup: Option<PathBuf>,
        /// The events of the run, which say what was committed.
        events: PathBuf,
        /// Whether the engine undoes a revision that is broken off, unless something was committed in its middle.
        rolls_back: bool,
    },
    /// A PostgreSQL database is replaced by another that was built aside.
    Swap {
        database: String,
        aside: String,
        old: String,
        /// Whether the target was there before.
        had_old: bool,
        keep_old: bool,
    },
    /// A SQLite file is replaced by another that was built aside.
    Fill { file: PathBuf, aside: PathBuf },
}

impl Entry {
    /// What this process is about to do, from now on.
    pub fn new(run: &str, target: &str, command: &str, deed: Deed) -> Self {
        Self {
            version: VERSION,
            run: run.to_owned(),
            target: target.to_owned(),
            command: command.to_owned(),
            process: Process::own(),
            since: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
            deed,
        }
    }
}

impl Journal {
    pub fn at(path: PathBuf) -> Self {
        Self { path }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn is_there(&self) -> bool {
        self.path.exists()
    }

    /// The journal of a swap: it may be needed to put back what this one tells of, so that both can be there.
    #[must_use]
    pub fn of_swap(&self) -> Self {
        let mut path = self.path.clone().into_os_string();
        path.push(".swap");
        Self { path: path.into() }
    }

    /// The entry that is there; one that cannot be read is an error, never passed over.
    pub fn read(&self) -> Result<Option<Entry>> {
        let text = match fs::read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.unreadable(&error)),
        };
        let entry: Entry = serde_json::from_slice(&text).map_err(|error| self.unreadable(&error))?;
        if entry.version != VERSION {
            return Err(self.unreadable(&format!("it is of version {}, another shed's", entry.version)));
        }
        Ok(Some(entry))
    }

    /// Writes the entry so that it is there, whole, when this returns.
    pub fn write(&self, entry: &Entry) -> Result<()> {
        let write = || -> io::Result<()> {
            let folder = self.path.parent().unwrap_or(Path::new("."));
            private_folder(folder)?;
            // One name, so that the next run replaces what a dead one left; whoever writes holds the lock.
            let aside = self.aside();
            remove(&aside)?;
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
            file.write_all(&serde_json::to_vec_pretty(entry)?)?;
            file.sync_all()?;
            fs::rename(&aside, &self.path)?;
            File::open(folder)?.sync_all()
        };
        write().map_err(|error| {
            let _ = remove(&self.aside());
            Error::environment(format!("could not write the journal {}: {error}", self.path.display()))
                .help("nothing was changed; SHED_STATE_DIR names another folder for it")
        })
    }

    /// The deed is done, or undone.
    pub fn clear(&self) -> Result<()> {
        remove(&self.aside()).and_then(|()| remove(&self.path)).map_err(|error| {
            Error::environment(format!("could not remove the journal {}: {error}", self.path.display()))
        })
    }

    /// Where an entry is written before it takes its name.
    fn aside(&self) -> PathBuf {
        let mut path = self.path.clone().into_os_string();
        path.push(".new");
        path.into()
    }

    fn unreadable(&self, error: &dyn std::fmt::Display) -> Error {
        Error::failed(format!("the journal {} cannot be read: {error}", self.path.display()))
            .help("an earlier run was broken off: look at the database, then `shed recover TARGET --discard`")
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

impl Process {
    /// This process.
    pub fn own() -> Self {
        let pid = std::process::id();
        Self { host: host(), boot: boot(), pid, started: started(pid).unwrap_or_default() }
    }

    /// Whether the process that wrote this lives still: `None` where it ran on another machine.
    pub fn lives(&self) -> Option<bool> {
        if self.host != host() {
            return None;
        }
        Some(self.boot == boot() && started(self.pid) == Some(self.started))
    }
}

fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// A name for the time since the machine was started; where there is none, process ids are all there is.
fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

/// When a process started; zero where the system does not tell and it lives, `None` where it does not.
fn started(pid: u32) -> Option<u64> {
    if !Path::new("/proc/self/stat").exists() {
        let pid = rustix::process::Pid::from_raw(i32::try_from(pid).ok()?)?;
        return rustix::process::test_kill_process(pid).is_ok().then_some(0);
    }
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name in parentheses and may hold spaces; the 22nd is the start.
    text.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        let deed = Deed::Migrate { heads: vec!["a".into()], backup: None, events: "/e".into(), rolls_back: true };
        Entry { since: 1, ..Entry::new("r1", "billing.prod", "migrate", deed) }
    }

    #[test]
    fn an_entry_is_read_as_it_was_written_and_gone_when_cleared() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::at(folder.path().join("v1/journal/x.json"));
        assert_eq!(journal.read().unwrap(), None);
        journal.write(&entry()).unwrap();
        assert_eq!(journal.read().unwrap(), Some(entry()));
        journal.clear().unwrap();
        journal.clear().unwrap();
        assert_eq!(journal.read().unwrap(), None);
        assert_eq!(fs::read_dir(folder.path().join("v1/journal")).unwrap().count(), 0);
    }

    #[test]
    fn a_journal_that_cannot_be_read_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.json");
        fs::write(&path, "{").unwrap();
        assert_eq!(Journal::at(path).read().unwrap_err().code(), 5);
    }

    #[test]
    fn a_living_process_a_reused_id_another_boot_and_another_host_are_told_apart() {
        let own = Process::own();
        assert_eq!(own.lives(), Some(true));
        assert_eq!(Process { started: own.started + 1, ..own.clone() }.lives(), Some(false));
        assert_eq!(Process { boot: "earlier".into(), ..own.clone() }.lives(), Some(false));
        assert_eq!(Process { host: "elsewhere".into(), ..own }.lives(), None);
    }
}
