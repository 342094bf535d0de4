//! Files among the words of a command, as pre-commit passes them: which projects they can change.

use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::settings::targets::is_target;
use crate::settings::{Kind, Project, Settings, VersionsEntry};

use super::scope::{Chosen, Needs};
use super::{Place, Scope};

/// Endings of names that are files, whether they are there or not.
const ENDINGS: [&str; 4] = [".py", ".sql", ".yaml", ".yml"];

impl Scope<'_> {
    /// The targets that these words mean: names, patterns, or files, which leave only the targets of their projects.
    pub fn targets_or_files(&self, words: &[String], place: &Place, needs: Needs) -> Result<Vec<Chosen<'_>>> {
        let (mut names, mut files) = (Vec::new(), Vec::new());
        for word in words {
            if self.is_file(word)? { files.push(self.real(word)) } else { names.push(word.as_str()) }
        }
        let mut chosen = match names.as_slice() {
            [] if files.is_empty() => return self.targets(None, place, needs),
            [only] if files.is_empty() => return self.targets(Some(only), place, needs),
            [] => self.targets(Some("*"), place, needs)?,
            _ => self.every(&names, place, needs)?,
        };
        if !files.is_empty() && !files.contains(&real(self.settings.path())) {
            chosen.retain(|target| files.iter().any(|file| touches(self.settings, target.project, file)));
        }
        chosen.iter_mut().for_each(|target| target.by_pattern = true);
        Ok(chosen)
    }

    /// The targets of several names, each once.
    fn every(&self, names: &[&str], place: &Place, needs: Needs) -> Result<Vec<Chosen<'_>>> {
        let mut all: Vec<Chosen<'_>> = Vec::new();
        for name in names {
            let found = self.targets(Some(name), place, needs)?;
            all.extend(
                found
                    .into_iter()
                    .filter(|target| !all.iter().any(|known| known.name == target.name))
                    .collect::<Vec<_>>(),
            );
        }
        Ok(all)
    }

    /// An existing target wins; then what looks like a file, or is one, is a file.
    fn is_file(&self, word: &str) -> Result<bool> {
        if word.contains("://") || word.starts_with("development.") || is_target(self.settings, word)? {
            return Ok(false);
        }
        let looks = word.contains('/') || ENDINGS.iter().any(|ending| word.ends_with(ending));
        Ok(looks || self.environment.working_dir().join(word).is_file())
    }

    fn real(&self, word: &str) -> PathBuf {
        real(&self.environment.working_dir().join(word))
    }
}

/// Whether a file belongs to a project: below its models' folder, a versions folder, or its `pythonpath`, or named by a key.
fn touches(settings: &Settings, project: &Project, file: &Path) -> bool {
    let versions = [Kind::Sqlite, Kind::Postgres].map(|kind| project.versions_for(kind)).concat();
    let mut below: Vec<PathBuf> = vec![project.folder.clone()];
    for entry in &versions {
        match entry {
            VersionsEntry::Folder(folder) => below.push(folder.clone()),
            // Where the package is, only Python knows.
            VersionsEntry::Package(_) => below.push(settings.root().to_path_buf()),
        }
    }
    below.extend(project.pythonpath.iter().chain(&project.env_py).cloned());
    below.iter().any(|place| file.starts_with(real(place)))
}

fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_path_buf())
}
