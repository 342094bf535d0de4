//! `shed log`: what was done to a database, as far as its ledger tells.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::engine::ledger::{Of, Step};
use crate::error::{Error, Result};
use crate::output::Report;

use super::completions::TARGETS;
use super::reports::Answer;
use super::scope::{Chosen, Needs};
use super::several::Way;
use super::status::{self, Site};
use super::{Place, Scope};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// PROJECT[.DATABASE], a pattern, or none: the project of this folder, or all
    #[arg(value_name = "TARGET", add = TARGETS())]
    target: Option<String>,
    /// The last N steps alone
    #[arg(short, long = "number", value_name = "N")]
    number: Option<u32>,
    #[command(flatten)]
    place: Place,
}

/// What was done to one database.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Log {
    pub target: String,
    /// Whether there is a ledger in the database.
    pub kept: bool,
    /// Newest first.
    pub steps: Vec<Step>,
}

/// Reads the ledger; creates nothing.
pub fn log(scope: &Scope<'_>, args: &Args) -> Result<Answer<Log>> {
    let chosen = scope.targets(args.target.as_deref(), &args.place, Needs::Reading)?;
    scope.each(&chosen, Way::Reading, |scope, target, _| log_one(scope, target, args))
}

fn log_one(scope: &Scope<'_>, target: &Chosen<'_>, args: &Args) -> Result<Log> {
    let site = status::site(scope, target)?;
    let steps = match site.is_plain().then(|| site.engine.ledger(of(&site), args.number)) {
        // Without psql the project's driver is asked.
        None | Some(Err(Error::Environment(_))) => by_python(scope, target, args.number)?,
        Some(steps) => steps?,
    };
    if steps.is_none() {
        scope.out.line(&format!("{}: nothing is written down there; `ledger: true` does so", target.name));
    }
    Ok(Log { target: target.name.clone(), kept: steps.is_some(), steps: steps.unwrap_or_default() })
}

fn of<'s>(site: &'s Site<'_>) -> Of<'s> {
    Of { schema: site.table.schema.as_deref(), version_table: &site.table.name }
}

/// The ledger as the project's SQLAlchemy finds it.
pub fn by_python(scope: &Scope<'_>, target: &Chosen<'_>, most: Option<u32>) -> Result<Option<Vec<Step>>> {
    let mut rows = status::question(scope, target, Needs::Reading, "log")?.into_iter();
    if rows.next().is_none_or(|first| first["there"] != Value::Bool(true)) {
        return Ok(None);
    }
    let unread = |error| Error::failed(format!("{}: a row of the ledger cannot be read: {error}", target.name));
    let most = most.map_or(usize::MAX, |most| most as usize);
    rows.take(most).map(|row| serde_json::from_value(row).map_err(unread)).collect::<Result<_>>().map(Some)
}

impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.steps.iter().try_for_each(|step| writeln!(f, "{step}"))
    }
}

impl Report for Log {}
