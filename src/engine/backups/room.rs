//! Room on the disk, asked for before it is needed.

use std::path::Path;

use crate::error::{Error, Result};

/// An error where fewer than this many bytes are free in a folder.
pub(super) fn demand(folder: &Path, needed: u64) -> Result<()> {
    let free = match rustix::fs::statvfs(folder) {
        Ok(found) => found.f_bavail.saturating_mul(found.f_frsize),
        // A file system that does not tell is no reason against a backup.
        Err(_) => return Ok(()),
    };
    if free >= needed {
        return Ok(());
    }
    let (needed, free) = (in_words(needed), in_words(free));
    Err(Error::failed(format!("{} has no room for a backup: {needed} are needed, {free} are free", folder.display()))
        .help("make room, lower `backup: { keep: … }`, or set `location` there to a folder on another disk"))
}

/// 1.2 of the database, so that a file that grows meanwhile fits too.
pub(super) fn with_reserve(size: u64) -> u64 {
    size.saturating_add(size / 5)
}

/// A number of bytes for people: `512 bytes`, `1.5 MB`.
pub fn in_words(bytes: u64) -> String {
    let units = [(1_000_000_000_000, "TB"), (1_000_000_000, "GB"), (1_000_000, "MB"), (1000, "kB")];
    match units.iter().find(|(unit, _)| bytes >= *unit) {
        None => format!("{bytes} bytes"),
        Some((unit, name)) => format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_said_in_their_unit() {
        assert_eq!([in_words(999), in_words(1500), in_words(1_999_999_999)], ["999 bytes", "1.5 kB", "1.9 GB"]);
    }

    #[test]
    fn too_little_room_is_an_error_with_path_and_figures() {
        let folder = tempfile::tempdir().unwrap();
        demand(folder.path(), 1).unwrap();
        let error = demand(folder.path(), u64::MAX).unwrap_err();
        let text = error.to_string();
        assert_eq!(error.code(), 5);
        assert!(
            text.contains(&folder.path().display().to_string()) && text.contains("18446744.0 TB are needed"),
            "{text}"
        );
    }
}
