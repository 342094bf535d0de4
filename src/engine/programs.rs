//! PostgreSQL's programs on this machine: where they are, and which versions of the server.

use std::collections::HashSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use crate::environment::Environment;
use crate::process::Tool;

/// Where packages put a folder per version: the folder, the beginning of the names in it. `bin` lies below.
const PACKAGES: [(&str, &str); 5] = [
    ("/usr/lib/postgresql", ""), // Debian, Ubuntu
    ("/usr", "pgsql-"),          // PostgreSQL's own for Red Hat and its kin
    ("/opt/homebrew/opt", "postgresql@"),
    ("/usr/local/opt", "postgresql@"),
    ("/Applications/Postgres.app/Contents/Versions", ""),
];
/// Homebrew's client programs, which it keeps off PATH.
const CLIENTS: &str = "/opt/homebrew/opt/libpq/bin";
/// Older ones lack what is asked of them here.
const OLDEST: u32 = 10;

/// The programs of one version of the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Installed {
    pub bin: PathBuf,
    pub major: u32,
    /// In full: `15.14`.
    pub version: String,
}

/// `pg_bin`, then `PATH`, then where packages put the programs, the newest first: as a `PATH`.
pub fn path(pg_bin: Option<&Path>, environment: &Environment) -> OsString {
    let folders = folders(pg_bin, environment);
    std::env::join_paths(folders.iter().filter(|folder| !folder.to_string_lossy().contains(':'))).unwrap_or_default()
}

/// The servers that can be started, the newest first; with `pg_bin` the one there or none.
pub fn servers(pg_bin: Option<&Path>, environment: &Environment) -> Vec<Installed> {
    let folders = match pg_bin {
        Some(pg_bin) => vec![pg_bin.to_path_buf()],
        None => folders(None, environment).into_iter().map(real).collect(),
    };
    let mut found: Vec<Installed> = Vec::new();
    for installed in folders.iter().filter_map(|folder| server_in(folder)) {
        if !found.iter().any(|known| known.major == installed.major) {
            found.push(installed);
        }
    }
    found.sort_by_key(|installed| std::cmp::Reverse(installed.major));
    found
}

/// Where links in a folder of PATH lead: the client programs of that version lie there too.
fn real(folder: PathBuf) -> PathBuf {
    let real = folder.join("postgres").canonicalize().ok().and_then(|program| program.parent().map(PathBuf::from));
    real.filter(|real| real.join("initdb").is_file()).unwrap_or(folder)
}

/// The server whose programs are all in this folder.
pub fn server_in(folder: &Path) -> Option<Installed> {
    if !["initdb", "postgres", "pg_ctl"].iter().all(|program| folder.join(program).is_file()) {
        return None;
    }
    let captured = Tool::new(folder.join("postgres")).arg("--version").capture().ok()?;
    let said = String::from_utf8_lossy(&captured.stdout).into_owned();
    let version = said.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?.to_owned();
    let major = leading_number(&version).filter(|&major| major >= OLDEST)?;
    Some(Installed { bin: folder.to_path_buf(), major, version })
}

/// Where programs may be: the wished folder, `PATH`, packages; the newest first.
pub fn folders(pg_bin: Option<&Path>, environment: &Environment) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = pg_bin.map(PathBuf::from).into_iter().collect();
    folders.extend(environment.os("PATH").into_iter().flat_map(std::env::split_paths));
    folders.extend(PACKAGES.iter().flat_map(|(parent, prefix)| of_packages(Path::new(parent), prefix)));
    folders.push(CLIENTS.into());
    let mut seen = HashSet::new();
    folders.retain(|folder| seen.insert(folder.clone()));
    folders
}

/// The versions below one folder, the newest first.
fn of_packages(parent: &Path, prefix: &str) -> Vec<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir(parent)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name();
            let major = leading_number(name.to_str()?.strip_prefix(prefix)?)?;
            Some((major, entry.path().join("bin")))
        })
        .collect();
    versions.sort();
    versions.into_iter().rev().map(|(_, bin)| bin).collect()
}

fn leading_number(text: &str) -> Option<u32> {
    text.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_of_a_package_comes_first() {
        let parent = tempfile::tempdir().unwrap();
        for name in ["pgsql-9.6", "pgsql-17", "pgsql-15", "other-99", "pgsql-x"] {
            std::fs::create_dir(parent.path().join(name)).unwrap();
        }
        let found = of_packages(parent.path(), "pgsql-");
        let names: Vec<_> =
            found.iter().map(|bin| bin.strip_prefix(parent.path()).unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["pgsql-17/bin", "pgsql-15/bin", "pgsql-9.6/bin"]);
    }

    #[test]
    fn a_folder_without_all_programs_is_no_server() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("initdb"), "").unwrap();
        assert_eq!(server_in(folder.path()), None);
        assert_eq!(servers(Some(folder.path()), &Environment::default()), []);
    }
}
