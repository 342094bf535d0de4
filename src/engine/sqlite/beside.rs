//! What stands beside a SQLite file: SQLite's own files, ours, other processes, and the room on the disk.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::error::{Error, Result};

use super::words;

/// SQLite's own files, which belong to the content.
const PARTNERS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// A file whose content is in one file alone, as the file system tells it.
#[derive(PartialEq, Eq)]
pub struct Standing {
    inode: u64,
    length: u64,
    modified: Option<SystemTime>,
}

/// A file that goes with its partners when this is dropped, unless it was let go.
pub struct Aside {
    pub path: PathBuf,
    kept: bool,
}

impl Aside {
    /// Makes an empty file that nobody else may read.
    pub fn create(path: PathBuf) -> Result<Self> {
        match fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Ok(_) => Ok(Self { path, kept: false }),
            Err(error) => Err(words::file(&path, "create", &error)),
        }
    }

    /// The file has become something else, and stays.
    pub fn let_go(mut self) {
        self.kept = true;
    }

    pub fn sync(&self) -> Result<()> {
        let sync = || -> io::Result<()> {
            fs::File::open(&self.path)?.sync_all()?;
            sync_folder(&self.path)
        };
        sync().map_err(|error| words::file(&self.path, "write", &error))
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        if !self.kept {
            let _ = remove_whole(&self.path);
        }
    }
}

/// The file of SQLite's beside this one.
pub fn partner(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// The partners that are there.
pub fn partners(path: &Path) -> Vec<PathBuf> {
    PARTNERS.iter().map(|ending| partner(path, ending)).filter(|path| path.exists()).collect()
}

/// Removes a database: the file first, because a file without its journal could be half of something.
pub fn remove_whole(path: &Path) -> io::Result<()> {
    for path in std::iter::once(path.to_path_buf()).chain(partners(path)) {
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

pub fn sync_folder(path: &Path) -> io::Result<()> {
    fs::File::open(folder(path))?.sync_all()
}

pub fn folder(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("/"))
}

/// Whether a log or a journal holds something that belongs to the content.
pub fn holds_more(path: &Path) -> bool {
    let holds = |ending| fs::metadata(partner(path, ending)).is_ok_and(|metadata| metadata.len() > 0);
    holds("-wal") || holds("-journal")
}

/// How a file stands whose content is in it alone; `None` where a log or a journal belongs to it.
pub fn settled(path: &Path) -> Option<Standing> {
    if holds_more(path) {
        return None;
    }
    let metadata = fs::metadata(path).ok()?;
    Some(Standing { inode: metadata.ino(), length: metadata.len(), modified: metadata.modified().ok() })
}

/// An error unless the folder of this path has room for so many bytes.
pub fn need_room(path: &Path, bytes: u64, what: &str) -> Result<()> {
    let Ok(system) = rustix::fs::statvfs(folder(path)) else { return Ok(()) };
    let free = system.f_bavail.saturating_mul(system.f_frsize);
    if free >= bytes {
        return Ok(());
    }
    let (needed, free) = (size(bytes), size(free));
    Err(Error::failed(format!("not enough room in {}: {what} needs {needed}, {free} are free", folder(path).display()))
        .help("nothing was changed; make room there and try again"))
}

/// `1.5 GB`.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub fn size(bytes: u64) -> String {
    let units = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    let Some((unit, name)) = units.into_iter().find(|(unit, _)| bytes >= *unit) else {
        return format!("{bytes} bytes");
    };
    format!("{:.1} {name}", bytes as f64 / unit as f64)
}

/// Who else has this file open, as far as the system tells us: `process 41 (python3)`.
pub fn holders(path: &Path) -> String {
    let others = other_processes(path);
    if others.is_empty() { "another process".into() } else { others.join(", ") }
}

/// The other processes that have this file open; empty where the system does not tell.
pub fn other_processes(path: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pid = |entry: fs::DirEntry| entry.file_name().to_str()?.parse::<u32>().ok();
    let mut pids: Vec<u32> = entries.flatten().filter_map(pid).filter(|pid| *pid != std::process::id()).collect();
    pids.sort_unstable();
    pids.into_iter().filter(|pid| has_open(*pid, path)).map(named).collect()
}

fn has_open(pid: u32, path: &Path) -> bool {
    let Ok(descriptors) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    descriptors.flatten().any(|entry| fs::read_link(entry.path()).is_ok_and(|open| open == path))
}

fn named(pid: u32) -> String {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    format!("process {pid} ({})", name.trim())
}
