//! `models --verify`: what can be told from the models, then a round trip through each of the project's engines.

use crate::alembic::Step;
use crate::error::{Error, Result};
use crate::settings::{Database, Kind};

use super::super::scope::{Chosen, Needs, Scope};
use super::super::scratch::Scratch;
use super::report::Inventory;
use super::{Args, Told, planned, told, wanted};

/// PostgreSQL cuts longer names.
const LONGEST: u32 = 63;

pub fn verify(scope: &Scope<'_>, chosen: &Chosen<'_>, args: &Args) -> Result<Inventory> {
    let databases = databases(chosen);
    let has_postgres = databases.iter().any(|database| database.kind == Kind::Postgres);
    let kind = databases.first().map_or(Kind::Sqlite, |database| database.kind);
    let mut wanted = wanted(scope, chosen, args, kind)?;
    wanted.longest = has_postgres.then_some(LONGEST);
    let mut first = Some(Step::Models { wanted: wanted.clone() });
    let mut found = Inventory { target: chosen.name.clone(), findings: Some(Vec::new()), ..Inventory::default() };
    for database in databases {
        let steps = first.clone().into_iter().chain([Step::RoundTrip { wanted: wanted.clone() }]).collect();
        match tried(scope, chosen, args, database, steps)? {
            Ok(all) => {
                first = None;
                found.take(all);
            }
            Err(why) => found.not_tried.push(why),
        }
    }
    if let Some(step) = first {
        let plan = planned(scope, chosen, args, Needs::Files, vec![step])?;
        found.take(told(scope, &plan)?);
    }
    found.not_tried.iter().for_each(|why| scope.out.warn(&format!("{}: types were not tried: {why}", chosen.name)));
    Ok(found)
}

/// One of each kind: the one that is named, else the default one or the first.
fn databases<'c>(chosen: &'c Chosen<'_>) -> Vec<&'c Database> {
    if chosen.name.contains('.') {
        return chosen.database.iter().collect();
    }
    let of_kind = |kind| {
        let all = || chosen.project.db.values().filter(move |database| database.kind == kind);
        all().find(|database| database.default).or_else(|| all().next())
    };
    [Kind::Sqlite, Kind::Postgres].into_iter().filter_map(of_kind).collect()
}

/// The steps on a scratch database; the inner error says why there is none.
fn tried(
    scope: &Scope<'_>,
    chosen: &Chosen<'_>,
    args: &Args,
    database: &Database,
    steps: Vec<Step>,
) -> Result<std::result::Result<Vec<Told>, String>> {
    let attaches = |statement: &String| statement.to_lowercase().contains("attach");
    if database.kind == Kind::Sqlite && database.options.on_connect.iter().any(attaches) {
        return Ok(Err("`on_connect` attaches a database that is no scratch one".to_owned()));
    }
    let scratch = match Scratch::of(scope, chosen, database, None) {
        Ok(scratch) => scratch,
        Err(error @ Error::Interrupted(_)) => return Err(error),
        Err(error) => {
            let words = error.to_string().replace("\nhelp: ", "; ");
            return Ok(Err(words.trim_start_matches(&format!("{}: ", chosen.name)).to_owned()));
        }
    };
    let there = Chosen { database: Some(scratch.database.clone()), ..chosen.clone() };
    let plan = planned(scope, &there, args, Needs::Writing, steps)?;
    told(scope, &plan).map(Ok)
}
