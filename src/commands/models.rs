//! `shed models`: every model with its table, and what is wrong with them.

mod report;
mod verify;

use serde::Deserialize;

use crate::alembic::{ModelsWanted, Plan, Step};
use crate::error::{Error, Result};
use crate::settings::{Kind, Module};

use super::completions::TARGETS;
use super::live::Live;
use super::planning::{self, Wishes};
use super::reports::Answer;
use super::scope::{Chosen, Needs};
use super::several::Way;
use super::{Place, Scope};

pub use report::{Finding, Inventory, Model};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// PROJECT[.DATABASE], patterns, files (their projects), or none: the project of this folder, or all
    #[arg(value_name = "TARGET|FILE", add = TARGETS())]
    words: Vec<String>,
    /// Import every module of this package instead of the project's `module`: a folder or a dotted name
    #[arg(long, value_name = "PACKAGE")]
    package: Option<String>,
    /// Subclasses of this base alone; of a Protocol, the classes that have what it asks for
    #[arg(long, value_name = "PACKAGE:BASE")]
    base: Option<String>,
    /// Print the names alone, one a line
    #[arg(long, conflicts_with = "verify")]
    list: bool,
    /// Say what is wrong with them: exit code 1 where anything is
    #[arg(long)]
    verify: bool,
    /// Every project of the settings
    #[arg(long)]
    all: bool,
}

/// Imports the models and describes them; no database is looked at but the scratch ones of `--verify`.
pub fn models(scope: &Scope<'_>, args: &Args) -> Result<Answer<Inventory>> {
    if let Some(base) = args.base.as_deref().filter(|base| !base.contains(':')) {
        return Err(
            Error::usage(format!("--base takes PACKAGE:BASE, not `{base}`")).help("such as --base billing.models:Base")
        );
    }
    let place = Place { all: args.all, ..Place::default() };
    let chosen = scope.targets_or_files(&args.words, &place, Needs::Files)?;
    let chosen: Vec<Chosen<'_>> = chosen.into_iter().filter(|chosen| has_models(scope, chosen, args)).collect();
    scope.each(&chosen, Way::Reading, |scope, target, _| match args.verify {
        true => verify::verify(scope, target, args),
        false => list(scope, target, args),
    })
}

/// A pattern passes over projects without models.
fn has_models(scope: &Scope<'_>, chosen: &Chosen<'_>, args: &Args) -> bool {
    let has = !chosen.project.module.is_empty() || args.package.is_some() || !chosen.by_pattern;
    if !has {
        scope.out.note(&format!("{}: it has no models; passed over", chosen.name));
    }
    has
}

fn list(scope: &Scope<'_>, chosen: &Chosen<'_>, args: &Args) -> Result<Inventory> {
    let kind = chosen.database_or_first().map_or(Kind::Sqlite, |database| database.kind);
    let step = Step::Models { wanted: wanted(scope, chosen, args, kind)? };
    let plan = planned(scope, chosen, args, Needs::Files, vec![step])?;
    let Told { models, .. } = told(scope, &plan)?.into_iter().next().unwrap_or_default();
    Ok(Inventory { target: chosen.name.clone(), models, findings: None, not_tried: Vec::new(), names: args.list })
}

/// What one step tells.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Told {
    models: Vec<Model>,
    findings: Vec<Finding>,
    /// Why the types were not tried.
    not_tried: Option<String>,
}

fn told(scope: &Scope<'_>, plan: &Plan<'_>) -> Result<Vec<Told>> {
    let ended = scope.run(plan, &mut Live::aside(scope.out, &plan.target))?.good()?;
    let read =
        |value| serde_json::from_value(value).map_err(|error| Error::failed(format!("{}: {error}", plan.target)));
    ended.told.results.into_iter().map(read).collect()
}

fn planned<'p>(
    scope: &Scope<'_>,
    chosen: &'p Chosen<'_>,
    args: &Args,
    needs: Needs,
    steps: Vec<Step>,
) -> Result<Plan<'p>> {
    let wishes = Wishes { needs_models: true, models: args.package.as_deref(), ..Wishes::default() };
    scope.plan(chosen, needs, steps, wishes)
}

fn wanted(scope: &Scope<'_>, chosen: &Chosen<'_>, args: &Args, kind: Kind) -> Result<ModelsWanted> {
    let others = scope.settings.projects()?.values().filter(|other| other.name != chosen.project.name);
    let paths = others.flat_map(|other| &other.module).filter_map(|module| match module {
        Module::Path(path) => Some(path.clone()),
        Module::Name(_) => None,
    });
    // A folder that holds ours, too, is no reason to look past ours.
    let own = planning::models(chosen.project, args.package.as_deref(), scope.environment.working_dir());
    let holds_ours =
        |path: &std::path::Path| own.iter().any(|module| matches!(module, Module::Path(own) if own.starts_with(path)));
    Ok(ModelsWanted {
        package: args.package.is_some(),
        base: args.base.clone(),
        dialect: match kind {
            Kind::Sqlite => "sqlite",
            Kind::Postgres => "postgresql",
        },
        verify: args.verify,
        longest: None,
        others: paths.filter(|path| !holds_ours(path)).collect(),
    })
}
