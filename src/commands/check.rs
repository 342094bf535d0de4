//! `shed check`: whether models and database differ (drift).

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use crate::alembic::{Difference, Ended, Plan, Step};
use crate::error::{Error, Result};
use crate::output::Report;

use super::completions::TARGETS;
use super::live::Live;
use super::offline;
use super::planning::{Wishes, with_x};
use super::reports::Answer;
use super::scope::{Chosen, Needs};
use super::several::Way;
use super::{Place, Scope};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// PROJECT[.DATABASE], a pattern, or none: the project of this folder, or all; with --offline files too, whose
    /// projects are checked
    #[arg(value_name = "TARGET|FILE", add = TARGETS())]
    words: Vec<String>,
    /// Compare the models with the migrations, run on a scratch database; no live one is looked at
    #[arg(long, conflicts_with_all = ["on", "create", "database_url"])]
    offline: bool,
    /// With --offline: run it, whatever is known from an earlier run, and keep nothing
    #[arg(long, requires = "offline")]
    pub no_cache: bool,
    /// Models to look at instead of the project's `module`
    #[arg(long, value_name = "MODULE")]
    pub models: Option<String>,
    #[command(flatten)]
    pub place: Place,
}

impl Args {
    /// `check --offline` of one target, for a command that only wants the answer.
    pub fn offline(place: &Place) -> Self {
        Self { words: Vec::new(), offline: true, no_cache: false, models: None, place: place.clone() }
    }
}

/// The differences between one project's models and one database.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Checked {
    pub target: String,
    /// Whether there are none.
    pub in_order: bool,
    pub differences: Vec<Difference>,
    /// With --offline: whether it is the answer of an earlier run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cached: Option<bool>,
    #[serde(skip)]
    pub text: String,
}

/// Compares models and database; creates nothing.
pub fn check(scope: &Scope<'_>, args: &Args) -> Result<Answer<Checked>> {
    if args.offline {
        let (word, files) = offline::words(scope, &args.words)?;
        let chosen = offline::targets(scope, word, files.as_deref(), &args.place)?;
        let known = offline::Known::of(scope, &chosen, args);
        return scope.each(&chosen, Way::Reading, |scope, target, several| {
            said(scope, offline::check(scope, target, &known, several, args)?)
        });
    }
    if let [_, more, ..] = args.words.as_slice() {
        return Err(Error::usage(format!("one target is checked, not `{more}` too"))
            .help("several by a pattern (`billing.*`) or --all; files with --offline"));
    }
    let chosen = scope.targets(args.words.first().map(String::as_str), &args.place, Needs::Reading)?;
    scope.each(&chosen, Way::Reading, |scope, target, several| said(scope, check_one(scope, target, several, args)?))
}

fn check_one(scope: &Scope<'_>, target: &Chosen<'_>, several: bool, args: &Args) -> Result<Checked> {
    let plan = scope.plan(target, Needs::Reading, vec![step(args)], wishes(args))?;
    scope.say_missing(&plan);
    checked(scope, &plan, several)
}

/// Alembic's own `check`.
pub fn step(args: &Args) -> Step {
    Step::alembic(with_x(&args.place, vec!["check".to_owned()]))
}

/// The same, which tells what it looked at.
pub fn alone(args: &Args) -> Step {
    Step::Compare { argv: with_x(&args.place, vec!["check".to_owned()]) }
}

pub fn wishes(args: &Args) -> Wishes<'_> {
    Wishes { needs_models: true, models: args.models.as_deref(), terminal: args.place.tty, ..Wishes::default() }
}

/// The answer of an earlier run.
pub fn known_to_be_in_order(target: &Chosen<'_>) -> Checked {
    let text = "No new upgrade operations detected. (cached)\n".to_owned();
    Checked { target: target.name.clone(), in_order: true, differences: Vec::new(), cached: Some(true), text }
}

fn said(scope: &Scope<'_>, found: Checked) -> Result<Checked> {
    if !found.in_order {
        scope.say_drift(&found.target);
    }
    Ok(found)
}

/// Runs it; what it found.
pub fn checked(scope: &Scope<'_>, plan: &Plan<'_>, several: bool) -> Result<Checked> {
    let mut live = Live::of(scope.out, &plan.target, several);
    let ended = scope.run(plan, &mut live)?;
    found(ended, live)
}

/// What a run found.
pub fn found(ended: Ended, live: Live<'_>) -> Result<Checked> {
    let target = ended.target.clone();
    if ended.drifted() {
        let differences = ended.told.differences;
        return Ok(Checked { target, in_order: false, differences, cached: None, text: live.text() });
    }
    ended.good()?;
    Ok(Checked { target, in_order: true, differences: Vec::new(), cached: None, text: live.text() })
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        self.differences.iter().try_for_each(|difference| writeln!(f, "{difference}"))
    }
}

impl Report for Checked {
    fn ok(&self) -> bool {
        self.in_order
    }
}
