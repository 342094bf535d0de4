//! The servers that there are: how they are, what they hold; stopping one.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::keep;
use crate::settings::Postgres;

use super::home;
use super::room::{Record, Room, servers_folders};
use super::server::{self, State};
use super::watch::{ask, sessions};

const DATABASES: &str = "select coalesce(json_agg(json_build_object('name', datname, 'bytes', pg_database_size(oid)) \
     order by datname), '[]') from pg_database where datallowconn and not datistemplate and datname <> 'postgres'";

/// A server as it was found.
#[derive(Debug)]
pub struct Found {
    room: Room,
    record: Record,
    pub name: String,
    pub major: u32,
    pub running: bool,
    /// Whether a run of shed uses it.
    pub in_use: bool,
    /// Sessions, where it runs.
    pub sessions: Option<u64>,
    /// Databases other than PostgreSQL's own, where it runs.
    pub databases: Option<Vec<OneDatabase>>,
    /// How long nobody has used it, where it runs.
    pub idle_for: Option<Duration>,
    /// When it is stopped.
    pub idle_limit: Duration,
    /// Where its data lie.
    pub folder: PathBuf,
    /// The way to it, where it runs.
    pub connection: Option<Postgres>,
}

/// A database and its size.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct OneDatabase {
    pub name: String,
    pub bytes: u64,
}

/// All servers, or those of one name; nothing is started.
pub fn found(name: Option<&str>, beside: Option<&Path>, environment: &Environment) -> Vec<Found> {
    let folders = servers_folders(environment, beside);
    let rooms = folders
        .iter()
        .filter(|servers| keep::is_ours(servers).unwrap_or_default())
        .flat_map(|servers| Room::all(servers));
    let named = rooms.filter(|room| name.is_none_or(|name| room.name == name));
    named.filter_map(|room| Some(one(room.record()?, room, environment))).collect()
}

fn one(record: Record, room: Room, environment: &Environment) -> Found {
    let running = server::state(&record) == State::Ready;
    let when_running = || running.then_some(&record);
    let databases =
        when_running().and_then(|record| serde_json::from_str(&ask(record, DATABASES, environment).ok()?).ok());
    Found {
        name: room.name.clone(),
        major: room.major,
        running,
        in_use: room.is_used(),
        sessions: when_running().and_then(|record| sessions(record, environment)),
        databases,
        idle_for: when_running().and_then(|_| room.idle_for()),
        idle_limit: record.idle(),
        folder: record.home.clone(),
        connection: when_running().map(server::connection),
        record,
        room,
    }
}

/// Stops it, its watcher too; with `remove` all that it holds goes. `true` where it ran.
pub fn stop(found: &Found, force: bool, remove: bool, environment: &Environment) -> Result<bool> {
    let Found { room, record, .. } = found;
    let Some(_lock) = room.lock_existing()? else { return Ok(false) };
    if room.is_used() && !force {
        return Err(Error::locked(format!("{}: a run of shed is using it", room.title()))
            .help("wait for it to end, or add --force"));
    }
    let ran = server::state(record) != State::Down;
    server::stop(record, environment)?;
    end_watcher(room);
    if remove {
        home::remove(room, record);
        server::remove(&room.folder)?;
        let _ = room.folder.parent().map(std::fs::remove_dir); // the name's folder, where no other version is left
    }
    Ok(ran)
}

/// Has nothing to watch any more; its number is the one that holds the lock, so it is nobody else's.
fn end_watcher(room: &Room) {
    let Some(watcher) = room.watcher().and_then(Pid::from_raw) else { return };
    let _ = rustix::process::kill_process(watcher, Signal::TERM);
    let until = Instant::now() + Duration::from_secs(5);
    while room.watcher().is_some() && Instant::now() < until {
        thread::sleep(Duration::from_millis(5));
    }
}
