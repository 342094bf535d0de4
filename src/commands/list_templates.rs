//! `shed list-templates`: the templates that the project's Alembic brings along.

use serde_json::{Map, Value, json};

use crate::alembic::Step;
use crate::error::Result;
use crate::output::Format;

use super::completions::TARGETS;
use super::live::Live;
use super::planning::Wishes;
use super::reports::{Answer, Looked};
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

/// Lists Alembic's templates; shed itself needs none of them.
pub fn list_templates(scope: &Scope<'_>, args: &Args) -> Result<Answer<Looked>> {
    let chosen = scope.targets_for(args.target.as_deref(), &args.place, Needs::Files, true)?;
    scope.each(&chosen, Way::Reading, |scope, target, several| {
        let step = Step::alembic(["list_templates"]);
        let plan = scope.plan(target, Needs::Files, vec![step], Wishes::default())?;
        let json = scope.out.format == Format::Json;
        let mut live =
            if json { Live::keeping(scope.out, &plan.target) } else { Live::of(scope.out, &plan.target, several) };
        scope.run(&plan, &mut live)?.good()?;
        let text = live.text();
        let data = Map::from_iter([("templates".to_owned(), templates(&text))]);
        Ok(Looked { target: target.name.clone(), data, text })
    })
}

/// Alembic says `name - description`, a line each.
fn templates(text: &str) -> Value {
    let lines = text.lines().filter_map(|line| line.split_once(" - "));
    lines.map(|(name, description)| json!({"name": name, "description": description})).collect()
}
