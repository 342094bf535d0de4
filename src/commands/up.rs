//! `shed up`: waits if asked, makes the database where it is missing, then migrates.

use crate::error::Result;

use super::reports::Answer;
use super::scope::Chosen;
use super::wait::Patience;
use super::written::Written;
use super::{Scope, upgrade};

#[derive(Debug, clap::Args)]
#[group(id = "up")] // another is flattened into it, under the same name
pub struct Args {
    /// Wait until the server takes connections, as `shed wait` does
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    patience: Patience,
    #[command(flatten)]
    upgrade: upgrade::Args,
}

/// Everything that a new checkout or a new machine needs, in one command.
pub fn up(scope: &Scope<'_>, args: &Args) -> Result<Answer<Written>> {
    let (chosen, revision) = upgrade::chosen(scope, &args.upgrade)?;
    for target in &chosen {
        make_ready(scope, args, target)?;
    }
    upgrade::apply(scope, &args.upgrade, &chosen, revision)
}

fn make_ready(scope: &Scope<'_>, args: &Args, target: &Chosen<'_>) -> Result<()> {
    let engine = scope.reach(target)?;
    if args.wait {
        args.patience.wait(scope, target, &engine)?;
    }
    if args.upgrade.writes() && !engine.exists()? {
        engine.create()?;
        scope.out.note(&format!("{}: {} created", target.name, engine.place()));
    }
    Ok(())
}
