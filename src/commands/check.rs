//! `shed check`: whether models and database differ (drift).

use std::fmt;

use serde::Serialize;

use crate::alembic::{Difference, Step};
use crate::error::Result;
use crate::output::Report;

use super::completions::TARGETS;
use super::live::Live;
use super::planning::{Wishes, with_x};
use super::reports::Answer;
use super::scope::{Chosen, Needs};
use super::several::Way;
use super::{Place, Scope};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// PROJECT[.DATABASE], a pattern, or none: the project of this folder, or all
    #[arg(value_name = "TARGET", add = TARGETS())]
    target: Option<String>,
    /// Models to look at instead of the project's `module`
    #[arg(long, value_name = "MODULE")]
    models: Option<String>,
    #[command(flatten)]
    place: Place,
}

/// The differences between one project's models and one database.
#[derive(Debug, Serialize)]
pub struct Checked {
    pub target: String,
    /// Whether there are none.
    pub in_order: bool,
    pub differences: Vec<Difference>,
    #[serde(skip)]
    text: String,
}

/// Compares models and database; creates nothing.
pub fn check(scope: &Scope<'_>, args: &Args) -> Result<Answer<Checked>> {
    let chosen = scope.targets(args.target.as_deref(), &args.place, Needs::Reading)?;
    scope.each(&chosen, Way::Reading, |scope, target, several| check_one(scope, target, several, args))
}

fn check_one(scope: &Scope<'_>, target: &Chosen<'_>, several: bool, args: &Args) -> Result<Checked> {
    let argv = with_x(&args.place, vec!["check".to_owned()]);
    let wishes =
        Wishes { needs_models: true, models: args.models.as_deref(), terminal: args.place.tty, ..Wishes::default() };
    let plan = scope.plan(target, Needs::Reading, vec![Step::alembic(argv)], wishes)?;
    scope.say_missing(&plan);
    let mut live = Live::of(scope.out, &plan.target, several);
    let ended = scope.run(&plan, &mut live)?;
    let target = target.name.clone();
    if ended.failure_kind() == Some("drift") {
        scope.out.line(&format!("{target}: FAILED: New upgrade operations detected"));
        scope.out.note(&format!("help: write the missing revision: shed revision {target} --autogenerate -m \"…\""));
        return Ok(Checked { target, in_order: false, differences: ended.told.differences, text: live.text() });
    }
    ended.good()?;
    Ok(Checked { target, in_order: true, differences: Vec::new(), text: live.text() })
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
