//! `shed stamp`: says which revisions a database holds, without running them.

use crate::error::{Error, Result};

use super::Scope;
use super::completions::TARGETS;
use super::reports::Answer;
use super::written::{Writing, Written};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The target, and the revisions: ids, head, heads, base
    #[arg(value_name = "TARGET] [REVISIONS", allow_negative_numbers = true, add = TARGETS())]
    words: Vec<String>,
    /// A revision, where it could be taken for a target; may be repeated
    #[arg(long, value_name = "REVISION", allow_hyphen_values = true)]
    revision: Vec<String>,
    /// Empty the version table first
    #[arg(long)]
    purge: bool,
    #[command(flatten)]
    writing: Writing,
}

/// Writes the version table, then reads it over a new connection.
pub fn stamp(scope: &Scope<'_>, args: &Args) -> Result<Answer<Written>> {
    let sorted = scope.sort_words(&args.words, &args.revision)?;
    if sorted.revisions.is_empty() {
        return Err(Error::usage("stamp needs a revision").help("name one: head, base, or an id"));
    }
    if args.purge && sorted.target.is_none() && !args.writing.place.all {
        return Err(Error::usage("stamp --purge needs a target").help("name it: PROJECT.DATABASE"));
    }
    let chosen = scope.writable(sorted.target.as_deref(), &args.writing)?;
    let mut argv = args.writing.argv("stamp");
    argv.extend(args.purge.then(|| "--purge".to_owned()));
    argv.extend(sorted.revisions);
    scope.write_each(&chosen, &argv, &args.writing.instead, args.writing.wishes("stamp"))
}
