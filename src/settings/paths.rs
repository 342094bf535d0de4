//! Relative paths of the settings made absolute, without asking the disk.

use std::path::{Component, Path, PathBuf};

/// The path on `root`, its `.` and `..` resolved by their words.
pub(super) fn absolute(root: &Path, text: &str) -> PathBuf {
    let path = root.join(text);
    if text.split('/').any(|part| part == "." || part == "..") { normal(&path) } else { path }
}

/// The path without `.` and `..`.
pub(super) fn normal(path: &Path) -> PathBuf {
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
