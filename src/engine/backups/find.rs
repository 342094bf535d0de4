//! What lies in the store, and which backup a word means.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

use super::metadata::Metadata;
use super::{Backup, Entry, REPLACED, Store, name};

/// What a word means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A backup with its metadata, in the store or outside of it.
    Kept(Backup),
    /// A file without metadata: whose it is nobody knows.
    Stray(PathBuf),
}

impl Found {
    pub fn path(&self) -> &Path {
        match self {
            Self::Kept(backup) => &backup.path,
            Self::Stray(path) => path,
        }
    }
}

impl Store {
    /// Everything of a target, the newest first.
    pub fn entries(&self, target: &str) -> Vec<Entry> {
        let folder = self.folder(target);
        let mut names: Vec<String> = fs::read_dir(&folder)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| stem(entry.file_name().to_str()?))
            .filter(|name| name::time_of(name).is_some())
            .collect();
        names.sort_unstable_by(|a, b| b.cmp(a));
        names.dedup();
        names.into_iter().map(|name| entry(&folder, name)).collect()
    }

    /// The backups of a target that count, the newest first.
    pub fn list(&self, target: &str) -> Vec<Backup> {
        let good = |entry| if let Entry::Good(backup) = entry { Some(backup) } else { None };
        self.entries(target).into_iter().filter_map(good).collect()
    }

    /// The backup that a word means: none the newest that no restore took; a name or its beginning; a revision's
    /// beginning; a path.
    pub fn find(&self, target: &str, word: Option<&str>, working_dir: &Path) -> Result<Found> {
        let backups = self.list(target);
        let Some(word) = word else {
            // What a restore replaced is asked for by its name: a second try must not bring it back.
            return self.newest(target);
        };
        if word.contains('/') {
            return at_path(&working_dir.join(word));
        }
        let plain = stem(word).unwrap_or_else(|| word.to_owned());
        if let Some(exact) = backups.iter().find(|backup| backup.name == plain) {
            return Ok(Found::Kept(exact.clone()));
        }
        let named: Vec<&Backup> = backups.iter().filter(|backup| backup.name.starts_with(word)).collect();
        let revised: Vec<&Backup> = backups.iter().filter(|backup| is_at(backup, word)).collect();
        let same_heads = revised.windows(2).all(|two| two[0].metadata.heads == two[1].metadata.heads);
        match (named.as_slice(), revised.as_slice()) {
            ([only], []) => Ok(Found::Kept((*only).clone())),
            // The newest of several at the same revision.
            ([], [newest, ..]) if same_heads => Ok(Found::Kept((*newest).clone())),
            ([], []) if working_dir.join(word).is_file() => at_path(&working_dir.join(word)),
            ([], []) => Err(self.nothing(target, format!("{target} has no backup `{word}`"))),
            _ => {
                let lines = named.iter().chain(&revised).map(|backup| format!("  {}", backup.name));
                Err(Error::usage(format!("`{word}` means several backups of {target}"))
                    .detail(lines.collect::<Vec<_>>().join("\n"))
                    .help("write more of the name"))
            }
        }
    }

    fn newest(&self, target: &str) -> Result<Found> {
        for entry in self.entries(target) {
            match entry {
                Entry::Good(backup) if backup.metadata.reason != REPLACED => return Ok(Found::Kept(backup)),
                // One without metadata is what a dead run left; one that was whole once is not passed over in silence.
                Entry::Broken { name, files, reason }
                    if files.iter().any(|file| file.ends_with(format!("{name}.json"))) =>
                {
                    return Err(Error::failed(format!("the newest backup of {target}, {name}, is broken: {reason}"))
                        .help("`shed backups` lists the others; name the one that you want"));
                }
                _ => {}
            }
        }
        Err(self.nothing(target, format!("{target} has no backup")))
    }

    fn nothing(&self, target: &str, what: String) -> Error {
        let broken = |entry: &Entry| match entry {
            Entry::Broken { name, reason, .. } => Some(format!("  {name}: {reason}")),
            Entry::Good(_) => None,
        };
        let broken: Vec<String> = self.entries(target).iter().filter_map(broken).collect();
        let error = Error::usage(format!("{what} in {}", self.folder(target).display()));
        let error = if broken.is_empty() { error } else { error.detail(broken.join("\n")) };
        error.help("`shed backups` lists them; a word with a / is the path of a file")
    }
}

/// The metadata beside a file of bytes: `x.json` for `x.db` and `x.dump`.
pub(super) fn metadata_of(bytes: &Path) -> PathBuf {
    let name = bytes.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let name = stem(name).unwrap_or_else(|| name.to_owned());
    bytes.with_file_name(OsString::from(format!("{name}.json")))
}

/// A name without the ending that the store gives.
fn stem(file: &str) -> Option<String> {
    let (name, ending) = file.rsplit_once('.')?;
    ["db", "dump", "json"].contains(&ending).then(|| name.to_owned())
}

fn is_at(backup: &Backup, word: &str) -> bool {
    let heads = &backup.metadata.heads;
    if heads.is_empty() { word == "base" } else { heads.iter().any(|head| head.starts_with(word)) }
}

fn entry(folder: &Path, name: String) -> Entry {
    let of_name = |ending: &str| folder.join(format!("{name}.{ending}"));
    let files = [of_name("json"), of_name("db"), of_name("dump")];
    let broken = |name: String, reason: String| {
        let files = files.iter().filter(|file| file.exists()).cloned().collect();
        Entry::Broken { name, files, reason }
    };
    if !files[0].exists() {
        return broken(name, "it has no metadata".into());
    }
    match backup(folder, name.clone()) {
        Ok(backup) => Entry::Good(backup),
        Err(reason) => broken(name, reason),
    }
}

/// A backup whose metadata lies in this folder.
fn backup(folder: &Path, name: String) -> std::result::Result<Backup, String> {
    let metadata = Metadata::read(&folder.join(format!("{name}.json")))?;
    let path = folder.join(&metadata.file);
    // A name that leads elsewhere is nobody's backup.
    if stem(&metadata.file).as_deref() != Some(&name) {
        return Err(format!("its metadata is that of {}", metadata.file));
    }
    match fs::metadata(&path) {
        Err(_) => Err(format!("{} is gone", metadata.file)),
        Ok(found) if found.len() != metadata.bytes => {
            Err(format!("it has {} bytes; {} were written", found.len(), metadata.bytes))
        }
        Ok(_) => Ok(Backup { name, path, metadata: Box::new(metadata) }),
    }
}

fn at_path(path: &Path) -> Result<Found> {
    if !path.is_file() {
        return Err(Error::usage(format!("there is no backup {}", path.display())));
    }
    let metadata = metadata_of(path);
    if !metadata.exists() || metadata == path {
        return Ok(Found::Stray(path.to_path_buf()));
    }
    let name = path.file_name().and_then(|name| stem(name.to_str()?)).unwrap_or_default();
    let broken = |reason| Error::failed(format!("the backup {} is broken: {reason}", path.display()));
    backup(path.parent().unwrap_or(Path::new(".")), name).map(Found::Kept).map_err(broken)
}
