//! Templates into a private temporary directory that lives for one run.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use serde::Serialize;
use tempfile::TempDir;
use tera::Tera;

use crate::error::{Error, Result};

/// The templates that the binary carries.
const TEMPLATES: [(&str, &str); 6] = [
    ("alembic.ini", include_str!("../templates/alembic.ini.tera")),
    ("env.py", include_str!("../templates/env.py.tera")),
    ("alembic_eject.ini", include_str!("../templates/alembic_eject.ini.tera")),
    ("env_eject.py", include_str!("../templates/env_eject.py.tera")),
    ("script.py.mako", include_str!("../templates/script.py.mako.tera")),
    ("settings.yaml", include_str!("../templates/settings.yaml.tera")),
];
const PREFIX: &str = "shed-";

/// A 0700 directory, removed on every way out that lets us.
pub struct Workspace {
    dir: TempDir,
}

impl Workspace {
    /// Makes the directory, after sweeping those of runs that were killed.
    pub fn new() -> Result<Self> {
        let parent = std::env::temp_dir();
        sweep(&parent);
        let prefix = format!("{PREFIX}{}-", std::process::id());
        let dir = tempfile::Builder::new()
            .prefix(&prefix)
            .permissions(fs::Permissions::from_mode(0o700))
            .tempdir_in(&parent)
            .map_err(|error| {
                Error::environment(format!("could not make a temporary directory in {}: {error}", parent.display()))
                    .help("set TMPDIR to a folder that you may write to")
            })?;
        Ok(Self { dir })
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Writes these templates, rendered with the same values, under their names.
    pub fn render(&self, templates: &[&str], values: &impl Serialize) -> Result<()> {
        for (name, text) in templates.iter().zip(texts(templates, values)?) {
            self.write(name, text.as_bytes())?;
        }
        Ok(())
    }

    /// Writes a file that only we may read; folders on the way are made.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<PathBuf> {
        let path = self.path().join(name);
        let write = || -> std::io::Result<()> {
            if let Some(parent) = path.parent().filter(|parent| *parent != self.path()) {
                fs::create_dir_all(parent)?;
            }
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?.write_all(content)
        };
        match write() {
            Ok(()) => Ok(path),
            Err(error) => Err(Error::environment(format!("could not write {}: {error}", path.display()))),
        }
    }
}

/// The text of one template, rendered with these values.
pub fn text(template: &str, values: &impl Serialize) -> Result<String> {
    Ok(texts(&[template], values)?.concat())
}

/// The texts of these templates; the others are not even parsed.
fn texts(wanted: &[&str], values: &impl Serialize) -> Result<Vec<String>> {
    let broken = |error: tera::Error| Error::failed(format!("a template of shed is broken: {error}"));
    let mut tera = Tera::new();
    let sources = TEMPLATES.iter().filter(|(name, _)| wanted.contains(name));
    tera.add_raw_templates(sources.copied()).map_err(broken)?;
    let context = tera::Context::from_serialize(values).map_err(broken)?;
    wanted.iter().map(|name| tera.render(name, &context).map_err(broken)).collect()
}

/// Removes our directories whose process is gone (`kill -9` leaves them behind).
fn sweep(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    let me = rustix::process::getuid().as_raw();
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().and_then(owner_of) else {
            continue;
        };
        let mine = entry.metadata().is_ok_and(|metadata| metadata.is_dir() && metadata.uid() == me);
        if mine && !lives(pid) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// The process id in `shed-<pid>-<random>`.
fn owner_of(name: &str) -> Option<i32> {
    let (pid, _) = name.strip_prefix(PREFIX)?.split_once('-')?;
    pid.parse().ok()
}

fn lives(pid: i32) -> bool {
    let Some(pid) = rustix::process::Pid::from_raw(pid) else {
        return false;
    };
    rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directory_and_its_files_are_private() {
        let workspace = Workspace::new().unwrap();
        let file = workspace.write("a/b.json", b"{}").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(workspace.path()), mode(&file)), (0o700, 0o600));
    }

    #[test]
    fn a_dead_runs_directory_is_swept_and_a_living_ones_is_not() {
        let parent = tempfile::tempdir().unwrap();
        // Process ids end at 4194304 on Linux and at 99999 on macOS.
        let [dead, living, other] =
            ["shed-4999999-abc".to_owned(), format!("shed-{}-abc", std::process::id()), "shed-notes".to_owned()]
                .map(|name| parent.path().join(name));
        for dir in [&dead, &living, &other] {
            fs::create_dir(dir).unwrap();
        }
        sweep(parent.path());
        assert_eq!([dead, living, other].map(|dir| dir.exists()), [false, true, true]);
    }
}
