//! `shed server`: the private PostgreSQL servers for copies.

use std::path::PathBuf;

use crate::engine::embedded::{self, Found};
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::output::Output;
use crate::settings::{Database, Embedded, Settings, nearest_names};

use super::servers::{Server, Servers, described};
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
        let cluster = own::started(&own::wanted(settings, server, embedded), environment, out)?;
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
    let all: Vec<&str> = known.iter().map(String::as_str).collect();
    let near = nearest_names(name, all.iter().copied());
    let names = if near.is_empty() { all } else { near };
    let names: Vec<String> = names.iter().map(|name| format!("development.{name}")).collect();
    error.help(format!("there is {}", names.join(", ")))
}

fn none_there() -> Error {
    Error::usage("the settings have no private server")
        .help("write `development.db.NAME: { type: postgres, embedded: true }`")
}
