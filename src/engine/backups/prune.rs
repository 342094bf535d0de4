//! Keeping the store small: the oldest go first, the only good one never.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::engine::Watch;

use super::{Backup, Entry, Store, find};

impl Store {
    /// Removes what `keep` and `max_bytes` leave over; `except` stays. What cannot be removed is a warning. Gives the names.
    pub fn prune(&self, target: &str, except: &[PathBuf], watch: &Watch<'_>) -> Vec<String> {
        self.prune_for(target, 0, except, watch)
    }

    /// Removes a backup that turned out not to be one.
    pub fn discard(&self, backup: &Backup) {
        let _ = remove(&Entry::Good(backup.clone()));
    }

    /// As [`Store::prune`], where a backup of this size is to come.
    pub(super) fn prune_for(&self, target: &str, coming: u64, except: &[PathBuf], watch: &Watch<'_>) -> Vec<String> {
        let entries = self.entries(target);
        let mut removed = Vec::new();
        for entry in self.superfluous(&entries, coming, except) {
            match remove(entry) {
                Ok(()) => removed.push(entry.name().to_owned()),
                Err(error) => {
                    watch.warn(&format!("{target}: could not remove the old backup {}: {error}", entry.name()))
                }
            }
        }
        if !removed.is_empty() {
            removed.reverse();
            let count =
                if removed.len() == 1 { "an old backup".into() } else { format!("{} old backups", removed.len()) };
            watch.note(&format!("{target}: removed {count}: {}", removed.join(", ")));
        }
        removed
    }

    /// Newest first, as `entries` are. A broken one is of use only while no good one is newer.
    fn superfluous<'e>(&self, entries: &'e [Entry], coming: u64, except: &[PathBuf]) -> Vec<&'e Entry> {
        let (mut kept, mut bytes, mut left_over) = (0, coming, Vec::new());
        for entry in entries {
            match entry {
                Entry::Good(backup) if is_excepted(&backup.path, except) => {
                    kept += 1;
                    bytes += backup.metadata.bytes;
                }
                Entry::Good(backup) => {
                    let total = bytes.saturating_add(backup.metadata.bytes);
                    let too_many = kept >= self.rules.keep.max(1);
                    let too_much = self.rules.max_bytes.is_some_and(|most| total > most);
                    if kept > 0 && (too_many || too_much) {
                        left_over.push(entry);
                    } else {
                        kept += 1;
                        bytes = total;
                    }
                }
                Entry::Broken { files, .. } => {
                    if kept > 0 && !files.iter().any(|file| is_excepted(file, except)) {
                        left_over.push(entry);
                    }
                }
            }
        }
        left_over
    }
}

fn is_excepted(path: &Path, except: &[PathBuf]) -> bool {
    let real = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    except.iter().any(|excepted| excepted == path || real(excepted) == real(path))
}

/// The metadata first: bytes alone are no backup.
fn remove(entry: &Entry) -> io::Result<()> {
    let files = match entry {
        Entry::Good(backup) => &vec![find::metadata_of(&backup.path), backup.path.clone()],
        Entry::Broken { files, .. } => files,
    };
    files.iter().try_for_each(|file| match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    })
}
