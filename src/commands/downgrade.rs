//! `shed downgrade`: takes revisions back.

use crate::error::{Error, Result};

use super::completions::TARGETS;
use super::planning::Wishes;
use super::reports::Answer;
use super::safely::Care;
use super::written::{Instead, Written};
use super::{Place, Scope};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The target, and the revision: an id, base, -1, label@base; with --sql FROM:TO
    #[arg(value_names = ["TARGET", "REVISION"], num_args = 0..=2, allow_negative_numbers = true, add = TARGETS())]
    words: Vec<String>,
    /// The revision, where it could be taken for a target
    #[arg(long, value_name = "REVISION", allow_hyphen_values = true)]
    revision: Option<String>,
    #[command(flatten)]
    instead: Instead,
    #[command(flatten)]
    care: Care,
    #[command(flatten)]
    place: Place,
}

/// Takes revisions back, after a yes, then reads over a new connection what was reached.
pub fn downgrade(scope: &Scope<'_>, args: &Args) -> Result<Answer<Written>> {
    let (target, revision) = scope.sort_one(&args.words, args.revision.as_deref())?;
    let Some(revision) = revision else {
        return Err(Error::usage("downgrade needs a revision").help("name one: -1, base, or an id"));
    };
    let chosen = scope.writable(target.as_deref(), &args.place, &args.instead)?;
    if args.instead.writes() && !chosen.is_empty() {
        let names: Vec<&str> = chosen.iter().map(|chosen| chosen.name.as_str()).collect();
        scope.confirm(&format!("downgrade {} to {revision}?", names.join(", ")))?;
    }
    let mut argv = args.instead.argv(&args.place, "downgrade");
    argv.push(revision);
    let wishes = Wishes {
        needs_models: true,
        terminal: args.place.tty,
        care: Some(("downgrade", args.care)),
        ..Wishes::default()
    };
    scope.write_each(&chosen, &argv, &args.instead, wishes)
}
