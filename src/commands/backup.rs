//! `shed backup`: a backup of a database, checked before it counts.

use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

use crate::engine::backups::{Backup, Wish, in_words};
use crate::error::{Error, Result};
use crate::keep::run_id;
use crate::output::Report;

use super::completions::TARGETS;
use super::reports::Answer;
use super::scope::{Chosen, Needs};
use super::several::Way;
use super::stored::{heads, refuse_memory};
use super::{Place, Scope};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// PROJECT[.DATABASE] or a pattern
    #[arg(value_name = "TARGET", add = TARGETS())]
    target: Option<String>,
    /// Say what would be written where; write nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    place: Place,
}

/// The backup that was taken.
#[derive(Debug, Serialize, JsonSchema)]
pub struct BackedUp {
    pub target: String,
    pub database: String,
    /// Its name, by which `restore` takes it; none in a dry run.
    pub backup: Option<String>,
    /// The file; the folder in a dry run.
    pub path: PathBuf,
    /// The revisions that it holds.
    pub heads: Vec<String>,
    /// Its length; the database's own in a dry run.
    pub bytes: u64,
}

/// Takes a backup of every target.
pub fn backup(scope: &Scope<'_>, args: &Args) -> Result<Answer<BackedUp>> {
    let word = args.target.as_deref();
    let chosen = match word.filter(|word| word.starts_with("development.") && args.place.on.is_none()) {
        Some(word) => vec![scope.one(Some(word), &args.place)?],
        None => scope.targets_for(word, &args.place, Needs::Reading, true)?,
    };
    scope.each(&chosen, Way::Reading, |scope, target, _| back_up(scope, target, args.dry_run))
}

fn back_up(scope: &Scope<'_>, chosen: &Chosen<'_>, dry_run: bool) -> Result<BackedUp> {
    let (engine, store, database) = (scope.reach(chosen)?, scope.store(chosen)?, scope.database_of(chosen)?);
    refuse_memory(chosen, &engine)?;
    scope.demand_there(chosen, &engine)?;
    let (target, before) = (scope.stored_name(chosen), heads(&engine, chosen.project, database)?);
    if dry_run {
        let (path, bytes) = (store.folder(&target), engine.size()?);
        let (target, database) = (chosen.name.clone(), engine.place());
        return Ok(BackedUp { target, database, backup: None, path, heads: before, bytes });
    }
    let run = run_id();
    let except = scope.named_by_journal(&engine)?;
    let wish = Wish { target: &target, run: &run, reason: "manual", heads: &before, except: &except };
    let taken = scope.watched(|watch| store.take(&engine, &wish, watch))?;
    let after = heads(&engine, chosen.project, database)?;
    if after != before {
        store.discard(&taken);
        return Err(Error::locked(format!("{}: it was migrated while the backup was taken", chosen.name))
            .help("nothing was kept; take it again"));
    }
    Ok(report(chosen, engine.place(), taken))
}

fn report(chosen: &Chosen<'_>, database: String, taken: Backup) -> BackedUp {
    BackedUp {
        target: chosen.name.clone(),
        database,
        backup: Some(taken.name),
        path: taken.path,
        heads: taken.metadata.heads,
        bytes: taken.metadata.bytes,
    }
}

impl fmt::Display for BackedUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (target, bytes, path) = (&self.target, in_words(self.bytes), self.path.display());
        match &self.backup {
            Some(_) => writeln!(f, "{target}: {path} ({bytes})"),
            None => writeln!(f, "{target}: {} ({bytes}) would be backed up to {path}", self.database),
        }
    }
}

impl Report for BackedUp {}
