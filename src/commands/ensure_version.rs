//! `shed ensure-version`: makes the version table where it is missing.

use crate::error::Result;

use super::completions::TARGETS;
use super::planning::Wishes;
use super::reports::Answer;
use super::safely::Care;
use super::written::{Instead, Written};
use super::{Place, Scope};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// PROJECT[.DATABASE] or a pattern
    #[arg(value_name = "TARGET", add = TARGETS())]
    target: Option<String>,
    #[command(flatten)]
    instead: Instead,
    #[command(flatten)]
    care: Care,
    #[command(flatten)]
    place: Place,
}

/// Makes the version table, with the width that the revisions' ids need.
pub fn ensure_version(scope: &Scope<'_>, args: &Args) -> Result<Answer<Written>> {
    let chosen = scope.writable(args.target.as_deref(), &args.place, &args.instead)?;
    let argv = args.instead.argv(&args.place, "ensure_version");
    scope.write_each(
        &chosen,
        &argv,
        &args.instead,
        Wishes { care: Some(("ensure-version", args.care)), ..Wishes::default() },
    )
}
