//! `shed edit`: opens a revision file in $EDITOR.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use crate::alembic::Step;
use crate::error::{Error, Result};
use crate::output::Report;

use super::completions::TARGETS;
use super::live::Live;
use super::planning::{Wishes, with_x};
use super::scope::Needs;
use super::{Place, Scope};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The target, and the revision: an id, head, current
    #[arg(value_names = ["TARGET", "REVISION"], num_args = 0..=2, allow_negative_numbers = true, add = TARGETS())]
    words: Vec<String>,
    /// The revision, where it could be taken for a target
    #[arg(long, value_name = "REVISION", allow_hyphen_values = true)]
    revision: Option<String>,
    #[command(flatten)]
    place: Place,
}

/// The file that was opened.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Edited {
    pub target: String,
    pub revision: String,
}

/// Gives Alembic the terminal, so that its editor can have it.
pub fn edit(scope: &Scope<'_>, args: &Args) -> Result<Edited> {
    let (target, revision) = scope.sort_one(&args.words, args.revision.as_deref())?;
    let Some(revision) = revision else {
        return Err(Error::usage("edit needs a revision").help("name one: head, current, or an id"));
    };
    let needs = if revision == "current" { Needs::Reading } else { Needs::Files };
    let chosen = scope.only_target(target.as_deref(), &args.place, needs)?;
    let argv = with_x(&args.place, vec!["edit".to_owned(), revision.clone()]);
    let wishes = Wishes { terminal: true, ..Wishes::default() };
    let plan = scope.plan(&chosen, needs, vec![Step::alembic(argv)], wishes)?;
    scope.run(&plan, &mut Live::of(scope.out, &plan.target, false))?.good()?;
    Ok(Edited { target: chosen.name.clone(), revision })
}

impl fmt::Display for Edited {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

impl Report for Edited {}
