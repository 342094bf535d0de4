//! `shed unlock`: who holds the lock on a database, and an end to it.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use crate::engine::Holder;
use crate::error::Result;
use crate::output::Report;

use super::completions::TARGETS;
use super::reports::Answer;
use super::scope::{Chosen, Needs};
use super::several::Way;
use super::{Place, Scope};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// PROJECT[.DATABASE] or a pattern
    #[arg(value_name = "TARGET", add = TARGETS())]
    target: Option<String>,
    /// Only show who holds it
    #[arg(long)]
    list: bool,
    #[command(flatten)]
    place: Place,
}

/// The lock of one database.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Unlocked {
    pub target: String,
    pub holder: Option<Holder>,
    /// Whether its holder was ended.
    pub ended: bool,
}

/// Shows who holds the lock and, after a yes, ends the session or process that does: no lock outlives its holder.
pub fn unlock(scope: &Scope<'_>, args: &Args) -> Result<Answer<Unlocked>> {
    let chosen = scope.targets_for(args.target.as_deref(), &args.place, Needs::Reading, !args.list)?;
    scope.each(&chosen, Way::Reading, |scope, target, _| unlock_one(scope, target, args))
}

fn unlock_one(scope: &Scope<'_>, target: &Chosen<'_>, args: &Args) -> Result<Unlocked> {
    let engine = target.database.as_ref().map(|database| scope.engine(database)).transpose()?;
    let holder = engine.as_ref().map(crate::engine::Engine::lock_holder).transpose()?.flatten();
    let mut ended = false;
    if let (Some(engine), Some(holder), false) = (&engine, &holder, args.list) {
        scope.confirm(&format!("end {holder}, which holds the lock on {}?", target.name))?;
        engine.end_holder(holder)?;
        ended = true;
    }
    Ok(Unlocked { target: target.name.clone(), holder, ended })
}

impl fmt::Display for Unlocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.holder {
            None => writeln!(f, "{}: nobody holds the lock", self.target),
            Some(holder) if self.ended => writeln!(f, "{}: ended {holder}", self.target),
            Some(holder) => writeln!(f, "{}: locked by {holder}", self.target),
        }
    }
}

impl Report for Unlocked {}
