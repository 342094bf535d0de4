//! `shed create`: an empty database, or one with the tables of the models.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::alembic::{Step, event::heads_in_words};
use crate::engine::Creation;
use crate::error::Result;
use crate::output::Report;

use super::completions::TARGETS;
use super::live::Live;
use super::planning::Wishes;
use super::reports::Answer;
use super::safely::Care;
use super::scope::{Chosen, Needs};
use super::several::Way;
use super::{Place, Scope};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// PROJECT[.DATABASE], a pattern, or development.SERVER/NAME
    #[arg(value_name = "TARGET", add = TARGETS())]
    target: Option<String>,
    #[command(flatten)]
    creation: Creation,
    /// Make every table of the models and stamp the heads; into an empty database only
    #[arg(long)]
    from_models: bool,
    /// With --from-models: also beside tables that are there; nothing is dropped
    #[arg(long, requires = "from_models")]
    force: bool,
    /// With --from-models: models to look at instead of the project's `module`
    #[arg(long, value_name = "MODULE", requires = "from_models")]
    models: Option<String>,
    /// Say what would be created; create nothing
    #[arg(long, conflicts_with = "from_models")]
    dry_run: bool,
    #[command(flatten)]
    place: Place,
}

/// Whether the database was made now.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Created {
    pub target: String,
    pub database: String,
    /// Whether it was made; with `--dry-run` whether it would be.
    pub created: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// With `--from-models`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub models: Option<FromModels>,
}

/// What was made of the models.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct FromModels {
    /// The tables that were made.
    pub tables: Vec<String>,
    /// The tables of the models that were there already.
    pub there: Vec<String>,
    /// The schemas that were made.
    pub schemas: Vec<String>,
    /// The revisions that the database is at now.
    pub heads: Vec<String>,
}

/// Makes the database where it is not there; says so where it is.
pub fn create(scope: &Scope<'_>, args: &Args) -> Result<Answer<Created>> {
    // A whole name on a development server is a database of no project's.
    let named = args.target.as_deref().filter(|word| word.starts_with("development.") && word.contains('/'));
    let mut chosen = match named.filter(|_| !args.from_models) {
        Some(name) => vec![scope.named(name, "create")?],
        None => scope.targets(args.target.as_deref(), &args.place, Needs::Writing)?,
    };
    if !args.dry_run {
        chosen = scope.allow_writing(chosen)?;
    }
    scope.each(&chosen, Way::Writing, |scope, target, several| create_one(scope, target, several, args))
}

fn create_one(scope: &Scope<'_>, target: &Chosen<'_>, several: bool, args: &Args) -> Result<Created> {
    let engine = scope.reach(target)?;
    let mut created = Created {
        target: target.name.clone(),
        database: engine.place(),
        created: false,
        dry_run: args.dry_run,
        models: None,
    };
    if args.from_models {
        scope.refuse_memory(target, &engine)?;
    }
    engine.accepts(&args.creation)?;
    created.created = !engine.exists()?;
    if created.created && !args.dry_run {
        engine.make_room()?;
        engine.create_as(&args.creation)?;
    }
    if args.from_models {
        created.models = Some(from_models(scope, target, several, args)?);
    }
    Ok(created)
}

/// Under the lock: the tables in one transaction, then Alembic's own `stamp`, verified.
fn from_models(scope: &Scope<'_>, target: &Chosen<'_>, several: bool, args: &Args) -> Result<FromModels> {
    let wishes = Wishes { needs_models: true, models: args.models.as_deref(), ..Wishes::default() };
    let steps = vec![Step::FromModels { force: args.force }];
    let plan = scope.plan(target, Needs::Writing, steps, wishes)?;
    let mut live = Live::of(scope.out, &plan.target, several);
    let told = scope.run_safely(target, &plan, "create", Care::without_backup(), &mut live)?.good()?.told;
    let made = told.results.into_iter().next().and_then(|value| serde_json::from_value(value).ok());
    Ok(FromModels { heads: told.verified.unwrap_or_default(), ..made.unwrap_or_default() })
}

impl fmt::Display for Created {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match (self.created, self.dry_run) {
            (true, false) => "created",
            (true, true) => "would be created",
            (false, _) => "is there already",
        };
        writeln!(f, "{}: {} {what}", self.target, self.database)?;
        let Some(FromModels { tables, there, heads, .. }) = &self.models else { return Ok(()) };
        let kept = if there.is_empty() { String::new() } else { format!(", {} there already", there.len()) };
        let count = tables.len();
        let noun = if count == 1 { "table" } else { "tables" };
        writeln!(f, "{}: {count} {noun} made from the models{kept}, stamped {}", self.target, heads_in_words(heads))
    }
}

impl Report for Created {}
