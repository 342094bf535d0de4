//! `shed drop`: removes a database.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use crate::engine::{Engine, Lock, Session};
use crate::error::{Error, Result};
use crate::output::Report;

use super::Scope;
use super::completions::TARGETS;
use super::scope::Chosen;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// PROJECT.DATABASE or development.SERVER/NAME
    #[arg(value_name = "TARGET", add = TARGETS())]
    target: String,
    /// PostgreSQL: end the sessions of others
    #[arg(long)]
    force: bool,
    /// A database that is not there is no error
    #[arg(long)]
    if_exists: bool,
    /// Say what would be removed; remove nothing
    #[arg(long)]
    dry_run: bool,
}

/// What became of the database.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Dropped {
    pub target: String,
    pub database: String,
    /// Whether it was there.
    pub existed: bool,
    pub dropped: bool,
    /// The sessions of others that were found in it.
    pub sessions: Vec<Session>,
}

/// Removes the database, after a yes, unless others are connected to it.
pub fn drop(scope: &Scope<'_>, args: &Args) -> Result<Dropped> {
    let mut chosen = vec![scope.named(&args.target, "drop")?];
    if !args.dry_run {
        chosen = scope.allow_writing(chosen)?;
    }
    let Some(chosen) = chosen.first() else { return Err(Error::usage("no target is left")) };
    let engine = scope.reach(chosen)?;
    scope.refuse_memory(chosen, &engine)?;
    let mut report = Dropped {
        target: chosen.name.clone(),
        database: engine.place(),
        existed: engine.exists()?,
        dropped: false,
        sessions: Vec::new(),
    };
    if !report.existed {
        return if args.if_exists { Ok(report) } else { Err(missing(chosen, &engine)) };
    }
    report.sessions = engine.sessions()?;
    if !args.force {
        refuse_sessions(chosen, &report.sessions)?;
    }
    if args.dry_run {
        return Ok(report);
    }
    scope.confirm(&format!("drop {} ({})?", chosen.name, engine.place()))?;
    drop_locked(scope, chosen, &engine, args.force)?;
    report.dropped = true;
    Ok(report)
}

/// Nobody migrates meanwhile, and no journal of a dead run is left for the next database of this name; our own session in it must not keep it from being dropped.
fn drop_locked(scope: &Scope<'_>, chosen: &Chosen<'_>, engine: &Engine, force: bool) -> Result<()> {
    scope.watched(|watch| {
        let mut held = scope.hold(chosen, engine, "drop", watch)?;
        if let Lock::Session(session) = &mut held.lock {
            session.leave_target();
        }
        engine.drop_database(force)
    })
}

fn missing(chosen: &Chosen<'_>, engine: &Engine) -> Error {
    Error::database(format!("{}: {} is not there", chosen.name, engine.place())).help("--if-exists makes that no error")
}

fn refuse_sessions(chosen: &Chosen<'_>, sessions: &[Session]) -> Result<()> {
    if sessions.is_empty() {
        return Ok(());
    }
    let lines: Vec<String> = sessions.iter().map(in_words).collect();
    Err(Error::usage(format!(
        "{}: {} other session{} in it",
        chosen.name,
        sessions.len(),
        if sessions.len() == 1 { " is" } else { "s are" }
    ))
    .detail(lines.join("\n"))
    .help("end them, or add --force, which ends them"))
}

/// A session, as a quoted line.
pub fn in_words(session: &Session) -> String {
    let Session { pid, application, user, seconds } = session;
    let application = if application.is_empty() { "unnamed" } else { application };
    format!("  process {pid} ({application} of {user}), for {seconds} s")
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match (self.dropped, self.existed) {
            (true, _) => "dropped",
            (false, true) => "would be dropped",
            (false, false) => "is not there",
        };
        writeln!(f, "{}: {} {what}", self.target, self.database)?;
        if !self.dropped {
            self.sessions.iter().try_for_each(|session| writeln!(f, "{}, would be ended", in_words(session)))?;
        }
        Ok(())
    }
}

impl Report for Dropped {}
