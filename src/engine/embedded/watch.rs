//! The watcher: a process of its own that stops the server when nobody needs it, and ends when the server has ended.

use std::fs::File;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::engine::postgres;
use crate::environment::Environment;
use crate::error::{Error, Result};

use super::home;
use super::room::{Record, Room};
use super::server::{self, State};

/// How often it looks, at the least and at the most.
const LOOKS: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(30)];
/// Somebody who asks whether there is a watcher looks like one for a moment.
const ANOTHER: Duration = Duration::from_secs(1);

const SESSIONS: &str =
    "select count(*) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()";

/// What a look tells.
enum Look {
    /// The server runs; look again after so long.
    Again(Duration),
    Done,
}

/// Watches the server of this room until it has ended; a second watcher ends at once.
pub fn watch(folder: &Path, environment: &Environment) -> Result<()> {
    let Some(room) = Room::at(folder) else {
        return Err(Error::usage(format!("{} is no server's folder", folder.display())));
    };
    let Some(only_one) = right_to_watch(&room) else { return Ok(()) };
    let mut last = None;
    loop {
        let Some(lock) = room.lock_existing()? else {
            return abandoned(&room, last.as_ref(), environment);
        };
        match look(&room, &mut last, environment)? {
            Look::Again(pause) => {
                drop(lock);
                thread::sleep(pause);
            }
            Look::Done => {
                // Before the lock: whoever starts the server next must see that there is no watcher.
                drop(only_one);
                drop(lock);
                return Ok(());
            }
        }
    }
}

fn right_to_watch(room: &Room) -> Option<File> {
    let until = Instant::now() + ANOTHER;
    loop {
        match room.watch() {
            None if Instant::now() < until => thread::sleep(Duration::from_millis(20)),
            right => return right,
        }
    }
}

/// Looks once, and stops the server where it is time.
fn look(room: &Room, last: &mut Option<Record>, environment: &Environment) -> Result<Look> {
    let record = room.record();
    let Some(record) = record.filter(|record| server::state(record) != State::Down) else {
        return Ok(Look::Done);
    };
    server::bound_log(&record);
    let allowed = record.idle();
    let is_used = room.is_used() || sessions(&record, environment) != Some(0);
    if is_used {
        room.touch();
    } else if room.idle_for().unwrap_or_default() >= allowed {
        server::stop(&record, environment)?;
        return Ok(Look::Done);
    }
    *last = Some(record);
    Ok(Look::Again((allowed / 4).clamp(LOOKS[0], LOOKS[1])))
}

/// Sessions other than our own; `None` where the server could not be asked.
pub fn sessions(record: &Record, environment: &Environment) -> Option<u64> {
    ask(record, SESSIONS, environment).ok()?.trim().parse().ok()
}

pub fn ask(record: &Record, statement: &str, environment: &Environment) -> Result<String> {
    postgres::Server::own(&server::connection(record), &record.bin, environment).ask(statement)
}

/// The room is gone: nobody can find the server any more.
fn abandoned(room: &Room, last: Option<&Record>, environment: &Environment) -> Result<()> {
    if let Some(record) = last {
        server::stop(record, environment)?;
        home::remove(room, record);
    }
    Ok(())
}
