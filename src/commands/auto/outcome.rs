//! What `shed auto` did to one database.

use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

use crate::alembic::Told;
use crate::alembic::event::{Step, Wrote, heads_in_words};
use crate::error::Error;
use crate::output::{Failure, Fault, Report};

use super::super::safely::Kept;
use super::super::scope::Chosen;
use super::super::status::Standing;
use super::drift::Drift;

/// What was done to one database, and what it is at.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Outcome {
    pub target: String,
    /// The database in words; empty where it could not be read.
    pub database: String,
    pub success: bool,
    /// Whether nothing was to be written.
    pub dry_run: bool,
    /// How many revisions were applied, and stay.
    pub applied_count: usize,
    pub applied: Vec<Step>,
    /// What is not applied, oldest first.
    pub pending: Vec<String>,
    /// The revision before; several heads with `, ` between them, `null` for an empty database.
    pub previous_revision: Option<String>,
    /// The revision now.
    pub current_revision: Option<String>,
    /// Whether models and database differ; `null` where they were not compared.
    pub drift: Option<Drift>,
    /// The revision file that was written.
    pub created_revision: Option<Wrote>,
    /// The backup that was taken first.
    pub backup_path: Option<PathBuf>,
    /// Whether it was put back.
    pub restored: bool,
    pub error: Option<Fault>,
}

impl Outcome {
    pub(super) fn of(target: &Chosen<'_>, dry_run: bool) -> Self {
        Self {
            target: target.name.clone(),
            database: String::new(),
            success: true,
            dry_run,
            applied_count: 0,
            applied: Vec::new(),
            pending: Vec::new(),
            previous_revision: None,
            current_revision: None,
            drift: None,
            created_revision: None,
            backup_path: None,
            restored: false,
            error: None,
        }
    }

    pub(super) fn begins(&mut self, before: &Standing) {
        self.database.clone_from(&before.place);
        self.previous_revision = named(&before.current);
        self.stands(before);
    }

    /// Where the database is.
    pub(super) fn stands(&mut self, now: &Standing) {
        self.current_revision = named(&now.current);
        let lines = now.revisions.iter().flatten().filter(|line| !line.applied);
        self.pending = lines.map(|line| line.revision.clone()).collect();
    }

    pub(super) fn keeps(&mut self, kept: Kept) {
        self.restored |= kept.restored;
        // Of two migrations the first one's is the state before all.
        self.backup_path = self.backup_path.take().or(kept.backup);
    }

    /// What a run applied. Where one failed, the steps stay that lead to where the database is.
    pub(super) fn migrated(&mut self, told: &Told) {
        let reached = told.verified.as_ref().or(told.reached.as_ref()).filter(|_| !self.restored);
        let reached = reached.map(|heads| heads_in_words(heads));
        let kept = told.applied.iter().rposition(|step| Some(heads_in_words(&step.heads)) == reached);
        let kept = kept.map_or(0, |last| last + 1);
        self.applied_count += kept;
        self.applied.extend(told.applied.iter().take(kept).cloned());
        if let Some(heads) = &told.verified {
            // An env.py of the project's own tells nothing of its steps.
            let is_silent = told.before.is_none() && named(heads) != self.previous_revision;
            self.applied_count += if is_silent { self.pending.len() } else { 0 };
            self.current_revision = named(heads);
            self.pending.clear(); // it went to the head
        }
        // Another instance may have been the one that found it empty.
        if let Some(before) = told.before.as_ref().filter(|_| self.applied_count == kept) {
            self.previous_revision = named(before);
        }
    }

    pub(super) fn failed(self, error: &Error) -> Self {
        Self { success: false, error: Some(Failure::of(error).error), ..self }
    }

    fn in_words(&self) -> String {
        let now = self.current_revision.as_deref().unwrap_or("base");
        let before = self.previous_revision.as_deref().unwrap_or("base");
        match (self.success, self.dry_run, self.applied_count) {
            (true, true, _) if !self.pending.is_empty() => {
                format!("{} would be applied: {}", self.pending.len(), self.pending.join(", "))
            }
            (true, _, 0) => format!("nothing to apply, at {now}"),
            (true, _, count) => format!("{count} applied, from {before} to {now}"),
            (false, _, _) if self.database.is_empty() => "failed: it could not be read".to_owned(),
            (false, _, _) if self.restored => format!("failed, at {now} as before: the backup was put back"),
            (false, _, count) => format!("failed at {now}, {count} applied"),
        }
    }
}

fn named(heads: &[String]) -> Option<String> {
    (!heads.is_empty()).then(|| heads_in_words(heads))
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.in_words())?;
        if let Some(created) = &self.created_revision {
            writeln!(f, "written: {}", created.path)?;
        }
        if let Some(backup) = &self.backup_path {
            writeln!(f, "backup: {}", backup.display())?;
        }
        let Some(drift) = self.drift.as_ref().filter(|drift| !drift.in_order) else { return Ok(()) };
        writeln!(
            f,
            "models and database differ; shed revision {} --autogenerate writes what is missing:",
            self.target
        )?;
        drift.differences.iter().try_for_each(|difference| writeln!(f, "  {difference}"))
    }
}

impl Report for Outcome {
    fn code(&self) -> u8 {
        self.error.as_ref().map_or(0, |error| error.code)
    }
}
