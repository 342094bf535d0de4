//! `shed redo`: takes the last revision back and applies it again.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use crate::alembic::event::heads_in_words;
use crate::error::{Error, Result};
use crate::output::Report;

use super::completions::TARGETS;
use super::planning::{Wishes, with_x};
use super::reports::{Answer, Moved};
use super::safely::Care;
use super::scope::{Chosen, Needs};
use super::several::Way;
use super::{Place, Scope};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// PROJECT[.DATABASE] or a pattern
    #[arg(value_name = "TARGET", add = TARGETS())]
    target: Option<String>,
    #[command(flatten)]
    care: Care,
    #[command(flatten)]
    place: Place,
}

/// Both ways.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Redone {
    pub target: String,
    pub back: Moved,
    pub again: Moved,
}

/// Downgrades by one and upgrades to where the database was, after a yes.
pub fn redo(scope: &Scope<'_>, args: &Args) -> Result<Answer<Redone>> {
    let chosen = scope.allow_writing(scope.targets(args.target.as_deref(), &args.place, Needs::Writing)?)?;
    if !chosen.is_empty() {
        let names: Vec<&str> = chosen.iter().map(|chosen| chosen.name.as_str()).collect();
        scope.confirm(&format!("take back the last revision of {} and apply it again?", names.join(", ")))?;
    }
    scope.each(&chosen, Way::Writing, |scope, target, several| redo_one(scope, target, several, args))
}

fn redo_one(scope: &Scope<'_>, target: &Chosen<'_>, several: bool, args: &Args) -> Result<Redone> {
    let care = Some(("redo", args.care));
    let wishes = Wishes { needs_models: true, terminal: args.place.tty, care, ..Wishes::default() };
    let argv = |words: [&str; 2]| with_x(&args.place, words.map(str::to_owned).to_vec());
    let back = scope.write(target, several, argv(["downgrade", "-1"]), wishes)?;
    let [head] = back.from.as_slice() else {
        let was = heads_in_words(&back.from);
        return Err(Error::usage(format!(
            "{}: redo needs one revision to come back to, and it was at {was}",
            target.name
        ))
        .help(format!("shed upgrade {} REVISION", target.name)));
    };
    let again = scope.write(target, several, argv(["upgrade", head]), wishes)?;
    Ok(Redone { target: target.name.clone(), back, again })
}

impl fmt::Display for Redone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.back, self.again)
    }
}

impl Report for Redone {}
