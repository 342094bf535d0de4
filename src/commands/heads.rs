//! `shed heads`: the heads of a project's revisions.

use serde_json::{Map, Value};

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
    /// Treat dependency versions as down revisions
    #[arg(long)]
    resolve_dependencies: bool,
    #[command(flatten)]
    place: Place,
}

/// Lists the head revisions, from the files alone.
pub fn heads(scope: &Scope<'_>, args: &Args) -> Result<Answer<Looked>> {
    let chosen = scope.targets(args.target.as_deref(), &args.place, Needs::Files)?;
    let mut argv = vec!["heads".to_owned()];
    argv.extend(scope.verbose_flag());
    argv.extend(args.resolve_dependencies.then(|| "--resolve-dependencies".to_owned()));
    let arguments = Map::from_iter([("resolve_dependencies".to_owned(), Value::from(args.resolve_dependencies))]);
    scope.each(&chosen, Way::Reading, |scope, target, several| {
        scope.look_at_files(target, several, argv.clone(), ("heads", arguments.clone()), &|graph, asked| match asked {
            Asked::Text(style) => graph.heads_text(args.resolve_dependencies, style).map(Said::Text),
            Asked::Data => graph.heads_data(args.resolve_dependencies).map(Said::Data),
        })
    })
}
