//! Relative paths of the settings made absolute, without asking the disk.

use std::path::{Component, Path, PathBuf};

/// The path on `root`, its `.` and `..` resolved by their words.
pub(super) fn absolute(root: &Path, text: &str) -> PathBuf {
    let path = root.join(text);
    if text.split('/').any(|part| part == "." || part == "..") { normal(&path) } else { path }
}

/// The path without `.` and `..`.
pub fn normal(path: &Path) -> PathBuf {
    let mut done = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                done.pop();
            }
            other => done.push(other),
        }
    }
    done
}

/// A path as it is written in the settings: from their root where it lies below it.
pub fn relative(path: &Path, root: &Path) -> String {
    let plain = normal(path);
    let plain = plain
        .parent()
        .and_then(|folder| folder.canonicalize().ok())
        .map_or(plain.clone(), |folder| plain.file_name().map_or(folder.clone(), |name| folder.join(name)));
    match plain.strip_prefix(root) {
        Ok(below) if below.as_os_str().is_empty() => ".".to_owned(),
        Ok(below) => below.to_string_lossy().into_owned(),
        Err(_) => plain.to_string_lossy().into_owned(),
    }
}
