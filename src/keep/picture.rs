//! Pictures of what lies on disk: digests of files, folders and trees, each taken once.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Nothing that Python reads is in them.
const SKIPPED: [&str; 9] =
    [".git", ".hg", ".svn", ".shed", "__pycache__", "node_modules", ".mypy_cache", ".pytest_cache", ".ruff_cache"];
/// A tree that is larger than this is not looked at.
const MOST_ENTRIES: usize = 50_000;
const MOST_BYTES: u64 = 512 << 20;

/// What of a path counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Aspect {
    /// Everything below: names and contents, without caches, repositories and virtual environments.
    Tree,
    /// The names in a folder.
    Names,
    /// What imports from this folder may mean: modules and packages by name, distributions by version.
    Imports,
    /// The content of a file, or that there is none.
    File,
    /// Size and time of a file that programs are made of.
    Program,
}

/// How something looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Picture {
    pub digest: [u8; 32],
    /// When the last of its files was changed, in nanoseconds; folders change with Python's own caches.
    pub changed: i128,
}

/// All pictures of one run of shed: what several targets share is looked at once.
#[derive(Default)]
pub struct Pictures {
    /// Files that are no part of a tree: the databases of the settings.
    without: HashSet<PathBuf>,
    taken: Mutex<HashMap<(Aspect, PathBuf), Slot>>,
}

type Slot = Arc<OnceLock<Option<Picture>>>;

impl Pictures {
    pub fn without(files: impl IntoIterator<Item = PathBuf>) -> Self {
        Self { without: files.into_iter().collect(), taken: Mutex::default() }
    }

    /// The picture; `None` where it cannot be taken: unreadable, too large, no plain file.
    pub fn of(&self, aspect: Aspect, path: &Path) -> Option<Picture> {
        let slot = {
            let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(taken.entry((aspect, path.to_path_buf())).or_default())
        };
        *slot.get_or_init(|| self.taken(aspect, path).ok())
    }

    /// Whether the tree of this folder shows that path.
    pub fn shows(&self, root: &Path, path: &Path) -> bool {
        let is_seen = |below: &Path| below.iter().all(|name| !is_skipped(name));
        path.strip_prefix(root).is_ok_and(is_seen) && !self.without.contains(path)
    }

    fn taken(&self, aspect: Aspect, path: &Path) -> io::Result<Picture> {
        let mut view =
            View { pictures: self, hash: Sha256::new(), changed: 0, visited: HashMap::new(), bytes: 0, entries: 0 };
        match (aspect, fs::metadata(path)) {
            (_, Err(error)) if is_absent(&error) => view.put("absent", b""),
            (_, Err(error)) => return Err(error),
            (Aspect::Tree, Ok(found)) => view.anything(path, &found)?,
            (Aspect::Names, Ok(_)) => drop(view.names(path, |_| true)?),
            (Aspect::Imports, Ok(found)) if found.is_dir() => view.imports(path)?,
            (Aspect::Imports | Aspect::File, Ok(found)) if found.is_file() => view.file(path, &found)?,
            (Aspect::Program, Ok(found)) => view.stat(&found),
            (Aspect::Imports | Aspect::File, Ok(_)) => return Err(io::ErrorKind::InvalidInput.into()),
        }
        Ok(Picture { digest: view.hash.finalize().into(), changed: view.changed })
    }
}

/// A picture in the making.
struct View<'p> {
    pictures: &'p Pictures,
    hash: Sha256,
    changed: i128,
    /// Folders by device and inode: a link may lead back to one.
    visited: HashMap<(u64, u64), usize>,
    bytes: u64,
    entries: usize,
}

impl View<'_> {
    fn put(&mut self, what: &str, value: &[u8]) {
        for part in [what.as_bytes(), value] {
            self.hash.update((part.len() as u64).to_le_bytes());
            self.hash.update(part);
        }
    }

    fn anything(&mut self, path: &Path, found: &Metadata) -> io::Result<()> {
        self.entries += 1;
        if self.entries > MOST_ENTRIES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        if found.is_dir() {
            return self.folder(path, found);
        }
        if found.is_file() {
            return self.file(path, found);
        }
        self.put("other", &[]);
        Ok(())
    }

    fn folder(&mut self, path: &Path, found: &Metadata) -> io::Result<()> {
        let next = self.visited.len();
        if let Some(before) = self.visited.insert((found.dev(), found.ino()), next) {
            self.visited.insert((found.dev(), found.ino()), before);
            self.put("seen", &before.to_le_bytes());
            return Ok(());
        }
        if path.join("pyvenv.cfg").is_file() {
            self.put("environment", &[]);
            return Ok(());
        }
        self.put("folder", &[]);
        for name in sorted(path)? {
            let path = path.join(&name);
            if is_skipped(&name) || self.pictures.without.contains(&path) {
                continue;
            }
            self.put("name", name.as_bytes());
            self.entry(&path)?;
        }
        self.put("end", &[]);
        Ok(())
    }

    /// What a name stands for; a link also by what it says.
    fn entry(&mut self, path: &Path) -> io::Result<()> {
        let found = fs::symlink_metadata(path)?;
        if !found.is_symlink() {
            return self.anything(path, &found);
        }
        self.changed = self.changed.max(changed(&found));
        self.put("link", fs::read_link(path)?.as_os_str().as_bytes());
        match fs::metadata(path) {
            Ok(found) => self.anything(path, &found),
            // It leads nowhere, or in a circle.
            Err(_) => Ok(()),
        }
    }

    fn file(&mut self, path: &Path, found: &Metadata) -> io::Result<()> {
        self.bytes += found.len();
        if self.bytes > MOST_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.changed = self.changed.max(changed(found));
        let content = fs::read(path)?;
        self.put("file", &content);
        Ok(())
    }

    fn stat(&mut self, found: &Metadata) {
        self.changed = self.changed.max(changed(found));
        let facts =
            [found.len() as i128, i128::from(found.ino()), i128::from(found.mtime()), i128::from(found.mtime_nsec())];
        facts.iter().for_each(|fact| self.put("fact", &fact.to_le_bytes()));
    }

    fn names(&mut self, folder: &Path, counts: impl Fn(&OsStr) -> bool) -> io::Result<BTreeSet<std::ffi::OsString>> {
        let names: BTreeSet<_> =
            sorted(folder)?.into_iter().filter(|name| counts(name) && name != "__pycache__").collect();
        names.iter().for_each(|name| self.put("name", name.as_bytes()));
        Ok(names)
    }

    fn imports(&mut self, folder: &Path) -> io::Result<()> {
        for name in self.names(folder, is_importable)? {
            let path = folder.join(&name);
            let ends = |ending: &str| name.as_bytes().ends_with(ending.as_bytes());
            if ends(".dist-info") || ends(".egg-info") {
                for part in ["METADATA", "RECORD", "PKG-INFO", "entry_points.txt"] {
                    if let Ok(found) = fs::metadata(path.join(part)) {
                        self.stat(&found);
                    }
                }
            } else if (ends(".pth") || ends(".egg-link") || name.as_bytes().starts_with(b".env"))
                && let Ok(found) = fs::metadata(&path)
                && found.is_file()
            {
                self.file(&path, &found)?;
            }
        }
        Ok(())
    }
}

/// A package, a module, a distribution, or a file that adds to the path; `.env` is read by name.
fn is_importable(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else { return false };
    let endings = [".py", ".pyc", ".so", ".pth", ".egg-link", ".dist-info", ".egg-info", ".zip", ".egg"];
    let is_package = |name: &str| name.chars().all(|c| c.is_alphanumeric() || c == '_');
    name.starts_with(".env") || is_package(name) || endings.iter().any(|ending| name.ends_with(ending))
}

fn is_skipped(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| SKIPPED.contains(&name))
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn sorted(folder: &Path) -> io::Result<Vec<std::ffi::OsString>> {
    let mut names = fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>()?;
    names.sort();
    Ok(names)
}

/// By the kernel's clock, which nobody sets for one file.
pub fn changed(found: &Metadata) -> i128 {
    i128::from(found.ctime()) * 1_000_000_000 + i128::from(found.ctime_nsec())
}

#[cfg(test)]
mod tests;
