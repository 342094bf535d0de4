//! `shed upgrade`, also `migrate`: applies revisions.

use crate::error::Result;

use super::completions::TARGETS;
use super::planning::Wishes;
use super::reports::Answer;
use super::safely::Care;
use super::written::{Instead, Written};
use super::{Place, Scope};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The target, and the revision (head): an id, heads, +1, label@head
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

/// Applies revisions, then reads over a new connection what was reached.
pub fn upgrade(scope: &Scope<'_>, args: &Args) -> Result<Answer<Written>> {
    let (target, revision) = scope.sort_one(&args.words, args.revision.as_deref())?;
    let chosen = scope.writable(target.as_deref(), &args.place, &args.instead)?;
    let mut argv = args.instead.argv(&args.place, "upgrade");
    argv.push(revision.unwrap_or_else(|| "head".to_owned()));
    let wishes = Wishes {
        needs_models: true,
        terminal: args.place.tty,
        care: Some(("migrate", args.care)),
        ..Wishes::default()
    };
    scope.write_each(&chosen, &argv, &args.instead, wishes)
}
