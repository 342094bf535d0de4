//! What is kept of each run in the state directory: its events and its log. The last twenty stay.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::environment::Environment;
use crate::keep::{self, private_folder, run_id, state_dir};

const KEPT: usize = 20;
const LOG: &str = "log.txt";
/// A file in the record of a run whose journal may still be needed.
const KEEP: &str = "keep";
/// What events and log of a short run take, in bytes.
const ROOM: usize = 16 * 1024;

/// The record of one run: `<state>/v1/runs/<id>/`.
pub struct Record {
    pub id: String,
    folder: PathBuf,
    /// Locked for as long as the run goes on, so that nobody prunes it.
    _held: File,
}

impl Record {
    /// Opens a new record in the first place that can be written to: `SHED_STATE_DIR`, the user's state
    /// directory, `.shed/` beside the settings, and at last the run's own temporary directory.
    pub fn open(environment: &Environment, beside_settings: &Path, temporary: &Path) -> io::Result<Self> {
        let at = |place: &Path| -> io::Result<Self> {
            let runs = place.join("v1/runs");
            let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", runs.display()));
            let (id, folder) = private_folder(&runs).and_then(|()| new_folder(&runs)).map_err(named)?;
            let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", folder.display()));
            let held = hold(&folder).and_then(demand_room).map_err(named)?;
            prune(&runs);
            Ok(Self { id, folder, _held: held })
        };
        let in_state = state_dir(environment).ok_or(io::ErrorKind::NotFound.into()).and_then(|place| at(&place));
        let or_beside = in_state.or_else(|_| at(&keep::beside(beside_settings)?));
        or_beside.or_else(|_| at(temporary))
    }

    pub fn events(&self) -> PathBuf {
        self.folder.join("events.jsonl")
    }

    /// The file that the worker appends its events to.
    pub fn open_events(&self) -> io::Result<File> {
        private_file(&self.events())
    }

    pub fn log_path(&self) -> PathBuf {
        self.folder.join(LOG)
    }

    /// Not to be pruned: a journal names it. Whoever clears the journal gives it free.
    pub fn keep(&self) {
        let _ = private_file(&self.folder.join(KEEP));
    }

    /// Appends to the log; a log that cannot be written spoils no run.
    pub fn log(&self, bytes: &[u8]) {
        let _ = private_file(&self.log_path()).and_then(|mut file| file.write_all(bytes));
    }
}

/// The journal that needed the record of these events is cleared.
pub fn give_free(events: &Path) {
    let _ = fs::remove_file(events.with_file_name(KEEP));
}

fn private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

/// Of two runs that begin in the same microsecond, one takes the next.
fn new_folder(runs: &Path) -> io::Result<(String, PathBuf)> {
    loop {
        let id = run_id();
        let folder = runs.join(&id);
        match fs::DirBuilder::new().mode(0o700).create(&folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => return made.map(|()| (id, folder)),
        }
    }
}

/// File systems without locks hold nothing.
fn hold(folder: &Path) -> io::Result<File> {
    let file = private_file(&folder.join(LOG))?;
    let _ = file.lock_shared();
    Ok(file)
}

fn is_held(folder: &Path) -> bool {
    let log = File::open(folder.join(LOG));
    log.is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
}

/// A full disk is noticed before the run, not by its first event.
fn demand_room(mut log: File) -> io::Result<File> {
    log.write_all(&[0; ROOM])?;
    log.set_len(0)?;
    Ok(log)
}

fn prune(runs: &Path) {
    let Ok(entries) = fs::read_dir(runs) else { return };
    // Run ids begin with the time, so their order is the order of the runs.
    let mut folders: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    folders.sort();
    for old in folders.iter().rev().skip(KEPT).filter(|folder| !folder.join(KEEP).exists() && !is_held(folder)) {
        let _ = fs::remove_dir_all(old);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(state: &Path) -> Environment {
        Environment::of(&[("SHED_STATE_DIR", state.to_str().unwrap())], Path::new("/"))
    }

    #[test]
    fn the_last_twenty_runs_are_kept() {
        let state = tempfile::tempdir().unwrap();
        let environment = environment(state.path());
        let ids: Vec<String> =
            (0..25).map(|_| Record::open(&environment, state.path(), state.path()).unwrap().id).collect();
        let mut kept: Vec<String> = fs::read_dir(state.path().join("v1/runs"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        kept.sort();
        let mut newest = ids[5..].to_vec();
        newest.sort();
        assert_eq!(kept, newest);
    }

    #[test]
    fn a_run_that_goes_on_is_not_pruned_by_others() {
        let state = tempfile::tempdir().unwrap();
        let environment = environment(state.path());
        let open = || Record::open(&environment, state.path(), state.path()).unwrap();
        let slow = open();
        (0..30).for_each(|_| drop(open()));
        assert!(slow.log_path().exists());
        let path = slow.log_path();
        drop(slow);
        drop(open());
        assert!(!path.exists());
    }

    #[test]
    fn a_state_directory_that_cannot_be_made_falls_back_beside_the_settings() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        let record = Record::open(&environment(&folder.path().join("file")), folder.path(), folder.path()).unwrap();
        assert!(record.log_path().starts_with(folder.path().join(".shed")));
        assert_eq!(fs::read_to_string(folder.path().join(".shed/.gitignore")).unwrap(), "*\n");
    }
}
