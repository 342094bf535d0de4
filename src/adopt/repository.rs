//! Everything below a folder that can be adopted.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

use super::config::Config;
use super::dbmate;

/// Something to adopt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// An alembic.ini or a pyproject.toml.
    Alembic(PathBuf),
    /// A folder with `db/migrations`, or the like.
    Dbmate(PathBuf),
}

/// Folders that hold nothing of the repository's own.
const NEVER: [&str; 10] =
    [".git", ".shed", "node_modules", "site-packages", "__pycache__", ".venv", "venv", ".tox", ".nox", ".mypy_cache"];

/// A file alone; of a folder all that is in it and below it, in the order of their paths.
pub fn sources(path: &Path) -> Result<Vec<Source>> {
    if path.is_dir() {
        let mut found = Vec::new();
        walk(path, &mut found)?;
        return Ok(found);
    }
    let is_one = match path.extension().and_then(|extension| extension.to_str()) {
        Some("toml") => Config::of_pyproject(path)?.is_some(),
        _ => !Config::of_ini(path)?.is_empty(),
    };
    if is_one {
        return Ok(vec![Source::Alembic(path.to_path_buf())]);
    }
    Err(Error::usage(format!("{} tells of no migrations", path.display()))
        .help("name an alembic.ini with a section [alembic], or a pyproject.toml with [tool.alembic]"))
}

fn walk(folder: &Path, found: &mut Vec<Source>) -> Result<()> {
    let unreadable = |error| Error::environment(format!("could not read {}: {error}", folder.display()));
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(folder).map_err(unreadable)?.flatten().map(|entry| entry.path()).collect();
    entries.sort();
    if dbmate::is_one(folder) {
        found.push(Source::Dbmate(folder.to_path_buf()));
    }
    let mut has_ini = false;
    for file in entries.iter().filter(|entry| entry.is_file()) {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        if name.ends_with(".ini") && tells(file) {
            has_ini |= name == "alembic.ini";
            found.push(Source::Alembic(file.clone()));
        }
    }
    let pyproject = folder.join("pyproject.toml");
    // An alembic.ini beside it takes in what it says.
    if !has_ini && pyproject.is_file() && Config::of_pyproject(&pyproject).is_ok_and(|config| config.is_some()) {
        found.push(Source::Alembic(pyproject));
    }
    for inner in entries.iter().filter(|entry| entry.is_dir() && !entry.is_symlink()) {
        let name = inner.file_name().unwrap_or_default().to_string_lossy();
        if !NEVER.contains(&&*name) && !inner.join("pyvenv.cfg").exists() {
            // What may not be read is not looked into.
            let _ = walk(inner, found);
        }
    }
    Ok(())
}

/// Whether an ini is one of Alembic's: others are many.
fn tells(file: &Path) -> bool {
    Config::of_ini(file).is_ok_and(|configs| {
        let is_named = file.file_name().is_some_and(|name| name == "alembic.ini");
        configs
            .iter()
            .any(|config| config.text("script_location").is_some() || (is_named && config.section == "alembic"))
    })
}
