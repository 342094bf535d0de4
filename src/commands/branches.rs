//! `shed branches`: the branch points of a project's revisions.

use serde_json::Map;

use crate::error::Result;

use super::completions::TARGETS;
use super::reports::{Answer, Asked, Looked, Said};
use super::scope::Needs;
use super::several::Way;
use super::{Place, Scope};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// PROJECT, a pattern, or none: the project of this folder, or all
    #[arg(value_name = "TARGET", add = TARGETS())]
    target: Option<String>,
    #[command(flatten)]
    place: Place,
}

/// Lists the branch points, from the files alone.
pub fn branches(scope: &Scope<'_>, args: &Args) -> Result<Answer<Looked>> {
    let chosen = scope.targets(args.target.as_deref(), &args.place, Needs::Files)?;
    let mut argv = vec!["branches".to_owned()];
    argv.extend(scope.verbose_flag());
    scope.each(&chosen, Way::Reading, |scope, target, several| {
        scope.look_at_files(target, several, argv.clone(), ("branches", Map::new()), &|graph, asked| match asked {
            Asked::Text(style) => graph.branches_text(style).map(Said::Text),
            Asked::Data => graph.branches_data().map(Said::Data),
        })
    })
}
