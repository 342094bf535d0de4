//! `shed history`: the revisions of a project, newest first.

use serde_json::{Map, Value, json};

use crate::error::Result;

use super::completions::TARGETS;
use super::reports::{Answer, Asked, Looked, Said};
use super::scope::Needs;
use super::several::Way;
use super::{Place, Scope};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// PROJECT[.DATABASE], a pattern, or none: the project of this folder, or all
    #[arg(value_name = "TARGET", add = TARGETS())]
    target: Option<String>,
    /// A range of revisions, [start]:[end]; `current` may be one of them
    #[arg(short, long, value_name = "START:END", allow_hyphen_values = true)]
    rev_range: Option<String>,
    /// Mark the current revision
    #[arg(short, long)]
    indicate_current: bool,
    #[command(flatten)]
    place: Place,
}

impl Args {
    /// Whether the database has to be asked.
    fn needs(&self) -> Needs {
        let current = self.rev_range.as_deref().is_some_and(|range| range.contains("current"));
        if current || self.indicate_current { Needs::Reading } else { Needs::Files }
    }
}

/// Lists the revisions, from the files alone unless the current one is asked for.
pub fn history(scope: &Scope<'_>, args: &Args) -> Result<Answer<Looked>> {
    let chosen = scope.targets(args.target.as_deref(), &args.place, args.needs())?;
    let mut argv = vec!["history".to_owned()];
    if let Some(range) = &args.rev_range {
        argv.push(format!("--rev-range={range}"));
    }
    argv.extend(scope.verbose_flag());
    argv.extend(args.indicate_current.then(|| "--indicate-current".to_owned()));
    let arguments = Map::from_iter([
        ("rev_range".to_owned(), json!(args.rev_range)),
        ("indicate_current".to_owned(), Value::from(args.indicate_current)),
    ]);
    scope.each(&chosen, Way::Reading, |scope, target, several| {
        let graph = ("history", arguments.clone());
        if args.needs() != Needs::Files {
            return scope.look(target, several, args.needs(), argv.clone(), graph);
        }
        scope.look_at_files(target, several, argv.clone(), graph, &|graph, asked| match asked {
            Asked::Text(style) => graph.history_text(args.rev_range.as_deref(), style).map(Said::Text),
            Asked::Data => graph.history_data(args.rev_range.as_deref()).map(Said::Data),
        })
    })
}
