//! `shed current`: the revisions that a database holds.

use serde_json::{Map, Value};

use crate::error::Result;

use super::completions::TARGETS;
use super::planning::with_x;
use super::reports::{Answer, Looked};
use super::scope::Needs;
use super::several::Way;
use super::{Place, Scope};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// PROJECT[.DATABASE], a pattern, or none: the project of this folder, or all
    #[arg(value_name = "TARGET", add = TARGETS())]
    target: Option<String>,
    /// Exit code 1 unless every head is applied
    #[arg(short, long)]
    check_heads: bool,
    #[command(flatten)]
    place: Place,
}

/// Reads the version table; creates nothing.
pub fn current(scope: &Scope<'_>, args: &Args) -> Result<Answer<Looked>> {
    let chosen = scope.targets(args.target.as_deref(), &args.place, Needs::Reading)?;
    let mut argv = vec!["current".to_owned()];
    argv.extend(args.check_heads.then(|| "--check-heads".to_owned()));
    argv.extend(scope.verbose_flag());
    let argv = with_x(&args.place, argv);
    let arguments = Map::from_iter([("check_heads".to_owned(), Value::from(args.check_heads))]);
    scope.each(&chosen, Way::Reading, |scope, target, several| {
        scope.look(target, several, Needs::Reading, argv.clone(), ("current", arguments.clone()))
    })
}
