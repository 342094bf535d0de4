//! `shed wait`: until the server takes connections.

use std::fmt;
use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::Serialize;

use crate::engine::{Engine, Ready, Watch};
use crate::error::{Error, Result};
use crate::output::Report;
use crate::settings::duration;

use super::completions::TARGETS;
use super::reports::Answer;
use super::scope::{Chosen, Needs};
use super::several::Way;
use super::{Place, Scope};

/// How often a signal is looked for while nothing happens.
const TICK: Duration = Duration::from_millis(50);

#[derive(Debug, clap::Args)]
pub struct Args {
    /// PROJECT[.DATABASE], a pattern, or none: the project of this folder, or all
    #[arg(value_name = "TARGET", add = TARGETS())]
    target: Option<String>,
    #[command(flatten)]
    patience: Patience,
    #[command(flatten)]
    place: Place,
}

/// How long is waited, and how often is tried.
#[derive(Debug, Clone, clap::Args)]
pub struct Patience {
    /// How long to wait
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = time)]
    timeout: Duration,
    /// How long between two attempts
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = time)]
    interval: Duration,
}

/// A server that takes connections.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Waited {
    pub target: String,
    pub database: String,
    /// Whether the database itself is there was not asked: a missing one counts as up.
    pub up: bool,
    /// How long it took.
    pub seconds: f64,
}

/// Waits for every target.
pub fn wait(scope: &Scope<'_>, args: &Args) -> Result<Answer<Waited>> {
    let chosen = match &args.target {
        Some(word) if word.starts_with("development.") => vec![scope.one(Some(word), &args.place)?],
        word => scope.targets(word.as_deref(), &args.place, Needs::Reading)?,
    };
    scope.each(&chosen, Way::Reading, |scope, target, _| {
        let engine = scope.reach(target)?;
        let seconds = args.patience.wait(scope, target, &engine)?.as_secs_f64();
        Ok(Waited { target: target.name.clone(), database: engine.place(), up: true, seconds })
    })
}

impl Patience {
    /// Tries until the server takes connections; the reasons it gives are said once each.
    pub fn wait(&self, scope: &Scope<'_>, target: &Chosen<'_>, engine: &Engine) -> Result<Duration> {
        let begun = Instant::now();
        scope.watched(|watch| {
            let mut told = String::new();
            loop {
                let Ready::NotYet(reason) = engine.answers(watch)? else { return Ok(begun.elapsed()) };
                let left = self.timeout.saturating_sub(begun.elapsed());
                if left.is_zero() {
                    return Err(self.timed_out(target, engine, &reason));
                }
                if reason != told {
                    scope.out.note(&format!("{}: waiting for {}: {reason}", target.name, engine.place()));
                    told = reason;
                }
                pause(self.interval.min(left), watch)?;
            }
        })
    }

    fn timed_out(&self, target: &Chosen<'_>, engine: &Engine, reason: &str) -> Error {
        let seconds = self.timeout.as_secs_f32();
        Error::database(format!("{}: {} did not answer within {seconds} s: {reason}", target.name, engine.place()))
            .help("is the server running, and are host and port right? --timeout waits longer")
    }
}

fn pause(time: Duration, watch: &Watch<'_>) -> Result<()> {
    let until = Instant::now() + time;
    loop {
        if let Some(signal) = watch.interrupts.seen() {
            return Err(Error::Interrupted(signal));
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        std::thread::sleep(left.min(TICK));
    }
}

pub fn time(text: &str) -> std::result::Result<Duration, String> {
    let seconds = || text.parse().ok().map(Duration::from_secs);
    duration(text).or_else(seconds).ok_or_else(|| "a duration such as 500ms, 60s, 10m is expected".to_owned())
}

impl fmt::Display for Waited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {} is up", self.target, self.database)
    }
}

impl Report for Waited {}
