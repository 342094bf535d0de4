//! `shed recover`: what a run that was broken off left in a database, shown and put right.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use crate::alembic::recover::{Allowed, Recovered, Site, broken_off, discard, recover as put_right};
use crate::engine::journal::{Deed, Journal};
use crate::engine::{Engine, LockWish, Watch};
use crate::error::Result;
use crate::output::Report;
use crate::settings::{Options, Restore};

use super::completions::TARGETS;
use super::reports::Answer;
use super::safely::tell;
use super::scope::{Chosen, Needs};
use super::several::Way;
use super::{Place, Scope};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// PROJECT[.DATABASE] or a pattern
    #[arg(value_name = "TARGET", add = TARGETS())]
    target: Option<String>,
    /// Only show what is there
    #[arg(long, conflicts_with_all = ["restore", "discard"])]
    list: bool,
    /// Put the backup back, whatever `restore` says in the settings
    #[arg(long, conflicts_with = "discard")]
    restore: bool,
    /// Forget the run and leave the database as it is
    #[arg(long)]
    discard: bool,
    #[command(flatten)]
    place: Place,
}

/// What was found of one target, and what became of it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Found {
    pub target: String,
    /// The run in words; `null` where none was broken off.
    pub run: Option<String>,
    /// The backup that it took.
    pub backup: Option<String>,
    #[serde(flatten)]
    pub recovered: Option<Recovered>,
    pub discarded: bool,
}

/// Puts right what a dead run left; without a target, of all.
pub fn recover(scope: &Scope<'_>, args: &Args) -> Result<Answer<Found>> {
    let needs = if args.list { Needs::Reading } else { Needs::Writing };
    let writes = args.restore || args.discard;
    let chosen = scope.targets_for(args.target.as_deref(), &args.place, needs, writes)?;
    scope.each(&chosen, Way::Reading, |scope, target, _| recover_one(scope, target, args))
}

fn recover_one(scope: &Scope<'_>, target: &Chosen<'_>, args: &Args) -> Result<Found> {
    let mut found = Found { target: target.name.clone(), run: None, backup: None, recovered: None, discarded: false };
    let Some(database) = &target.database else { return Ok(found) };
    let engine = scope.engine(database)?;
    let Some(journal) = scope.journal(&engine)? else { return Ok(found) };
    match describe(&journal, &mut found) {
        // One that cannot be read can be discarded all the same.
        Err(error) if args.discard => found.run = Some(error.to_string()),
        described => described?,
    }
    if args.list || !(journal.is_there() || journal.of_swap().is_there()) {
        return Ok(found);
    }
    if args.restore || args.discard {
        let what = if args.discard { "forget the run that was broken off in" } else { "put the backup back in" };
        scope.confirm(&format!("{what} {}?", target.name))?;
    }
    act(scope, target, &engine, &journal, &database.options, args, &mut found)?;
    Ok(found)
}

fn act(
    scope: &Scope<'_>,
    target: &Chosen<'_>,
    engine: &Engine,
    journal: &Journal,
    options: &Options,
    args: &Args,
    found: &mut Found,
) -> Result<()> {
    let hear = |news: crate::engine::News<'_>| tell(scope.out, news);
    let watch = Watch::new(scope.interrupts()?, &hear);
    let wish = LockWish { timeout: options.lock.timeout, command: "recover", target: &target.name };
    if args.discard {
        let _lock = engine.lock(&wish, &watch)?;
        discard(journal)?;
        found.discarded = true;
        return Ok(());
    }
    let ask = |question: &str| if args.restore { Some(true) } else { scope.out.agree(question) };
    // Asked about above already.
    let restore = if args.restore { Restore::Ask } else { options.restore };
    let vault = scope.vault(target, engine, options);
    let allowed = Allowed { restore, ask: &ask };
    let site = Site { engine, journal, vault: &vault, allowed, target: &target.name };
    found.recovered = Some(put_right(&site, &wish, &watch)?.0);
    Ok(())
}

fn describe(journal: &Journal, found: &mut Found) -> Result<()> {
    for journal in [journal, &journal.of_swap()] {
        if let Some(entry) = journal.read()? {
            found.run = Some(broken_off(&entry));
            if let Deed::Migrate { backup: Some(backup), .. } = &entry.deed {
                found.backup = Some(backup.display().to_string());
            }
        }
    }
    Ok(())
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(run) = &self.run else { return writeln!(f, "{}: nothing was broken off", self.target) };
        write!(f, "{}: {run}", self.target)?;
        match (&self.recovered, self.discarded) {
            (_, true) => write!(f, "; forgotten")?,
            (Some(Recovered::PutBack { .. }), _) => write!(f, "; its backup is back")?,
            (Some(Recovered::Whole { .. }), _) => write!(f, "; the database is whole")?,
            (Some(Recovered::Swapped { words }), _) => write!(f, "; {words}")?,
            _ => {}
        }
        if let Some(backup) = &self.backup {
            write!(f, " (backup: {backup})")?;
        }
        writeln!(f)
    }
}

impl Report for Found {}
