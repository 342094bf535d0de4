//! Positional words: which one is the target, which ones are revisions.

use std::path::Path;

use crate::error::{Error, Result};
use crate::settings::targets::{self, is_target};
use crate::settings::{Format, Settings, VersionsEntry, nearest_names};

use super::Scope;

/// Words sorted out.
#[derive(Debug, PartialEq, Eq)]
pub struct Sorted {
    pub target: Option<String>,
    pub revisions: Vec<String>,
}

impl Scope<'_> {
    /// An existing target wins; then what looks like a revision is one; anything else is an error.
    pub fn sort_words(&self, words: &[String], said_outright: &[String]) -> Result<Sorted> {
        let (target, mut revisions) = match words.split_first() {
            None => (None, Vec::new()),
            Some((first, rest)) if names_a_target(self.settings, first)? => (Some(first.clone()), rest.to_vec()),
            Some((first, _)) if is_revision(self.settings, first)? => (None, words.to_vec()),
            Some((first, rest)) => return Err(self.neither(first, !rest.is_empty())?),
        };
        if !said_outright.is_empty() && !revisions.is_empty() {
            return Err(Error::usage(format!("the revision is given twice: {} and --revision", revisions.join(" "))));
        }
        revisions.extend(said_outright.iter().cloned());
        Ok(Sorted { target, revisions })
    }

    /// As [`Scope::sort_words`] where one revision at most is meant.
    pub fn sort_one(&self, words: &[String], said_outright: Option<&str>) -> Result<(Option<String>, Option<String>)> {
        let said: Vec<String> = said_outright.map(str::to_owned).into_iter().collect();
        let mut sorted = self.sort_words(words, &said)?;
        if sorted.revisions.len() > 1 {
            return Err(Error::usage(format!(
                "one revision is taken, not {}: {}",
                sorted.revisions.len(),
                sorted.revisions.join(" ")
            )));
        }
        Ok((sorted.target, sorted.revisions.pop()))
    }

    fn neither(&self, word: &str, target_expected: bool) -> Result<Error> {
        let project = word.split_once('.').map(|(project, _)| self.settings.project(project)).transpose()?;
        if let Some(project) = project.flatten() {
            return Ok(targets::unknown_database(project, word));
        }
        let names = names(self.settings)?;
        let near = nearest_names(word, names.iter().map(String::as_str));
        let near: Vec<String> = near.iter().map(|name| format!("`{name}`")).collect();
        let what = if target_expected { "no target" } else { "neither a target nor a known revision" };
        let error = Error::usage(format!("`{word}` is {what}"));
        let revision = if target_expected { "" } else { " A revision is said with --revision." };
        if word.contains('/') || [".py", ".sql"].iter().any(|ending| word.ends_with(ending)) {
            return Ok(Error::usage(format!("`{word}` is a file, and this command takes a target"))
                .help(format!("the targets are {}", names.join(", "))));
        }
        if near.is_empty() {
            return Ok(error.help(format!("the targets are {}.{revision}", names.join(", "))));
        }
        Ok(error.help(format!("did you mean {}?{revision}", near.join(" or "))))
    }
}

fn names(settings: &Settings) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for project in settings.projects()?.values() {
        names.push(project.name.clone());
        names.extend(project.db.keys().map(|database| format!("{}.{database}", project.name)));
    }
    Ok(names)
}

fn names_a_target(settings: &Settings, word: &str) -> Result<bool> {
    Ok(word.contains("://") || word.starts_with("development.") || is_target(settings, word)?)
}

fn is_revision(settings: &Settings, word: &str) -> Result<bool> {
    let relative = || {
        let digits = word.strip_prefix(['+', '-']).unwrap_or_default();
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    Ok(["head", "heads", "base", "current"].contains(&word)
        || relative()
        || word.contains(':')
        || word.contains('@')
        || is_known_id(settings, word)?)
}

/// Whether a revision file of any project begins its id so.
fn is_known_id(settings: &Settings, word: &str) -> Result<bool> {
    let folders = settings.projects()?.values().flat_map(|project| {
        let kinds = project.db.values().map(|database| database.kind);
        kinds.flat_map(|kind| project.versions_for(kind)).map(|entry| (project.format, entry))
    });
    Ok(folders.into_iter().any(|(format, entry)| match entry {
        VersionsEntry::Folder(folder) => holds_id(&folder, format, word),
        VersionsEntry::Package(_) => false,
    }))
}

fn holds_id(folder: &Path, format: Format, word: &str) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return false;
    };
    entries.flatten().any(|entry| {
        let path = entry.path();
        if path.is_dir() {
            return !path.is_symlink() && holds_id(&path, format, word);
        }
        // The id of a SQL file is the digits of its name.
        if format == Format::Sql {
            let is_number = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
            return is_number && entry.file_name().to_string_lossy().starts_with(word);
        }
        let python = path.extension().is_some_and(|extension| extension == "py");
        python && std::fs::read_to_string(&path).is_ok_and(|source| source.lines().any(|line| assigns(line, word)))
    })
}

/// `revision = "a1b2…"`, with or without a type.
fn assigns(line: &str, word: &str) -> bool {
    let Some((name, value)) = line.split_once('=') else {
        return false;
    };
    let name = name.split(':').next().unwrap_or_default().trim();
    name == "revision" && value.trim().trim_start_matches(['"', '\'']).starts_with(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_known_by_its_beginning() {
        assert!(assigns("revision: str = 'a1b2c3'", "a1b"));
        assert!(assigns("revision = \"a1b2c3\"", "a1b2c3"));
        assert!(!assigns("down_revision = 'a1b2c3'", "a1b"));
    }
}
