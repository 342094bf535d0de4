//! `shed backups`: what the store holds.

use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

use crate::engine::backups::{Backup, Entry, Store, in_words};
use crate::engine::{Engine, Watch};
use crate::error::Result;
use crate::output::Report;

use super::completions::TARGETS;
use super::reports::Answer;
use super::scope::{Chosen, Needs};
use super::several::Way;
use super::{Place, Scope};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// PROJECT[.DATABASE] or a pattern
    #[arg(value_name = "TARGET", add = TARGETS())]
    target: Option<String>,
    /// Read every backup to its end
    #[arg(long)]
    verify: bool,
    /// Remove what `backup.keep` and `backup.max_bytes` leave over
    #[arg(long)]
    prune: bool,
    #[command(flatten)]
    place: Place,
}

/// The backups of one target, the newest first.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Listed {
    pub target: String,
    pub folder: PathBuf,
    pub backups: Vec<Line>,
}

/// One backup.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Line {
    pub name: String,
    /// The bytes; none where only metadata is left.
    pub path: Option<PathBuf>,
    /// In UTC; what follows is unknown of some that are broken.
    pub created: Option<String>,
    pub heads: Option<Vec<String>>,
    pub bytes: Option<u64>,
    pub reason: Option<String>,
    pub piped: Option<bool>,
    /// `whole` (both files are there, as long as they were), `verified` (read to its end), `unread` (piped, and there
    /// is no `unpipe`: the stored bytes are as they were written), `broken`.
    pub state: &'static str,
    /// What is wrong with a broken one.
    pub problem: Option<String>,
}

/// Lists the backups of every target; no database is asked.
pub fn backups(scope: &Scope<'_>, args: &Args) -> Result<Answer<Listed>> {
    let word = args.target.as_deref();
    let chosen = match word.filter(|word| word.starts_with("development.") && args.place.on.is_none()) {
        Some(word) => vec![scope.one(Some(word), &args.place)?],
        None => scope.targets_for(word, &args.place, Needs::Reading, args.prune)?,
    };
    scope.each(&chosen, Way::Reading, |scope, target, _| list(scope, target, args))
}

fn list(scope: &Scope<'_>, chosen: &Chosen<'_>, args: &Args) -> Result<Listed> {
    let (store, target) = (scope.store(chosen)?, scope.stored_name(chosen));
    if args.prune {
        let except = scope.named_by_journal(&scope.reach(chosen)?)?;
        scope.watched(|watch| Ok(store.prune(&target, &except, watch)))?;
    }
    let entries = store.entries(&target);
    let backups = if args.verify && !entries.is_empty() {
        let engine = scope.reach(chosen)?;
        scope.watched(|watch| entries.into_iter().map(|entry| verified(entry, &store, &engine, watch)).collect())?
    } else {
        entries.into_iter().map(unread).collect()
    };
    Ok(Listed { folder: store.folder(&target), target: chosen.name.clone(), backups })
}

fn unread(entry: Entry) -> Line {
    match entry {
        Entry::Good(backup) => line(backup, "whole", None),
        Entry::Broken { name, files, reason } => Line {
            name,
            path: files.into_iter().find(|file| file.extension().is_some_and(|ending| ending != "json")),
            created: None,
            heads: None,
            bytes: None,
            reason: None,
            piped: None,
            state: "broken",
            problem: Some(reason),
        },
    }
}

/// An interruption ends the list; whatever else goes wrong is a line of it.
fn verified(entry: Entry, store: &Store, engine: &Engine, watch: &Watch<'_>) -> Result<Line> {
    let Entry::Good(backup) = entry else { return Ok(unread(entry)) };
    let read = if store.can_open(&backup) {
        store.open(&backup, engine, watch).map(|_| "verified")
    } else {
        store.check_stored(&backup).map(|()| "unread")
    };
    match read {
        Ok(state) => Ok(line(backup, state, None)),
        Err(error) => match error.words() {
            None => Err(error),
            Some(words) => Ok(line(backup, "broken", Some(words.what.clone()))),
        },
    }
}

fn line(backup: Backup, state: &'static str, problem: Option<String>) -> Line {
    let Backup { name, path, metadata } = backup;
    let metadata = *metadata;
    Line {
        name,
        path: Some(path),
        created: Some(metadata.created),
        heads: Some(metadata.heads),
        bytes: Some(metadata.bytes),
        reason: Some(metadata.reason),
        piped: Some(metadata.piped),
        state,
        problem,
    }
}

impl Line {
    fn columns(&self) -> [String; 6] {
        let heads = self.heads.as_ref().map(|heads| if heads.is_empty() { "base".into() } else { heads.join(", ") });
        let state = match &self.problem {
            Some(problem) => format!("{}: {problem}", self.state),
            None => self.state.to_owned(),
        };
        let known = |text: Option<String>| text.unwrap_or_else(|| "?".into());
        let created = self.created.as_ref().map(|created| created.replace('T', " ").chars().take(19).collect());
        let bytes = self.bytes.map(in_words);
        [self.name.clone(), known(created), known(heads), known(bytes), known(self.reason.clone()), state]
    }
}

impl fmt::Display for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.backups.is_empty() {
            return writeln!(f, "no backups in {}", self.folder.display());
        }
        let rows: Vec<[String; 6]> = self.backups.iter().map(Line::columns).collect();
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..5).map(width).collect();
        rows.iter().try_for_each(|row| {
            row[..5].iter().zip(&widths).try_for_each(|(cell, width)| write!(f, "{cell:width$}  "))?;
            writeln!(f, "{}", row[5])
        })
    }
}

impl Report for Listed {
    /// A broken one is a no.
    fn ok(&self) -> bool {
        self.backups.iter().all(|line| line.state != "broken")
    }
}
