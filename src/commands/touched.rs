//! Files among the words of a command, as pre-commit passes them: which projects they can change.

use std::path::PathBuf;

use crate::error::Result;
use crate::settings::targets::{Target, is_target};

use super::scope::{Chosen, Needs};
use super::{Place, Scope, offline};

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
            [] => self.meant(Some("*"), place, needs, false)?,
            _ => self.every(&names, place, needs)?,
        };
        if !files.is_empty() {
            let projects = chosen.iter().map(|target| Target { project: target.project.name.clone(), database: None });
            let affected = offline::affected(self, projects.collect(), &files, "looked at")?;
            chosen.retain(|target| affected.iter().any(|kept| kept.project == target.project.name));
        }
        chosen.iter_mut().for_each(|target| target.by_pattern = true);
        Ok(self.share(chosen))
    }

    /// The targets of several names, each once.
    fn every(&self, names: &[&str], place: &Place, needs: Needs) -> Result<Vec<Chosen<'_>>> {
        let mut all: Vec<Chosen<'_>> = Vec::new();
        for name in names {
            let found = self.meant(Some(name), place, needs, false)?;
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
        offline::real(&self.environment.working_dir().join(word))
    }
}
