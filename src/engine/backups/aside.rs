//! The folder in which a backup is made or decrypted, gone with its end; those of killed runs are swept.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};

use crate::engine::journal::Process;
use crate::error::{Error, Result};
use crate::keep;

use super::metadata::Metadata;
use super::name::hex;

const PREFIX: &str = ".aside-";
/// What a run on another machine left cannot be asked whether it lives.
const ABANDONED: Duration = Duration::from_secs(7 * 86_400);

/// A folder that only we may enter; it goes with this value.
pub(super) struct Aside {
    folder: tempfile::TempDir,
}

impl Aside {
    pub(super) fn in_folder(folder: &Path) -> Result<Self> {
        Self::in_folder_of(folder, &Process::own())
    }

    pub(super) fn in_folder_of(folder: &Path, process: &Process) -> Result<Self> {
        let prefix = format!("{PREFIX}{}-", token(process));
        let made =
            tempfile::Builder::new().prefix(&prefix).permissions(PermissionsExt::from_mode(0o700)).tempdir_in(folder);
        made.map(|folder| Self { folder }).map_err(|error| not_writable(folder, &error))
    }

    /// Leaves it, as a kill would.
    #[cfg(test)]
    pub(super) fn keep(self) -> PathBuf {
        self.folder.keep()
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// Makes a target's folder: private, and out of git.
pub(super) fn make_folder(location: &Path, folder: &Path) -> Result<()> {
    let make = || -> io::Result<()> {
        if location.components().any(|part| part.as_os_str() == keep::BESIDE) {
            keep::folder(location)?; // `.shed` itself, with its .gitignore
        }
        keep::private_folder(folder)?;
        let ignore = folder.join(".gitignore");
        if folder.ancestors().any(|folder| folder.join(".git").exists()) && !ignore.exists() {
            fs::write(&ignore, "*\n")?;
        }
        Ok(())
    };
    make().map_err(|error| not_writable(folder, &error))?;
    match fs::metadata(folder) {
        Ok(metadata) if metadata.mode() & 0o022 != 0 => {
            Err(Error::environment(format!("others may write to the backup folder {}", folder.display()))
                .help(format!("chmod 700 {}", folder.display())))
        }
        _ => Ok(()),
    }
}

/// Removes what killed runs left in a target's folder.
pub(super) fn sweep(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(token) = name.strip_prefix(PREFIX) else { continue };
        if is_dead(token).unwrap_or_else(|| is_old(&entry.path())) {
            remove_unfinished(folder, &entry.path());
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// The bytes were renamed into place, the metadata was not: this is no backup.
fn remove_unfinished(folder: &Path, aside: &Path) {
    let Ok(metadata) = Metadata::read(&aside.join("metadata.json")) else { return };
    let bytes = folder.join(Path::new(&metadata.file).file_name().unwrap_or_default());
    if !super::find::metadata_of(&bytes).exists() && bytes.is_file() {
        let _ = fs::remove_file(bytes);
    }
}

pub(super) fn not_writable(folder: &Path, error: &io::Error) -> Error {
    Error::environment(format!("could not write to the backup folder {}: {error}", folder.display()))
        .help("`backup: { location: … }` names a folder that you may write to")
}

/// Process id, its start, machine and boot.
fn token(process: &Process) -> String {
    let short = |text: &str| hex(&Sha256::digest(text))[..8].to_owned();
    format!("{}-{}-{}-{}", process.pid, process.started, short(&process.host), short(&process.boot))
}

/// `None` where it ran on another machine, or is not ours.
fn is_dead(found: &str) -> Option<bool> {
    let own = Process::own();
    let mut parts = found.split('-');
    let (pid, started) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let process = Process { pid, started, ..own };
    let ours = token(&process);
    let (machine, _) = ours.rsplit_once('-')?;
    if !found.starts_with(&format!("{machine}-")) {
        return None;
    }
    let boot_is_ours = found.starts_with(&format!("{ours}-"));
    Some(!boot_is_ours || process.lives() == Some(false))
}

fn is_old(path: &Path) -> bool {
    let changed = fs::metadata(path).and_then(|metadata| metadata.modified());
    changed.is_ok_and(|changed| SystemTime::now().duration_since(changed).is_ok_and(|age| age > ABANDONED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_living_run_s_folder_stays_and_a_dead_one_s_goes() {
        let folder = tempfile::tempdir().unwrap();
        let living = Aside::in_folder(folder.path()).unwrap();
        let own = Process::own();
        let dead =
            [Process { started: own.started + 1, ..own.clone() }, Process { boot: "earlier".into(), ..own.clone() }];
        let elsewhere = token(&Process { host: "elsewhere".into(), ..own });
        let names = dead.map(|process| format!("{PREFIX}{}-x", token(&process)));
        for name in names.iter().chain([&format!("{PREFIX}{elsewhere}-x")]) {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        sweep(folder.path());
        let mut left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        left.sort();
        let mut expected = [living.folder.path().to_path_buf(), folder.path().join(format!("{PREFIX}{elsewhere}-x"))];
        expected.sort();
        assert_eq!(left, expected);
    }
}
