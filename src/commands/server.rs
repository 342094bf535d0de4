//! `shed server`: the private PostgreSQL servers for copies.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use crate::engine::embedded::{self, Found, OneDatabase};
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::output::{Output, Report};
use crate::settings::targets::nearest;
use crate::settings::{Database, Embedded, Settings};

use super::{Global, own};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show the servers: version, databases, since when nobody used them
    #[command(after_help = "Example:\n  shed server status --format json")]
    Status {
        /// One of them [default: all]
        #[arg(value_name = "development.NAME")]
        name: Option<String>,
    },
    /// Start a server; any command that needs one does it by itself
    #[command(after_help = "Example:\n  shed server start development.own")]
    Start {
        /// One of them [default: all of the settings]
        #[arg(value_name = "development.NAME")]
        name: Option<String>,
    },
    /// Stop a server; it is started again when it is needed
    #[command(after_help = "Example:\n  shed server stop development.own")]
    Stop {
        /// One of them [default: all]
        #[arg(value_name = "development.NAME")]
        name: Option<String>,
        /// Also while a run of shed uses it
        #[arg(long)]
        force: bool,
        /// Remove it with all the copies that it holds; asks first
        #[arg(long, requires = "name")]
        remove: bool,
    },
    /// Stop the server of this folder when nobody needs it any more
    #[command(hide = true, after_help = "Example:\n  shed server watch ~/.local/state/shed/v1/servers/own/15")]
    Watch { folder: PathBuf },
}

/// The servers that were asked about.
#[derive(Debug, Serialize)]
pub struct Servers {
    pub servers: Vec<Server>,
    /// Nothing is said where nothing was asked.
    #[serde(skip)]
    silent: bool,
}

/// One server as it is now.
#[derive(Debug, Serialize)]
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

/// Answers, starts, stops.
pub fn server(args: &Args, global: &Global, environment: &Environment, out: &Output) -> Result<Servers> {
    if let Command::Watch { folder } = &args.command {
        embedded::watch(folder, environment)?;
        return Ok(Servers { servers: Vec::new(), silent: true });
    }
    let settings = match Settings::find(global.settings.as_deref(), environment) {
        Ok(path) => Some(Settings::read(&path, environment)?),
        // Servers outlive their settings, and can be looked at and stopped without any.
        Err(_) if global.settings.is_none() && !matches!(args.command, Command::Start { .. }) => None,
        Err(error) => return Err(error),
    };
    let settings = settings.as_ref();
    let servers = match &args.command {
        Command::Start { name } => match settings {
            Some(settings) => start(settings, name.as_deref(), environment, out)?,
            None => Vec::new(),
        },
        Command::Stop { name, force, remove } => {
            stop(settings, name.as_deref(), Stopping { force: *force, remove: *remove }, global, environment, out)?
        }
        Command::Status { name } => {
            let found = found(settings, name.as_deref(), environment)?;
            found.into_iter().map(|found| described(found, None)).collect()
        }
        Command::Watch { .. } => Vec::new(),
    };
    Ok(Servers { servers, silent: false })
}

fn start(settings: &Settings, name: Option<&str>, environment: &Environment, out: &Output) -> Result<Vec<Server>> {
    let mut servers = Vec::new();
    for (server, embedded) in wanted(settings, name)? {
        settings.demand_development(&server.name)?;
        let cluster = own::started(settings, server, embedded, environment, out)?;
        let (major, done) = (cluster.major, cluster.started.then_some("started"));
        drop(cluster); // or it would be told as used
        let found = embedded::found(Some(&server.name), Some(settings.folder()), environment);
        let this = found.into_iter().filter(|found| found.major == major && found.running);
        servers.extend(this.map(|found| described(found, done)));
    }
    Ok(servers)
}

/// How a server is stopped.
struct Stopping {
    force: bool,
    remove: bool,
}

fn stop(
    settings: Option<&Settings>,
    name: Option<&str>,
    how: Stopping,
    global: &Global,
    environment: &Environment,
    out: &Output,
) -> Result<Vec<Server>> {
    let mut servers = Vec::new();
    for server in found(settings, name, environment)? {
        if how.remove && !global.yes {
            let question = format!("remove development.{} {} with its copies?", server.name, server.major);
            match out.agree(&question) {
                Some(true) => {}
                Some(false) => return Err(Error::usage("nothing was done")),
                None => return Err(Error::usage(format!("a yes is needed: {question}")).help("add --yes")),
            }
        }
        let ran = embedded::stop(&server, how.force, how.remove, environment)?;
        let done = match (how.remove, ran) {
            (true, _) => Some("removed"),
            (false, true) => Some("stopped"),
            (false, false) => None,
        };
        servers.push(described(server, done));
    }
    Ok(servers)
}

/// The private servers of the settings that are meant.
fn wanted<'s>(settings: &'s Settings, name: Option<&str>) -> Result<Vec<(&'s Database, Embedded)>> {
    let all = settings.development().values().filter_map(|server| Some((server, server.embedded?)));
    let all: Vec<_> = all.collect();
    let Some(name) = name.map(plain) else {
        return if all.is_empty() { Err(none_there()) } else { Ok(all) };
    };
    let meant: Vec<_> = all.iter().filter(|(server, _)| server.name == name).copied().collect();
    if meant.is_empty() {
        let known = all.iter().map(|(server, _)| server.name.clone()).collect();
        return Err(unknown(name, known));
    }
    Ok(meant)
}

fn found(settings: Option<&Settings>, name: Option<&str>, environment: &Environment) -> Result<Vec<Found>> {
    let beside = settings.map(Settings::folder);
    let found = embedded::found(name.map(plain), beside, environment);
    let is_known = |name: &str| settings.is_some_and(|settings| settings.development().contains_key(name));
    match name.map(plain) {
        Some(name) if found.is_empty() && !is_known(name) => {
            let made = embedded::found(None, beside, environment).into_iter().map(|found| found.name);
            let listed = settings.into_iter().flat_map(|settings| settings.development().values());
            let listed = listed.filter(|server| server.embedded.is_some()).map(|server| server.name.clone());
            Err(unknown(name, made.chain(listed).collect()))
        }
        _ => Ok(found),
    }
}

fn plain(name: &str) -> &str {
    name.strip_prefix("development.").unwrap_or(name)
}

fn unknown(name: &str, mut known: Vec<String>) -> Error {
    known.sort();
    known.dedup();
    let error = Error::usage(format!("no private server is named `development.{name}`"));
    if known.is_empty() {
        return error.help("write `development.db.NAME: { type: postgres, embedded: true }` into the settings");
    }
    let near = nearest(name, &known);
    let names = if near.is_empty() { known } else { near };
    let names: Vec<String> = names.iter().map(|name| format!("development.{name}")).collect();
    error.help(format!("there is {}", names.join(", ")))
}

fn none_there() -> Error {
    Error::usage("the settings have no private server")
        .help("write `development.db.NAME: { type: postgres, embedded: true }`")
}

fn described(found: Found, done: Option<&'static str>) -> Server {
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
