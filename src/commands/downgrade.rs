//! `shed downgrade`: takes revisions back.

use crate::error::{Error, Result};

use super::Scope;
use super::completions::TARGETS;
use super::planning::Wishes;
use super::reports::Answer;
use super::written::{Writing, Written};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The target, and the revision: an id, base, -1, label@base; with --sql FROM:TO
    #[arg(value_names = ["TARGET", "REVISION"], num_args = 0..=2, allow_negative_numbers = true, add = TARGETS())]
    words: Vec<String>,
    /// The revision, where it could be taken for a target
    #[arg(long, value_name = "REVISION", allow_hyphen_values = true)]
    revision: Option<String>,
    #[command(flatten)]
    writing: Writing,
}

/// Takes revisions back, after a yes, then reads over a new connection what was reached.
pub fn downgrade(scope: &Scope<'_>, args: &Args) -> Result<Answer<Written>> {
    let (target, revision) = scope.sort_one(&args.words, args.revision.as_deref())?;
    let Some(revision) = revision else {
        return Err(Error::usage("downgrade needs a revision").help("name one: -1, base, or an id"));
    };
    let chosen = scope.writable(target.as_deref(), &args.writing)?;
    if args.writing.writes() && !chosen.is_empty() {
        let names: Vec<&str> = chosen.iter().map(|chosen| chosen.name.as_str()).collect();
        scope.confirm(&format!("downgrade {} to {revision}?", names.join(", ")))?;
    }
    let mut argv = args.writing.argv("downgrade");
    argv.push(revision);
    let wishes = Wishes { needs_models: true, ..args.writing.wishes("downgrade") };
    scope.write_each(&chosen, &argv, &args.writing.instead, wishes)
}
