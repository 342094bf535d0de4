//! Which files of the versions folders Alembic loads, and in which order.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::NotStatic;

/// The revision files of these folders, symbolic links followed; a folder that is not there is empty.
pub fn list(folders: &[PathBuf], recursive: bool) -> Result<Vec<PathBuf>, NotStatic> {
    let mut files = Vec::new();
    for folder in folders {
        match folder.canonicalize() {
            Ok(real) => walk(&real, recursive, &mut files)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !folder.is_symlink() => {}
            Err(error) => return Err(unreadable(folder, &error)),
        }
    }
    let mut seen = HashSet::with_capacity(files.len());
    match files.iter().find(|file| !seen.insert(*file)) {
        Some(twice) => Err(NotStatic::because(format!("{} is found twice", twice.display()))),
        None => Ok(files),
    }
}

/// Files by name, then the folders by name: as `os.walk` with sorted folders.
fn walk(folder: &Path, recursive: bool, files: &mut Vec<PathBuf>) -> Result<(), NotStatic> {
    if folder.to_string_lossy().ends_with("__pycache__") {
        return Err(NotStatic::because(format!("{} is Python's own", folder.display())));
    }
    let (mut names, mut folders) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(folder).map_err(|error| unreadable(folder, &error))? {
        let entry = entry.map_err(|error| unreadable(folder, &error))?;
        let kind = entry.file_type().map_err(|error| unreadable(&entry.path(), &error))?;
        let Ok(name) = entry.file_name().into_string() else {
            return Err(NotStatic::because(format!("{} has a name that is no text", entry.path().display())));
        };
        if kind.is_dir() {
            folders.push(name);
        } else if kind.is_symlink() || is_revision(&name) {
            names.push((name, kind.is_file()));
        }
    }
    names.sort();
    for (name, is_file) in names {
        let path = folder.join(&name);
        if is_file {
            files.push(path);
        } else if let Some(real) = followed(&path)? {
            files.push(real);
        }
    }
    if recursive {
        walk_folders(folder, folders, files)?;
    }
    Ok(())
}

fn walk_folders(folder: &Path, mut names: Vec<String>, files: &mut Vec<PathBuf>) -> Result<(), NotStatic> {
    names.sort();
    for name in names {
        let path = folder.join(&name);
        if !name.ends_with("__pycache__") {
            walk(&path, true, files)?;
        } else if fs::read_dir(&path).is_ok_and(|mut entries| entries.any(|entry| is_folder(entry.as_ref().ok()))) {
            return Err(NotStatic::because(format!("{} holds folders", path.display())));
        }
    }
    Ok(())
}

fn is_folder(entry: Option<&fs::DirEntry>) -> bool {
    entry.is_none_or(|entry| entry.file_type().is_ok_and(|kind| !kind.is_file()))
}

/// A symbolic link, or something that is neither file nor folder: the name that counts is that of the file behind it.
fn followed(path: &Path) -> Result<Option<PathBuf>, NotStatic> {
    let real = path.canonicalize().map_err(|error| unreadable(path, &error))?;
    let name = real.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if !is_revision(name) {
        return Ok(None);
    }
    match real.is_file() {
        true => Ok(Some(real)),
        false => Err(NotStatic::because(format!("{} is not a file", real.display()))),
    }
}

/// `(?!\.\#|__init__)(.*\.py)$`
pub fn is_revision(name: &str) -> bool {
    name.ends_with(".py") && !name.starts_with(".#") && !name.starts_with("__init__")
}

fn unreadable(path: &Path, error: &std::io::Error) -> NotStatic {
    NotStatic::because(format!("{}: {error}", path.display()))
}
