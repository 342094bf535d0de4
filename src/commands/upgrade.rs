//! `shed upgrade`, also `migrate`: applies revisions.

use crate::error::Result;

use super::Scope;
use super::completions::TARGETS;
use super::planning::Wishes;
use super::reports::Answer;
use super::scope::Chosen;
use super::written::{Writing, Written};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The target, and the revision (head): an id, heads, +1, label@head
    #[arg(value_names = ["TARGET", "REVISION"], num_args = 0..=2, allow_negative_numbers = true, add = TARGETS())]
    words: Vec<String>,
    /// The revision, where it could be taken for a target
    #[arg(long, value_name = "REVISION", allow_hyphen_values = true)]
    revision: Option<String>,
    /// Then compare models and database, as `shed check` does: exit code 1 where they differ
    #[arg(long, conflicts_with_all = ["dry_run", "sql"])]
    check: bool,
    /// Of SQL files: refuse one that comes before an applied one (Python revisions are never out of order)
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    writing: Writing,
}

/// Applies revisions, then reads over a new connection what was reached.
pub fn upgrade(scope: &Scope<'_>, args: &Args) -> Result<Answer<Written>> {
    let (chosen, revision) = chosen(scope, args)?;
    apply(scope, args, &chosen, revision)
}

/// The targets, and the revision where one is named.
pub fn chosen<'a>(scope: &Scope<'a>, args: &Args) -> Result<(Vec<Chosen<'a>>, Option<String>)> {
    let (target, revision) = scope.sort_one(&args.words, args.revision.as_deref())?;
    Ok((scope.writable(target.as_deref(), &args.writing)?, revision))
}

/// The deed, on targets that are chosen.
pub fn apply(
    scope: &Scope<'_>,
    args: &Args,
    chosen: &[Chosen<'_>],
    revision: Option<String>,
) -> Result<Answer<Written>> {
    let mut argv = args.writing.argv("upgrade");
    argv.push(revision.unwrap_or_else(|| "head".to_owned()));
    let wishes = Wishes {
        needs_models: true,
        compares: args.check.then_some(&args.writing.place),
        strict: args.strict,
        ..args.writing.wishes("migrate")
    };
    scope.write_each(chosen, &argv, &args.writing.instead, wishes)
}

impl Args {
    /// Whether the database is changed, not only its SQL printed.
    pub fn writes(&self) -> bool {
        self.writing.writes()
    }
}
