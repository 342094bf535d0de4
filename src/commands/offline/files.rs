//! Which projects given files can affect.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::settings::targets::{self, Target, Wanted, Without};
use crate::settings::{Module, Project, VersionsEntry};

use super::super::scope::Scope;

/// A target first, where there is one, then files, as pre-commit passes them; `None` where there are none.
pub fn words<'w>(scope: &Scope<'_>, words: &'w [String]) -> Result<(Option<&'w str>, Option<Vec<PathBuf>>)> {
    let (word, files) = match words.split_first() {
        None => return Ok((None, None)),
        Some((first, rest)) if is_target(scope, first)? => (Some(first.as_str()), rest),
        Some(_) => (None, words),
    };
    let folder = scope.environment.working_dir();
    if word.is_none()
        && let Some(other) = files.first().filter(|file| !looks_like_file(&folder.join(file), file))
    {
        return Err(match targets::select(scope.settings, &named(scope, other)) {
            Err(error) => error,
            Ok(_) => Error::usage(format!("`{other}` is neither a target nor a file")),
        });
    }
    let files: Vec<PathBuf> = files.iter().map(|file| real(&folder.join(file))).collect();
    Ok((word, (!files.is_empty()).then_some(files)))
}

fn is_target(scope: &Scope<'_>, word: &str) -> Result<bool> {
    Ok(!word.contains('/') && targets::is_target(scope.settings, word)?)
}

/// A file that was removed is one too: the revision that is missing now.
fn looks_like_file(path: &Path, word: &str) -> bool {
    word.contains('/') || path.exists() || [".py", ".sql", ".yaml", ".toml"].iter().any(|ending| word.ends_with(ending))
}

/// The path without links; of what is not there, its folder's.
pub fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| match (path.parent().map(Path::canonicalize), path.file_name()) {
        (Some(Ok(folder)), Some(name)) => folder.join(name),
        _ => path.to_path_buf(),
    })
}

/// The targets whose project one of the files can affect; where there is none it says that nothing was `done` to any.
pub fn affected(scope: &Scope<'_>, found: Vec<Target>, files: &[PathBuf], done: &str) -> Result<Vec<Target>> {
    let settings = [real(scope.settings.path()), real(&scope.settings.folder().join(".env"))];
    if files.iter().any(|file| settings.contains(file)) {
        return Ok(found);
    }
    let projects = scope.settings.projects()?;
    let roots: Vec<(&str, Vec<PathBuf>)> =
        projects.values().map(|project| (project.name.as_str(), roots(project))).collect();
    let mut kept = Vec::new();
    for target in found {
        let Some(project) = projects.get(&target.project) else { continue };
        if files.iter().any(|file| affects(project, file, &roots)) {
            kept.push(target);
        }
    }
    if kept.is_empty() {
        scope.out.line(&format!("no project is affected by these files; nothing was {done}"));
    }
    Ok(kept)
}

/// In a folder of the project's; or in its working directory, where its imports begin, and in nobody else's folder.
fn affects(project: &Project, file: &Path, roots: &[(&str, Vec<PathBuf>)]) -> bool {
    let lies_in = |folders: &[PathBuf]| folders.iter().any(|folder| file.starts_with(folder));
    if roots.iter().any(|(name, folders)| *name == project.name && lies_in(folders)) {
        return true;
    }
    let is_others = || roots.iter().any(|(_, folders)| lies_in(folders));
    project.pythonpath.is_empty()
        && file.extension().is_some_and(|ending| ending == "py")
        && file.starts_with(real(&project.cwd))
        && !is_others()
}

/// The folders and files that are the project's own.
pub fn roots(project: &Project) -> Vec<PathBuf> {
    let modules = project.module.iter().chain(&project.hooks).filter_map(Module::folder);
    let env_py = project.env_py.as_deref().and_then(Path::parent);
    let versions = project.versions_of_each_kind().into_iter().flatten().filter_map(|entry| match entry {
        VersionsEntry::Folder(folder) => Some(folder),
        VersionsEntry::Package(_) => None,
    });
    let paths = modules.chain(env_py).chain(project.pythonpath.iter().map(PathBuf::as_path)).map(Path::to_path_buf);
    let mut roots: Vec<PathBuf> = paths.chain(versions).map(|path| real(&path)).collect();
    roots.sort();
    // What lies within another one is known by that.
    roots.dedup_by(|inner, outer| inner.starts_with(outer));
    roots
}

fn named<'w>(scope: &'w Scope<'_>, word: &'w str) -> Wanted<'w> {
    let working_dir = scope.environment.working_dir();
    Wanted { word: Some(word), all: false, database: true, without: Without::TakesAll, working_dir }
}
