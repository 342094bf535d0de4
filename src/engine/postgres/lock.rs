//! The lock on a PostgreSQL database: an advisory lock of a session in it, gone with the session.

use std::time::Duration;

use crate::engine::lock::{Holder, LockWish, Try};
use crate::error::{Error, Result};
use crate::process::Talk;

use super::maintenance::{MAINTENANCE, is_refusal};
use super::{Server, literal};

/// "SHED"; advisory locks are per database, so that one pair of numbers is enough (python/shed_db/guard.py has the same).
pub(super) const CLASS: i32 = 0x5348_4544;
const DATABASE: i32 = 1;
/// In the maintenance database: the lock on a name, held while databases are built aside and renamed.
const NAME: i32 = 2;
const PATIENCE: Duration = Duration::from_secs(60);

/// Sessions that hold the locks; ending them gives the locks back.
pub struct SessionLock {
    /// In the target; `None` where there is no such database, or a swap that was broken off left it closed.
    target: Option<Talk>,
    /// In the maintenance database, on the target's name; `None` where the target keeps its place, or the role is shut out.
    name: Option<Talk>,
    /// What it was taken for.
    pub(super) command: String,
    pub(super) for_target: String,
}

impl SessionLock {
    pub(in crate::engine) fn attempt(server: &Server, wish: &LockWish<'_>) -> Result<Try<Self>> {
        let name = match lock_name(server, wish)? {
            Try::Taken(talk) => talk,
            Try::Held(holder) => return Ok(Try::Held(holder)),
        };
        let sees_swaps = name.is_some() || server.is_maintenance();
        let held = |target| Self { target, name, command: wish.command.into(), for_target: wish.target.into() };
        if !server.is_open()? {
            let is_swapped = !sees_swaps && server.exists()?;
            return Ok(if is_swapped { Try::Held(Holder::unknown()) } else { Try::Taken(held(None)) });
        }
        Ok(match session(server, &server.name, wish, &[&CLASS.to_string(), &DATABASE.to_string()])? {
            Try::Taken(talk) => Try::Taken(held(Some(talk))),
            Try::Held(holder) => Try::Held(holder),
        })
    }

    /// Whether the sessions live; with a session the server took the lock away.
    pub(super) fn see_held(&mut self) -> Result<()> {
        for talk in self.target.iter_mut().chain(&mut self.name) {
            talk.say("select 'here';")?;
            answer(talk, "here")?;
        }
        Ok(())
    }

    /// Ends the session in the target, which would keep it from being renamed; the lock on its name stays.
    pub fn leave_target(&mut self) {
        if let Some(talk) = self.target.take() {
            talk.close();
        }
    }
}

/// The lock on the target's name, in the maintenance database; `None` where nobody of this role can swap databases.
fn lock_name(server: &Server, wish: &LockWish<'_>) -> Result<Try<Option<Talk>>> {
    if server.is_maintenance() {
        return Ok(Try::Taken(None));
    }
    let key = format!("hashtext({})", literal(&server.name));
    match session(server, MAINTENANCE, wish, &[&NAME.to_string(), &key]) {
        Ok(Try::Taken(talk)) => Ok(Try::Taken(Some(talk))),
        Ok(Try::Held(holder)) => Ok(Try::Held(holder)),
        Err(error) if is_refusal(&error) => {
            server.shut_out();
            Ok(Try::Taken(None))
        }
        Err(error) => Err(error),
    }
}

/// A session that holds this advisory lock, or who holds it. A waiter keeps no session: it would be in the way of a swap.
fn session(server: &Server, database: &str, wish: &LockWish<'_>, key: &[&str; 2]) -> Result<Try<Talk>> {
    let mut talk = Talk::start(server.psql(database)?.env("PGAPPNAME", wish.application()))?;
    // A session that waits for a long restore must not be ended for being idle.
    talk.say("select set_config('idle_session_timeout', '0', false) is null from pg_settings where name = 'idle_session_timeout';")?;
    talk.say(&format!("select 'lock ' || pg_try_advisory_lock({}, {});", key[0], key[1]))?;
    if answer(&mut talk, "lock ")? == "true" {
        return Ok(Try::Taken(talk));
    }
    talk.close();
    // It may have been given back in between.
    Ok(Try::Held(held(server, database, key)?.unwrap_or_else(Holder::unknown)))
}

/// Who holds an advisory lock in a database; pg_locks shows the two numbers without their signs.
fn held(server: &Server, database: &str, key: &[&str; 2]) -> Result<Option<Holder>> {
    let answer = server.ask_in(
        database,
        &format!(
            "select a.pid, round(extract(epoch from now() - a.backend_start)), a.usename, a.application_name \
             from pg_locks l join pg_stat_activity a using (pid) \
             where l.locktype = 'advisory' and l.granted and l.objsubid = 2 \
             and l.classid::int8 = ({}::int8 & 4294967295) and l.objid::int8 = ({}::int8 & 4294967295) \
             and l.database = (select oid from pg_database where datname = current_database()) limit 1",
            key[0], key[1]
        ),
    )?;
    let mut fields = answer.trim_end_matches('\n').splitn(4, '|');
    let mut next = || fields.next().unwrap_or_default().to_owned();
    let Ok(pid) = next().parse() else { return Ok(None) };
    let seconds = next().parse().unwrap_or_default();
    let user = Some(next());
    Ok(Some(Holder { pid: Some(pid), application: next(), user, seconds }))
}

/// Who holds the lock on this database now.
pub fn lock_holder(server: &Server) -> Result<Option<Holder>> {
    held(server, &server.name, &[&CLASS.to_string(), &DATABASE.to_string()])
}

/// Ends the session.
pub fn end_holder(server: &Server, pid: u32) -> Result<()> {
    match server.ask(&format!("select pg_terminate_backend({pid})"))?.trim() {
        "t" => Ok(()),
        _ => Err(Error::database(format!("the server did not end its process {pid}"))),
    }
}

fn answer(talk: &mut Talk, beginning: &str) -> Result<String> {
    loop {
        match talk.hear(PATIENCE)? {
            Some(line) => {
                if let Some(rest) = line.strip_prefix(beginning) {
                    return Ok(rest.to_owned());
                }
            }
            None => return Err(Error::database(format!("the server did not answer within {} s", PATIENCE.as_secs()))),
        }
    }
}
