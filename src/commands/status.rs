//! `shed status`: which revisions a database holds and which are pending; of several databases at once.

mod graph;
mod read;
mod sql;
mod table;

pub use graph::question;
pub use read::{Site, read, site};

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use crate::error::Result;
use crate::output::Report;

use super::completions::TARGETS;
use super::reports::Answer;
use super::scope::Needs;
use super::{Place, Scope};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// PROJECT[.DATABASE], patterns, files (their projects), or none: the project of this folder, or all
    #[arg(value_name = "TARGET|FILE", add = TARGETS())]
    words: Vec<String>,
    /// Exit code 1 where anything is pending; --quiet does so too, and prints nothing
    #[arg(long)]
    exit_code: bool,
    #[command(flatten)]
    place: Place,
}

/// What was found, of one target or of several.
#[derive(JsonSchema)]
#[schemars(transparent)]
pub struct Status(Answer<Standing>);

/// Where one database stands.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Standing {
    pub target: String,
    pub project: String,
    pub database: String,
    /// Where it is, without secrets.
    pub place: String,
    pub protected: bool,
    /// Whether there is no such database yet; it is read as empty.
    pub missing: bool,
    /// The rows of the version table.
    pub current: Vec<String>,
    /// The heads of the revision files.
    pub heads: Vec<String>,
    /// How many revisions are applied.
    pub applied: usize,
    /// How many are not; `null` where the database holds a revision that no file tells of.
    pub pending: Option<usize>,
    /// Rows of the version table that no file tells of.
    pub unknown: Vec<String>,
    /// Applied revisions whose file was edited later, as the ledger tells.
    pub edited: Vec<String>,
    /// What a run that was broken off left there.
    pub broken_off: Option<String>,
    /// Each revision, oldest first, where one target is asked about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revisions: Option<Vec<Line>>,
    /// Whether the migrations are SQL files.
    #[serde(skip)]
    pub is_sql: bool,
    /// Whether the exit code tells of what is pending.
    #[serde(skip)]
    pub exit_code: bool,
}

/// One revision of a project, and whether the database holds it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Line {
    pub revision: String,
    pub message: Option<String>,
    pub applied: bool,
    pub is_head: bool,
    /// Whether its file was edited after it was applied.
    #[serde(skip)]
    pub edited: bool,
    /// The file's name, of `format: sql`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

/// Compares revision files and version tables; creates nothing.
pub fn status(scope: &Scope<'_>, args: &Args) -> Result<Status> {
    let chosen = scope.targets_or_files(&args.words, &args.place, Needs::Reading)?;
    let exit_code = args.exit_code || scope.global.quiet;
    let alone = matches!(chosen.as_slice(), [only] if !only.by_pattern);
    let found = read::read(scope, &chosen, alone)?;
    let mut found = found.into_iter().map(|found| found.map(|standing| Standing { exit_code, ..standing }));
    if alone && let Some(found) = found.next() {
        let found = found?;
        warn_of_edited(scope, &found);
        return Ok(Status(Answer::One(found)));
    }
    let names = chosen.iter().map(|target| target.name.clone());
    let answers: Vec<_> = names.zip(found).collect();
    answers.iter().filter_map(|(_, answer)| answer.as_ref().ok()).for_each(|found| warn_of_edited(scope, found));
    answers.iter().filter_map(|(_, answer)| answer.as_ref().err()).for_each(|error| scope.out.fail_one(error));
    Ok(Status(Answer::Several(answers)))
}

/// What was applied here is not what the files say now, and what another database will get.
fn warn_of_edited(scope: &Scope<'_>, found: &Standing) {
    if !found.edited.is_empty() && !scope.out.quiet {
        let words = "edited after it was applied, so that other databases get something else";
        scope.out.warn(&format!("{}: {}: {words}", found.target, found.edited.join(", ")));
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in self.revisions.iter().flatten() {
            let mark = if line.applied { 'X' } else { ' ' };
            let edited = if line.edited { "  edited since it was applied" } else { "" };
            if let Some(file) = &line.file {
                writeln!(f, "[{mark}] {file}{edited}")?;
                continue;
            }
            let message = line.message.as_deref().filter(|message| !message.is_empty());
            let message = message.map(|message| format!("  {message}")).unwrap_or_default();
            let head = if line.is_head { " (head)" } else { "" };
            writeln!(f, "[{mark}] {}{message}{head}{edited}", line.revision)?;
        }
        for unknown in &self.unknown {
            writeln!(f, "[?] {unknown}  held by the database, and in no file")?;
        }
        let pending = self.pending.map_or("?".to_owned(), |pending| pending.to_string());
        if self.is_sql {
            return writeln!(f, "\nApplied: {}\nPending: {pending}", self.applied);
        }
        writeln!(f, "{} applied, {pending} pending", self.applied)
    }
}

impl Report for Standing {
    fn ok(&self) -> bool {
        !self.exit_code || self.pending == Some(0)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Answer::One(standing) => standing.fmt(f),
            Answer::Several(answers) => table::write(f, answers),
        }
    }
}

impl Serialize for Status {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl Report for Status {
    fn code(&self) -> u8 {
        self.0.code()
    }
}
