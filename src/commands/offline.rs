//! `check --offline`: the migrations are run on a scratch database, and the models are compared with that.

use std::path::PathBuf;

use crate::alembic::Step;
use crate::alembic::event::Witness;
use crate::alembic::plan::Snapshot;
use crate::error::{Error, Result};
use crate::settings::Database;
use crate::settings::targets::{self, Selected, Target, Wanted, Without};

use super::Place;
use super::check::{self, Args, Checked};
use super::live::Live;
use super::scope::{Chosen, Needs, Scope};
use super::scratch::Scratch;

mod files;
mod kept;
mod known;

pub use files::{affected, real, words};
pub use kept::Keeping;
pub use known::Known;

/// What is checked: each project once per kind of database, or the databases that were named.
/// Given files narrow them to the projects that these can affect.
pub fn targets<'a>(
    scope: &Scope<'a>,
    word: Option<&str>,
    files: Option<&[PathBuf]>,
    place: &Place,
) -> Result<Vec<Chosen<'a>>> {
    let wanted = Wanted {
        word,
        all: place.all || (word.is_none() && files.is_some()),
        database: true,
        without: Without::TakesAll,
        working_dir: scope.environment.working_dir(),
    };
    let is_named = !place.all && word.is_some_and(|word| word.contains('.'));
    let (found, several) = match targets::select(scope.settings, &wanted)? {
        Selected::One(target) => (vec![target], false),
        Selected::Several(found) => (found, true),
        Selected::Unclear { among, .. } => (among, false),
    };
    let found = if is_named { found } else { with_all_databases(scope, &found)? };
    let found = match files {
        Some(files) => files::affected(scope, found, files, "checked")?,
        None => found,
    };
    let found = one_of_each_kind(scope, found)?;
    let by_pattern = several || found.len() > 1;
    let chosen = found.iter().map(|target| scope.chosen(target, by_pattern)).collect::<Result<Vec<_>>>()?;
    Ok(scope.share(chosen.into_iter().filter(|chosen| !by_pattern || has_models(scope, chosen)).collect()))
}

/// A pattern passes over what cannot be checked.
fn has_models(scope: &Scope<'_>, chosen: &Chosen<'_>) -> bool {
    let has = !chosen.project.module.is_empty() || chosen.project.env_py.is_some();
    if !has {
        scope.out.note(&format!("{}: it has no models; passed over", chosen.name));
    }
    has
}

fn with_all_databases(scope: &Scope<'_>, found: &[Target]) -> Result<Vec<Target>> {
    let mut projects: Vec<&str> = found.iter().map(|target| target.project.as_str()).collect();
    projects.dedup();
    let mut all = Vec::new();
    for name in projects {
        let databases = scope.settings.project(name)?.into_iter().flat_map(|project| project.db.keys());
        all.extend(databases.map(|database| Target { project: name.to_owned(), database: Some(database.clone()) }));
    }
    Ok(all)
}

/// Databases of one kind with the same keys give one answer; the default one stands for the others.
fn one_of_each_kind(scope: &Scope<'_>, found: Vec<Target>) -> Result<Vec<Target>> {
    let mut kept: Vec<(Target, &Database)> = Vec::new();
    for target in found {
        let project = scope.settings.project(&target.project)?;
        let Some(database) = target.database.as_deref().and_then(|name| project?.db.get(name)) else { continue };
        let alike =
            |(other, its): &&mut (Target, &Database)| other.project == target.project && gives_same(its, database);
        match kept.iter_mut().find(alike) {
            Some(stands) if database.default => *stands = (target, database),
            Some(_) => {}
            None => kept.push((target, database)),
        }
    }
    Ok(kept.into_iter().map(|(target, _)| target).collect())
}

/// Whether a scratch database for the one is as good as one for the other.
fn gives_same(one: &Database, other: &Database) -> bool {
    let (a, b) = (&one.options, &other.options);
    one.kind == other.kind
        && one.driver == other.driver
        && (&a.version_table, &a.version_table_schema, &a.schema)
            == (&b.version_table, &b.version_table_schema, &b.schema)
        && (&a.schemas, &a.include_tables, &a.exclude_tables) == (&b.schemas, &b.include_tables, &b.exclude_tables)
        && (&a.schema_translate_map, &a.on_connect, a.transactional)
            == (&b.schema_translate_map, &b.on_connect, b.transactional)
}

/// Migrates a scratch database and compares the models with it, where the answer is not known.
pub fn check(scope: &Scope<'_>, chosen: &Chosen<'_>, known: &Known, several: bool, args: &Args) -> Result<Checked> {
    if known.is_in_order(&chosen.name) {
        return Ok(check::known_to_be_in_order(chosen));
    }
    let Some(own) = &chosen.database else {
        return Err(Error::usage(format!("project {} has no database", chosen.project.name)));
    };
    let began = known.now(&chosen.name);
    let keeping = known.keeping(&chosen.name);
    let (checked, witness) = match on_scratch(scope, chosen, own, keeping.as_ref(), several, args)? {
        Some(answer) => Ok(answer),
        // What it was filled from does not hold: this time it is empty.
        None => on_scratch(scope, chosen, own, keeping.as_ref(), several, args)?.ok_or_else(unfilled),
    }?;
    if checked.in_order
        && let Err(why) = known.keep(&chosen.name, witness.as_ref(), began)
        && scope.out.verbose
    {
        scope.out.note(&format!("{}: the answer is not kept: {why}", chosen.name));
    }
    Ok(Checked { cached: Some(false), ..checked })
}

/// Runs it; `None` where the database was filled from a kept one that does not hold, which is forgotten then.
fn on_scratch(
    scope: &Scope<'_>,
    chosen: &Chosen<'_>,
    own: &Database,
    keeping: Option<&Keeping>,
    several: bool,
    args: &Args,
) -> Result<Option<(Checked, Option<Witness>)>> {
    let scratch = Scratch::of(scope, chosen, own, keeping)?;
    let there = Chosen { database: Some(scratch.database.clone()), name: chosen.name.clone(), ..*chosen };
    let snapshot = keeping.map(|keeping| keeping.told(scratch.is_filled));
    let plan = scope.plan(&there, Needs::Writing, steps(args, snapshot), check::wishes(args))?;
    let mut live = Live::of(scope.out, &plan.target, several);
    let mut ended = scope.run(&plan, &mut live)?;
    if let Some(keeping) = keeping
        && ended.is_stale()
    {
        scratch.forget(keeping);
        return Ok(None);
    }
    let (witness, made_of) = (ended.told.witness.take(), ended.told.snapshot.take());
    let on_scratch = |error: Error| error.remark("this was on a scratch database; no other was touched");
    let checked = check::found(ended, live).map_err(on_scratch)?;
    if let (Some(keeping), Some(made_of)) = (keeping, made_of) {
        scratch.keep(keeping, &chosen.name, made_of);
    }
    Ok(Some((checked, witness)))
}

fn unfilled() -> Error {
    Error::failed("the cache directory cannot be written to").help("set SHED_CACHE_DIR, or add --no-cache")
}

fn steps(args: &Args, snapshot: Option<Snapshot>) -> Vec<Step> {
    vec![Step::Prepare { snapshot }, check::step(args)]
}
