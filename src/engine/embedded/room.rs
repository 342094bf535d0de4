//! The place of one cluster in the state directory: its locks, and the record of where everything else lies.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::keep;
use crate::process::Account;

/// A cluster's place: `<state>/v1/servers/<name>/<major>/`.
#[derive(Debug, Clone)]
pub struct Room {
    pub folder: PathBuf,
    pub name: String,
    pub major: u32,
}

/// Where the parts of a cluster are, and whose they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    version: u32,
    /// The programs that it was started with last.
    pub bin: PathBuf,
    /// The folder of its data and its log.
    pub home: PathBuf,
    /// The folder of its socket.
    pub sockets: PathBuf,
    /// The role to connect as: PostgreSQL lets in who has this name on the machine.
    pub role: String,
    /// The user that it runs as, where shed is root.
    pub account: Option<Account>,
    idle_ms: u64,
}

impl Record {
    pub fn new(bin: PathBuf, home: PathBuf, sockets: PathBuf, role: String, account: Option<Account>) -> Self {
        Self { version: 1, bin, home, sockets, role, account, idle_ms: 0 }
    }

    #[must_use]
    pub fn idle_after(mut self, idle: Duration) -> Self {
        self.idle_ms = u64::try_from(idle.as_millis()).unwrap_or(u64::MAX);
        self
    }

    pub fn idle(&self) -> Duration {
        Duration::from_millis(self.idle_ms)
    }

    pub fn data(&self) -> PathBuf {
        self.home.join("data")
    }

    pub fn log(&self) -> PathBuf {
        self.home.join("log")
    }

    /// The user whose the folders have to be.
    pub fn owner(&self) -> u32 {
        self.account.map_or_else(own_uid, |account| account.uid)
    }
}

/// The folders that clusters may be in: the state directory, else beside the settings.
pub fn servers_folders(environment: &Environment, beside: Option<&Path>) -> Vec<PathBuf> {
    let beside = beside.map(|folder| folder.join(keep::BESIDE));
    keep::state_dir(environment).into_iter().chain(beside).map(|state| state.join("v1/servers")).collect()
}

/// The first of these folders that can be made and is ours.
pub fn make_servers_folder(environment: &Environment, beside: Option<&Path>) -> Result<PathBuf> {
    let mut last = Error::environment("there is no place for a server of our own").help("set SHED_STATE_DIR");
    for folder in servers_folders(environment, beside) {
        let made = match beside {
            Some(beside) if folder.starts_with(beside.join(keep::BESIDE)) => keep::beside(beside).map(drop),
            _ => Ok(()),
        };
        match made.and_then(|()| keep::private_folder(&folder)) {
            Ok(()) => return demand_ours(&folder).map(|()| folder),
            Err(error) => last = unusable(&folder, &error).help("set SHED_STATE_DIR to a folder that can be written"),
        }
    }
    Err(last)
}

/// Nobody else may have put anything here: what lies here names programs to run.
fn demand_ours(folder: &Path) -> Result<()> {
    match keep::is_ours(folder) {
        Ok(true) => Ok(()),
        Ok(false) => {
            Err(Error::environment(format!("{} belongs to somebody else, or others may write to it", folder.display()))
                .help("set SHED_STATE_DIR to a folder of your own"))
        }
        Err(error) => Err(unusable(folder, &error)),
    }
}

impl Room {
    pub fn of(servers: &Path, name: &str, major: u32) -> Self {
        Self { folder: servers.join(name).join(major.to_string()), name: name.to_owned(), major }
    }

    /// The room in this folder.
    pub fn at(folder: &Path) -> Option<Self> {
        let major = folder.file_name()?.to_str()?.parse().ok()?;
        let name = folder.parent()?.file_name()?.to_str()?.to_owned();
        Some(Self { folder: folder.to_path_buf(), name, major })
    }

    /// All rooms below this folder, by name, the newest version first.
    pub fn all(servers: &Path) -> Vec<Self> {
        let below = |folder: &Path| -> Vec<PathBuf> {
            fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
        };
        let mut rooms: Vec<Self> =
            below(servers).iter().flat_map(|name| below(name)).filter_map(|folder| Self::at(&folder)).collect();
        rooms.sort_by(|a, b| a.name.cmp(&b.name).then(b.major.cmp(&a.major)));
        rooms
    }

    /// The server's name in the settings.
    pub fn title(&self) -> String {
        format!("development.{}", self.name)
    }

    /// Waits until nobody else starts or stops this server, and keeps others from it while the file is held.
    pub fn lock(&self) -> Result<File> {
        loop {
            keep::private_folder(&self.folder).map_err(|error| unusable(&self.folder, &error))?;
            demand_ours(&self.folder)?;
            if let Some(lock) = self.lock_existing()? {
                return Ok(lock);
            }
        }
    }

    /// As [`Room::lock`]; `None` where the room is gone, or went while we waited.
    pub fn lock_existing(&self) -> Result<Option<File>> {
        let path = self.folder.join("lock");
        let unusable = |error| unusable(&path, &error);
        let file = match open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file.map_err(unusable)?,
        };
        file.lock().map_err(unusable)?;
        let held = file.metadata().map_err(unusable)?;
        let is_there = fs::metadata(&path).is_ok_and(|there| there.ino() == held.ino());
        Ok(is_there.then_some(file))
    }

    /// Marks the server as used, for as long as the file is held.
    pub fn share(&self) -> Result<File> {
        let path = self.folder.join("use");
        let shared = open(&path).and_then(|file| {
            file.lock_shared()?;
            file.set_modified(SystemTime::now())?;
            Ok(file)
        });
        shared.map_err(|error| unusable(&path, &error))
    }

    /// Whether a run uses it; none can begin to while [`Room::lock`] is held.
    pub fn is_used(&self) -> bool {
        open(&self.folder.join("use")).is_ok_and(|file| file.try_lock().is_err())
    }

    /// Says that the server is used at this moment.
    pub fn touch(&self) {
        let _ = open(&self.folder.join("use")).and_then(|file| file.set_modified(SystemTime::now()));
    }

    /// How long nobody has used it, as far as it was looked at.
    pub fn idle_for(&self) -> Option<Duration> {
        let used = fs::metadata(self.folder.join("use")).and_then(|metadata| metadata.modified()).ok()?;
        Some(SystemTime::now().duration_since(used).unwrap_or_default())
    }

    /// The right to be the one watcher, with our process in it; `None` where there is one.
    pub fn watch(&self) -> Option<File> {
        let mut file = open(&self.folder.join("watcher")).ok().filter(|file| file.try_lock().is_ok())?;
        file.set_len(0).and_then(|()| file.write_all(std::process::id().to_string().as_bytes())).ok()?;
        Some(file)
    }

    /// The process of the watcher, where one holds the right.
    pub fn watcher(&self) -> Option<i32> {
        let mut file = File::open(self.folder.join("watcher")).ok().filter(|file| file.try_lock_shared().is_err())?;
        let mut text = String::new();
        file.read_to_string(&mut text).ok()?;
        text.trim().parse().ok()
    }

    /// Whether somebody watches, or is about to.
    pub fn is_watched(&self) -> bool {
        open(&self.folder.join("watcher")).is_ok_and(|file| file.try_lock().is_err())
    }

    /// The record, where a whole one is there.
    pub fn record(&self) -> Option<Record> {
        let text = fs::read(self.folder.join("server.json")).ok()?;
        serde_json::from_slice(&text).ok().filter(|record: &Record| record.version == 1)
    }

    pub fn write(&self, record: &Record) -> Result<()> {
        let path = self.folder.join("server.json");
        let written = tempfile::NamedTempFile::new_in(&self.folder).and_then(|mut file| {
            file.write_all(&serde_json::to_vec(record)?)?;
            file.persist(&path).map_err(|error| error.error)
        });
        written.map(drop).map_err(|error| unusable(&path, &error))
    }
}

/// Whether this is a folder of this user that nobody else may enter.
pub fn is_private(folder: &Path, owner: u32) -> bool {
    fs::symlink_metadata(folder)
        .is_ok_and(|metadata| metadata.is_dir() && metadata.uid() == owner && metadata.mode() & 0o077 == 0)
}

pub fn own_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

pub fn unusable(path: &Path, error: &io::Error) -> Error {
    Error::environment(format!("{} cannot be used: {error}", path.display()))
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}
