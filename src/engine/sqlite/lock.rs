//! The lock on a SQLite file: another file beside it, because closing any descriptor of the database drops SQLite's locks.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::process::{Pid, Signal};
use serde::{Deserialize, Serialize};

use crate::engine::lock::{Holder, LockWish, Try};
use crate::error::{Error, Result};

/// A locked file; it is removed when the lock is given back.
pub struct FileLock {
    file: File,
    path: PathBuf,
}

/// What the holder of a lock writes into its file.
#[derive(Debug, Serialize, Deserialize)]
struct Signature {
    pid: u32,
    application: String,
    /// Seconds since 1970.
    since: u64,
}

impl FileLock {
    pub(in crate::engine) fn attempt(path: &Path, wish: &LockWish<'_>) -> Result<Try<Self>> {
        let unusable = |error: std::io::Error| {
            Error::environment(format!("could not lock {}: {error}", path.display()))
                .help("migrating needs a folder that it may write to")
        };
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(Try::Held(holder(&mut file))),
            Err(TryLockError::Error(error)) => return Err(unusable(error)),
        }
        // Whoever held it removed it: this is a lock on a file that nobody else can find.
        if !is_at(&file, path) {
            return Self::attempt(path, wish);
        }
        let lock = Self { file, path: path.to_path_buf() };
        lock.sign(wish).map_err(unusable)?;
        Ok(Try::Taken(lock))
    }

    /// The descriptor for a child: the lock is held until both of us have ended.
    pub fn descriptor(&self) -> Result<OwnedFd> {
        let unusable = |error| Error::environment(format!("could not hand on the lock: {error}"));
        self.file.try_clone().map(OwnedFd::from).map_err(unusable)
    }

    fn sign(&self, wish: &LockWish<'_>) -> std::io::Result<()> {
        let application = format!("shed {} {}", wish.command, wish.target);
        let signature = Signature { pid: std::process::id(), application, since: now() };
        self.file.set_len(0)?;
        (&self.file).write_all(&serde_json::to_vec(&signature)?)
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // While it is held: afterwards the file may be another's.
        let _ = fs::remove_file(&self.path);
    }
}

fn is_at(file: &File, path: &Path) -> bool {
    let (Ok(ours), Ok(there)) = (file.metadata(), fs::metadata(path)) else { return false };
    (ours.dev(), ours.ino()) == (there.dev(), there.ino())
}

/// Who holds the lock on this file now.
pub fn lock_holder(path: &Path) -> Option<Holder> {
    let mut file = File::open(path).ok()?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Some(holder(&mut file)),
        _ => None,
    }
}

/// Asks the process to end, as Ctrl-C would.
pub fn end_holder(pid: u32) -> Result<()> {
    let process = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let ended = process.map(|process| rustix::process::kill_process(process, Signal::INT));
    match ended {
        Some(Ok(())) => Ok(()),
        Some(Err(error)) => Err(Error::environment(format!("could not end process {pid}: {error}"))),
        None => Err(Error::environment(format!("{pid} is no process"))),
    }
}

fn holder(file: &mut File) -> Holder {
    let mut text = String::new();
    let _ = file.rewind().and_then(|()| file.read_to_string(&mut text));
    match serde_json::from_str::<Signature>(&text) {
        Ok(Signature { pid, application, since }) => {
            Holder { pid: Some(pid), application, user: None, seconds: now().saturating_sub(since) }
        }
        Err(_) => Holder::unknown(),
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const WISH: LockWish<'_> = LockWish { timeout: Duration::ZERO, command: "migrate", target: "a.b" };

    fn taken(path: &Path) -> Option<FileLock> {
        match FileLock::attempt(path, &WISH).unwrap() {
            Try::Taken(lock) => Some(lock),
            Try::Held(_) => None,
        }
    }

    #[test]
    fn a_lock_is_one_process_s_and_its_file_goes_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db.shed-lock");
        let lock = taken(&path).unwrap();
        let Try::Held(who) = FileLock::attempt(&path, &WISH).unwrap() else { panic!("taken twice") };
        assert_eq!(who.to_string(), format!("process {} (shed migrate a.b), for 0 s", std::process::id()));
        drop(lock);
        assert!(!path.exists());
        assert!(taken(&path).is_some());
    }

    #[test]
    fn a_descriptor_keeps_it_after_its_holder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db.shed-lock");
        let lock = taken(&path).unwrap();
        let inherited = lock.descriptor().unwrap();
        std::mem::forget(lock); // as a kill would
        // The forgotten lock's own descriptor is still open in this process, as the child's would be.
        assert!(taken(&path).is_none());
        drop(inherited);
    }

    #[test]
    fn a_file_that_a_dead_run_left_is_no_lock() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db.shed-lock");
        fs::write(&path, "{").unwrap();
        assert!(taken(&path).is_some());
    }
}
