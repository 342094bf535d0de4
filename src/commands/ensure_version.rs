//! `shed ensure-version`: makes the version table where it is missing.

use crate::error::Result;

use super::Scope;
use super::completions::TARGETS;
use super::reports::Answer;
use super::written::{Writing, Written};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// PROJECT[.DATABASE] or a pattern
    #[arg(value_name = "TARGET", add = TARGETS())]
    target: Option<String>,
    #[command(flatten)]
    writing: Writing,
}

/// Makes the version table, with the width that the revisions' ids need.
pub fn ensure_version(scope: &Scope<'_>, args: &Args) -> Result<Answer<Written>> {
    let chosen = scope.writable(args.target.as_deref(), &args.writing)?;
    let argv = args.writing.argv("ensure_version");
    scope.write_each(&chosen, &argv, &args.writing.instead, args.writing.wishes("ensure-version"))
}
