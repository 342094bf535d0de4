//! Folders that shed keeps things in, private and out of git, and names that go by the content.

pub mod picture;

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::environment::Environment;

/// The folder beside the settings.
pub const BESIDE: &str = ".shed";

/// The state directory, where there is a home for it.
pub fn state_dir(environment: &Environment) -> Option<PathBuf> {
    environment.path("SHED_STATE_DIR").or_else(|| {
        environment.home()?;
        Some(dirs::state_dir().or_else(dirs::data_local_dir)?.join("shed"))
    })
}

/// A name for one run: letters, digits and `_`; those of one machine sort by their time.
pub fn run_id() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{:012x}{:03x}_{:x}", now.as_millis(), now.subsec_micros() % 1000, std::process::id())
}

/// Makes a folder that only we may enter, with those on the way.
pub fn private_folder(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Leaves so many files in a folder: this one, and the newest of the others.
pub fn prune(folder: &Path, newest: &Path, most: usize) -> io::Result<()> {
    let mut files: Vec<(SystemTime, PathBuf)> = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.path() != newest {
            files.push((entry.metadata()?.modified()?, entry.path()));
        }
    }
    files.sort();
    // Another run may have removed it before us.
    files.iter().rev().skip(most - 1).for_each(|(_, old)| drop(fs::remove_file(old)));
    Ok(())
}

/// Whether nobody else can put anything into this folder.
pub fn is_ours(folder: &Path) -> io::Result<bool> {
    let metadata = fs::metadata(folder)?;
    Ok(metadata.uid() == rustix::process::geteuid().as_raw() && metadata.mode() & 0o022 == 0)
}

/// Whether nobody else can even look into this folder.
pub fn is_private(folder: &Path) -> io::Result<bool> {
    let metadata = fs::metadata(folder)?;
    Ok(metadata.uid() == rustix::process::geteuid().as_raw() && metadata.mode() & 0o077 == 0)
}

/// Makes `.shed/` in this folder, with a `.gitignore` of everything.
pub fn beside(folder: &Path) -> io::Result<PathBuf> {
    let own = folder.join(BESIDE);
    private_folder(&own)?;
    let ignore = own.join(".gitignore");
    if !ignore.exists() {
        fs::write(ignore, "*\n")?;
    }
    Ok(own)
}

/// Makes a folder for data; where it lies in a `.shed/`, that is made as it should be.
pub fn folder(folder: &Path) -> io::Result<()> {
    let own = folder.ancestors().find(|part| part.file_name().is_some_and(|name| name == BESIDE));
    if let Some(settings) = own.and_then(Path::parent) {
        fs::create_dir_all(settings)?;
        beside(settings)?;
    }
    fs::create_dir_all(folder)
}

/// A number that goes by these texts, at a tenth of the cost of a hash that withstands malice: two that differ in one
/// word of eight bytes never share it.
pub fn digest<'t>(texts: impl IntoIterator<Item = &'t str>) -> u64 {
    digest_of_bytes(texts.into_iter().map(str::as_bytes))
}

/// As [`digest`].
pub fn digest_of_bytes<'b>(parts: impl IntoIterator<Item = &'b [u8]>) -> u64 {
    parts.into_iter().fold(1, |sum, bytes| {
        let (words, rest) = bytes.as_chunks::<8>();
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        let ends = [u64::from_le_bytes(last), bytes.len() as u64];
        words.iter().map(|word| u64::from_le_bytes(*word)).chain(ends).fold(sum, mixed)
    })
}

/// Reversible for each word, so that no difference is lost on the way.
fn mixed(sum: u64, word: u64) -> u64 {
    let mixed = (sum.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ (mixed >> 29)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_digest_goes_by_every_byte_and_every_boundary() {
        let text = "abcdefghijklmnopqrstuvwxyz";
        let mut seen: Vec<u64> = (0..text.len()).map(|at| digest([&text[..at], &text[at..]])).collect();
        seen.extend((0..text.len()).map(|at| digest([text.replace(&text[at..=at], "-").as_str()])));
        seen.extend([digest([text]), digest([]), digest([""]), digest(["", ""]), digest(["\0"])]);
        let count = seen.len();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), count);
    }

    #[test]
    fn a_folder_in_shed_s_own_is_private_and_ignored() {
        let root = tempfile::tempdir().unwrap();
        folder(&root.path().join(".shed/dev")).unwrap();
        let own = root.path().join(".shed");
        assert_eq!(fs::metadata(&own).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(fs::read_to_string(own.join(".gitignore")).unwrap(), "*\n");
    }
}
