//! `shed shell`: the engine's own program, connected.

use crate::error::{Error, Result};
use crate::process;

use super::completions::TARGETS;
use super::{Place, Scope};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// PROJECT[.DATABASE] or development.SERVER/NAME
    #[arg(value_name = "TARGET", add = TARGETS())]
    target: Option<String>,
    /// Run these statements and end
    #[arg(short, long = "command", value_name = "SQL")]
    command: Option<String>,
    #[command(flatten)]
    place: Place,
}

/// Opens `psql` or `sqlite3` with our own streams and gives its exit code.
pub fn shell(scope: &Scope<'_>, args: &Args) -> Result<u8> {
    let chosen = scope.one(args.target.as_deref(), &args.place)?;
    let engine = scope.reach(&chosen)?;
    // sqlite3 would make the file.
    scope.demand_there(&chosen, &engine)?;
    let tool = engine.shell(args.command.as_deref())?;
    if let Some(name) = scope.protected_name(&chosen)? {
        scope.out.line(&format!("{name}: protected, and what is typed here is not checked ({})", engine.place()));
    }
    // Ctrl-C is the program's, which keeps its prompt; we must live as long as it does.
    scope.interrupts()?;
    let status = tool.keeps_terminal().inherit(&mut || {})?;
    u8::try_from(process::code(status)).map_err(|_| Error::failed("the shell ended with an unknown code"))
}
