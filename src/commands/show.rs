//! `shed show`: one revision, whole.

use serde_json::{Map, Value};

use crate::error::Result;

use super::completions::TARGETS;
use super::reports::{Answer, Asked, Looked, Said};
use super::scope::Needs;
use super::several::Way;
use super::{Place, Scope};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The target, and the revision (head): an id, head, heads, base, current
    #[arg(value_names = ["TARGET", "REVISION"], num_args = 0..=2, allow_negative_numbers = true, add = TARGETS())]
    words: Vec<String>,
    /// The revision, where it could be taken for a target
    #[arg(long, value_name = "REVISION")]
    revision: Option<String>,
    #[command(flatten)]
    place: Place,
}

/// Shows a revision, from the files alone unless it is `current`.
pub fn show(scope: &Scope<'_>, args: &Args) -> Result<Answer<Looked>> {
    let (target, revision) = scope.sort_one(&args.words, args.revision.as_deref())?;
    let revision = revision.unwrap_or_else(|| "head".to_owned());
    let needs = if revision == "current" { Needs::Reading } else { Needs::Files };
    let chosen = scope.targets(target.as_deref(), &args.place, needs)?;
    let arguments = Map::from_iter([("rev".to_owned(), Value::from(revision.as_str()))]);
    scope.each(&chosen, Way::Reading, |scope, target, several| {
        let argv = vec!["show".to_owned(), revision.clone()];
        let graph = ("show", arguments.clone());
        if needs != Needs::Files {
            return scope.look(target, several, needs, argv, graph);
        }
        scope.look_at_files(target, several, argv, graph, &|graph, asked| match asked {
            Asked::Text(_) => graph.show_text(&revision).map(Said::Text),
            Asked::Data => graph.show_data(&revision).map(Said::Data),
        })
    })
}
