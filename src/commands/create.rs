//! `shed create`: an empty database.

use std::fmt;

use serde::Serialize;

use crate::error::Result;
use crate::output::Report;

use super::completions::TARGETS;
use super::reports::Answer;
use super::scope::{Chosen, Needs};
use super::{Place, Scope};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// PROJECT[.DATABASE] or a pattern
    #[arg(value_name = "TARGET", add = TARGETS())]
    target: Option<String>,
    #[command(flatten)]
    place: Place,
}

/// Whether the database was made now.
#[derive(Debug, Serialize)]
pub struct Created {
    pub target: String,
    pub database: String,
    pub created: bool,
}

/// Makes the database where it is not there; says so where it is.
pub fn create(scope: &Scope<'_>, args: &Args) -> Result<Answer<Created>> {
    let chosen = scope.allow_writing(scope.targets(args.target.as_deref(), &args.place, Needs::Writing)?)?;
    scope.each(&chosen, false, |target, _| create_one(scope, target))
}

fn create_one(scope: &Scope<'_>, target: &Chosen<'_>) -> Result<Created> {
    let plan = scope.plan(target, Needs::Writing, Vec::new(), super::planning::Wishes::default())?;
    let (mut database, mut created) = (String::new(), false);
    if let Some(reach) = &plan.reach {
        database = reach.engine.place();
        if !reach.engine.exists()? {
            reach.engine.create()?;
            created = true;
        }
    }
    Ok(Created { target: target.name.clone(), database, created })
}

impl fmt::Display for Created {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.created { "created" } else { "is there already" };
        writeln!(f, "{}: {} {what}", self.target, self.database)
    }
}

impl Report for Created {}
