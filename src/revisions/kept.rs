//! What is kept of revision files in the cache directory: the facts of each, as long as the file is the same.
//!
//! One file for each set of versions folders. A cache that is corrupt, of another shed or of other folders counts for nothing.

use std::collections::HashMap;
use std::fs::{self, Metadata};
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::environment::Environment;
use crate::keep::{self, private_folder};

use super::Revision;
use super::packed::{self, Packed};

/// The folder of it in the cache directory.
pub const FOLDER: &str = "v1/revisions";
/// So few files are parsed sooner than they are looked up.
const WORTH: usize = 16;
/// Of so many sets of folders; the newest stay.
const MOST: usize = 500;
const MOST_BYTES: usize = 32 << 20;
/// A file that was changed so shortly before it was looked at may change again without showing it.
const RACY: i128 = Duration::from_secs(2).as_nanos() as i128;

/// A file's facts, and how the file looked when they were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub stamp: Stamp,
    /// Whether an unchanged stamp tells of an unchanged file.
    pub settled: bool,
    /// SHA-256 of the content.
    pub digest: [u8; 32],
    pub revision: Revision,
}

/// What changes with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    pub device: u64,
    pub inode: u64,
    pub size: u64,
    /// In nanoseconds.
    pub modified: i128,
    pub changed: i128,
}

impl Stamp {
    pub fn of(found: &Metadata) -> Self {
        let nanoseconds = |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
        Self {
            device: found.dev(),
            inode: found.ino(),
            size: found.len(),
            modified: nanoseconds(found.mtime(), found.mtime_nsec()),
            changed: nanoseconds(found.ctime(), found.ctime_nsec()),
        }
    }

    /// Whether nothing can have happened to the file that this does not show, as seen at that time.
    pub fn is_settled(&self, now: i128) -> bool {
        self.modified.max(self.changed) + RACY < now
    }
}

/// The time in nanoseconds, as files are stamped with it.
pub fn now() -> i128 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| i128::try_from(now.as_nanos()).unwrap_or(0))
}

/// The place of what is known about these folders.
pub struct Kept {
    file: PathBuf,
    /// This shed and the folders; the file says the same in its head.
    about: String,
}

impl Kept {
    /// `None` for a few files, and where there is no cache directory.
    pub fn of(files: usize, folders: &[PathBuf], environment: &Environment) -> Option<Self> {
        if files < WORTH {
            return None;
        }
        let all = environment.cache_dir()?.join(FOLDER);
        let about = format!("{}\n{folders:?}", environment.program());
        Some(Self { file: all.join(format!("{:016x}", keep::digest([about.as_str()]))), about })
    }

    /// The entries by file.
    pub fn read(&self) -> HashMap<PathBuf, Entry> {
        let entries = self.try_read().unwrap_or_default();
        entries.into_iter().map(|entry| (entry.revision.path.clone(), entry)).collect()
    }

    fn try_read(&self) -> Option<Vec<Entry>> {
        if !keep::is_private(self.file.parent()?).ok()? {
            return None;
        }
        let bytes = fs::read(&self.file).ok().filter(|bytes| bytes.len() <= MOST_BYTES)?;
        packed::read(&bytes, &self.about)
    }

    /// Keeps them; a cache that cannot be written to spoils nothing.
    pub fn write(&self, entries: &[Entry]) {
        let _ = self.try_write(&Packed::of(&self.about, entries).finished());
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<()> {
        let folder = self.file.parent().unwrap_or(Path::new("/"));
        private_folder(folder)?;
        if bytes.len() > MOST_BYTES || !keep::is_private(folder)? {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let is_new = !self.file.exists();
        let mut aside = tempfile::Builder::new().prefix("new-").tempfile_in(folder)?;
        aside.write_all(bytes)?;
        aside.persist(&self.file).map_err(|error| error.error)?;
        if is_new { keep::prune(folder, &self.file, MOST) } else { Ok(()) }
    }
}
