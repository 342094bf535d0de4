//! What `shed server` tells of the private servers.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use crate::engine::embedded::{Found, OneDatabase};
use crate::output::Report;

/// The servers that were asked about.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Servers {
    pub servers: Vec<Server>,
    /// Nothing is said where nothing was asked.
    #[serde(skip)]
    pub silent: bool,
}

/// One server as it is now.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Server {
    /// `development.own`
    pub server: String,
    /// The major version of PostgreSQL.
    pub version: u32,
    pub running: bool,
    /// Whether a run of shed uses it.
    pub in_use: bool,
    /// Sessions that are open; `null` where it does not run.
    pub sessions: Option<u64>,
    /// What it holds; `null` where it does not run.
    pub databases: Option<Vec<OneDatabase>>,
    /// For how long nobody has used it; `null` where it does not run.
    pub idle_seconds: Option<u64>,
    /// After how long it is stopped.
    pub idle_limit_seconds: f64,
    /// Where its data lie.
    pub folder: PathBuf,
    /// The folder of its socket; `null` where it does not run.
    pub host: Option<String>,
    pub port: Option<u16>,
    pub user: Option<String>,
    /// What was done: `started`, `stopped`, `removed`.
    pub done: Option<&'static str>,
}

/// What was found, and what was done with it.
pub fn described(found: Found, done: Option<&'static str>) -> Server {
    let stopped = matches!(done, Some("stopped" | "removed"));
    let connection = found.connection.filter(|_| !stopped);
    Server {
        server: format!("development.{}", found.name),
        version: found.major,
        running: found.running && !stopped,
        in_use: found.in_use && !stopped,
        sessions: found.sessions.filter(|_| !stopped),
        databases: found.databases.filter(|_| !stopped),
        idle_seconds: found.idle_for.filter(|_| !stopped).map(|idle| idle.as_secs()),
        idle_limit_seconds: found.idle_limit.as_secs_f64(),
        folder: found.folder,
        host: connection.as_ref().and_then(|connection| connection.host.clone()),
        port: connection.as_ref().and_then(|connection| connection.port),
        user: connection.and_then(|connection| connection.user),
        done,
    }
}

impl fmt::Display for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.servers.is_empty() && !self.silent {
            return writeln!(f, "no private server was made yet");
        }
        self.servers.iter().try_for_each(|server| server.fmt(f))
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match (self.done, self.running) {
            (Some("removed"), _) => "removed",
            (Some("stopped"), _) => "stopped",
            (_, true) => "running",
            (_, false) => "not running",
        };
        writeln!(f, "{}: PostgreSQL {}, {state}", self.server, self.version)?;
        if self.done == Some("removed") {
            return Ok(());
        }
        writeln!(f, "  folder    {}", self.folder.display())?;
        if let (Some(host), Some(user)) = (&self.host, &self.user) {
            writeln!(f, "  way       psql -h {host} -U {user} -d DATABASE")?;
        }
        for database in self.databases.iter().flatten() {
            writeln!(f, "  database  {} ({})", database.name, size(database.bytes))?;
        }
        if let (Some(sessions), Some(idle)) = (self.sessions, self.idle_seconds) {
            let limit = time(Duration::from_secs_f64(self.idle_limit_seconds));
            match (self.in_use, sessions) {
                (true, _) => writeln!(f, "  use       a run of shed uses it"),
                (false, 0) => {
                    writeln!(f, "  use       idle for {}, stopped after {limit}", time(Duration::from_secs(idle)))
                }
                (false, 1) => writeln!(f, "  use       1 session"),
                (false, sessions) => writeln!(f, "  use       {sessions} sessions"),
            }?;
        }
        Ok(())
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} kB", bytes / 1000),
        1_000_000..1_000_000_000 => format!("{} MB", bytes / 1_000_000),
        _ => format!("{}.{} GB", bytes / 1_000_000_000, bytes / 100_000_000 % 10),
    }
}

fn time(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..120 => format!("{seconds}s"),
        seconds @ 120..7200 => format!("{}m", seconds / 60),
        seconds => format!("{}h", seconds / 3600),
    }
}

impl Report for Servers {}
