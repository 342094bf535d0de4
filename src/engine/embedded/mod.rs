//! A private server for copies: made, started and shared as it is needed, on a socket that nobody else can reach.

mod choice;
mod home;
mod room;
mod server;
mod status;
mod watch;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::process::{self, Tool};
use crate::settings::Postgres;

use super::programs::Installed;
use choice::Choice;
use room::{Record, Room};
use server::State;

pub use choice::startable;
pub use status::{Found, OneDatabase, found, stop};
pub use watch::watch;

/// What a caller asks for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The server's name below `development`.
    pub name: &'a str,
    /// The oldest version that will do: that of the source of a copy.
    pub at_least: Option<u32>,
    /// The folder of the programs, where the settings name it.
    pub pg_bin: Option<&'a Path>,
    /// How long nobody has to be connected before it is stopped.
    pub idle: Duration,
    /// The settings' folder, for machines without a home.
    pub beside: Option<&'a Path>,
}

/// A server that runs, and goes on running while this is held.
pub struct Cluster {
    /// The way to it: its socket's folder, and the role of the one who may come in.
    pub connection: Postgres,
    /// The programs of its version.
    pub bin: PathBuf,
    pub major: u32,
    /// Whether it did not run before.
    pub started: bool,
    /// What is worth saying about how it came to run.
    pub said: Vec<Said>,
    _in_use: File,
}

/// A line for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    Note(String),
    /// Something was lost or is in the way.
    Warning(String),
}

/// Makes and starts the server where it does not run; two that ask at once get the same one.
pub fn ensure(wanted: &Wanted<'_>, environment: &Environment) -> Result<Cluster> {
    let servers = room::make_servers_folder(environment, wanted.beside)?;
    let Choice { room, programs, mut said } = choice::choose(wanted, &servers, environment)?;
    let _lock = room.lock()?;
    let running = room.record().filter(|record| server::settled(record) == State::Ready);
    let started = running.is_none();
    let record = match (running, programs) {
        (Some(record), _) => record,
        (None, Some(programs)) => brought_up(&room, &programs, environment, &mut said)?,
        // It stopped between the choice and the lock.
        (None, None) => {
            drop(_lock);
            return ensure(wanted, environment);
        }
    };
    let record = record.idle_after(wanted.idle);
    if room.record().as_ref() != Some(&record) {
        room.write(&record)?;
    }
    let in_use = room.share()?;
    see_to_watcher(&room, environment)?;
    Ok(Cluster {
        connection: server::connection(&record),
        bin: record.bin,
        major: room.major,
        started,
        said,
        _in_use: in_use,
    })
}

/// Which server [`ensure`] would lead to: version, and programs as they are; nothing is started.
pub fn version(wanted: &Wanted<'_>, environment: &Environment) -> Option<String> {
    let servers = room::make_servers_folder(environment, wanted.beside).ok()?;
    let Choice { room, programs, .. } = choice::choose(wanted, &servers, environment).ok()?;
    let bin = programs.map(|programs| programs.bin).or_else(|| Some(room.record()?.bin))?;
    let program = fs::metadata(bin.join("postgres")).ok()?;
    Some(format!("{} {} {} {:?}", room.major, bin.display(), program.len(), program.modified().ok()?))
}

fn brought_up(room: &Room, programs: &Installed, environment: &Environment, said: &mut Vec<Said>) -> Result<Record> {
    let record = home::prepared(room, &programs.bin, environment, said)?;
    see_to_watcher(room, environment)?; // before the start, so that no server is ever without one
    server::clear_way(&record, environment)?;
    let is_new = !record.data().exists();
    if is_new {
        let made = server::make(&record, environment)?;
        let data = record.data();
        fs::rename(&made, &data).map_err(|error| room::unusable(&data, &error))?;
    }
    let refused = match server::version_of_data(&record) {
        Some(major) if major == room.major => server::start(room, &record, environment)?.err(),
        Some(major) => Some(format!("its data are of version {major}")),
        None => Some("its data are not whole".to_owned()),
    };
    match refused {
        None => {}
        Some(why) if is_new => return Err(not_started(room, &record, &why)),
        Some(why) => said.push(remade(room, &record, &why, environment)?),
    }
    let done = if is_new { "made and started" } else { "started" };
    said.push(Said::Note(format!("{}: PostgreSQL {} {done}", room.title(), programs.version)));
    Ok(record)
}

/// Puts broken data aside, where a new cluster starts in their place: otherwise the fault lies elsewhere, and they stay.
fn remade(room: &Room, record: &Record, why: &str, environment: &Environment) -> Result<Said> {
    let made = server::make(record, environment)?;
    let (data, aside) = (record.data(), record.home.join("data.broken"));
    let mv = |from: &Path, to: &Path| fs::rename(from, to).map_err(|error| room::unusable(from, &error));
    server::remove(&aside)?;
    mv(&data, &aside)?;
    mv(&made, &data)?;
    if let Err(again) = server::start(room, record, environment)? {
        server::remove(&data)?;
        mv(&aside, &data)?;
        return Err(not_started(room, record, &format!("{why}\n{again}")));
    }
    let aside = aside.display();
    Ok(Said::Warning(format!(
        "{}: its data could not be used and lie in {aside} now; it is empty\n{why}",
        room.title()
    )))
}

fn not_started(room: &Room, record: &Record, why: &str) -> Error {
    Error::environment(format!("{}: the server does not start", room.title()))
        .detail(why)
        .help(format!("its log is {}", record.log().display()))
}

/// Starts the watcher, who stops the server when nobody needs it.
fn see_to_watcher(room: &Room, environment: &Environment) -> Result<()> {
    if room.is_watched() {
        return Ok(());
    }
    let Some(program) = process::own_program() else {
        return Err(Error::environment("shed's own program was not found, which would watch the server"));
    };
    let mut tool = Tool::new(program).args(["server", "watch"]).arg(&room.folder);
    for name in ["PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TZ", "HOME"] {
        if let Some(value) = environment.os(name) {
            tool = tool.env(name, value);
        }
    }
    tool.leave_running()
}
