//! `shed heads`: the heads of a project's revisions.

use serde_json::{Map, Value};

use crate::error::{Error, Result, Words};

use super::completions::TARGETS;
use super::reports::{Answer, Asked, Looked, Said};
use super::scope::{Chosen, Needs};
use super::several::Way;
use super::{Place, Scope};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// PROJECT, patterns, files (their projects), or none: the project of this folder, or all
    #[arg(value_name = "TARGET|FILE", add = TARGETS())]
    words: Vec<String>,
    /// Treat dependency versions as down revisions
    #[arg(long)]
    resolve_dependencies: bool,
    /// Exit code 1 where there are several
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    place: Place,
}

/// Lists the head revisions, from the files alone.
pub fn heads(scope: &Scope<'_>, args: &Args) -> Result<Answer<Looked>> {
    let chosen = scope.targets_or_files(&args.words, &args.place, Needs::Files)?;
    let mut argv = vec!["heads".to_owned()];
    argv.extend(scope.verbose_flag());
    argv.extend(args.resolve_dependencies.then(|| "--resolve-dependencies".to_owned()));
    let arguments = Map::from_iter([("resolve_dependencies".to_owned(), Value::from(args.resolve_dependencies))]);
    scope.each(&chosen, Way::Reading, |scope, target, several| {
        if args.strict {
            demand_one(scope, target, args.resolve_dependencies)?;
        }
        scope.look_at_files(target, several, argv.clone(), ("heads", arguments.clone()), &|graph, asked| match asked {
            Asked::Text(style) => graph.heads_text(args.resolve_dependencies, style).map(Said::Text),
            Asked::Data => graph.heads_data(args.resolve_dependencies).map(Said::Data),
        })
    })
}

fn demand_one(scope: &Scope<'_>, target: &Chosen<'_>, resolve_dependencies: bool) -> Result<()> {
    let heads = scope.head_ids(target, resolve_dependencies)?;
    if heads.len() < 2 {
        return Ok(());
    }
    let what = format!("{} has {} heads: {}", target.name, heads.len(), heads.join(", "));
    Err(Error::No(Words::new(what)).help(format!("shed merge {}", target.name)))
}
