//! The lock on one database: held for the whole of a change, backup and restore included.

use std::fmt;
use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::Serialize;

use crate::error::{Error, Result};

use super::postgres::SessionLock;
use super::sqlite::FileLock;
use super::{Engine, Watch, postgres, sqlite};

/// How often a lock that somebody else holds is tried again.
const PAUSE: Duration = Duration::from_millis(200);

/// What is asked of a lock, and what a waiter is told of us.
#[derive(Debug, Clone)]
pub struct LockWish<'a> {
    pub timeout: Duration,
    /// `migrate`, `clone` …
    pub command: &'a str,
    pub target: &'a str,
}

impl LockWish<'_> {
    /// What the server's list of sessions shows of us: as much as PostgreSQL keeps of it.
    pub fn application(&self) -> String {
        format!("shed {} {}", self.command, self.target).chars().take(63).collect()
    }
}

/// Held until it is dropped.
pub enum Lock {
    /// There is nothing to lock: a database in memory.
    Nothing,
    File(FileLock),
    Session(Box<SessionLock>),
    /// Held by our worker, which gives it back when this is called.
    Worker(Option<Box<dyn FnOnce()>>),
}

impl Lock {
    /// Ends our sessions in the target, which would keep it from being renamed.
    pub fn leave_target(&mut self) {
        match self {
            Self::Session(lock) => lock.leave_target(),
            Self::Worker(release) => {
                if let Some(release) = release.take() {
                    release();
                }
            }
            Self::Nothing | Self::File(_) => {}
        }
    }
}

/// Who holds a lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Holder {
    /// Of the process on this machine, or of the server's process for its session; `None` where it is not known.
    pub pid: Option<u32>,
    /// `shed migrate billing.prod`.
    pub application: String,
    /// PostgreSQL: the role.
    pub user: Option<String>,
    /// How long it has been connected, or has held it.
    pub seconds: u64,
}

/// One attempt.
pub(super) enum Try<T> {
    Taken(T),
    Held(Holder),
}

impl Holder {
    pub(in crate::engine) fn unknown() -> Self {
        Self { pid: None, application: String::new(), user: None, seconds: 0 }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(pid) = self.pid else { return write!(f, "another process") };
        let user = self.user.as_ref().map(|user| format!(" of {user}")).unwrap_or_default();
        write!(f, "process {pid} ({}{user}), for {} s", self.application, self.seconds)
    }
}

impl Engine {
    /// Who holds the lock now.
    pub fn lock_holder(&self) -> Result<Option<Holder>> {
        match self {
            Self::Sqlite(file) => Ok(file.lock_path().and_then(|path| sqlite::lock_holder(&path))),
            Self::Postgres(server) => postgres::lock_holder(server),
        }
    }

    /// Ends the process or session that holds the lock, and the lock with it.
    pub fn end_holder(&self, holder: &Holder) -> Result<()> {
        let Some(pid) = holder.pid else {
            return Err(Error::environment("it is not known which process holds the lock"));
        };
        match self {
            Self::Sqlite(_) => sqlite::end_holder(pid),
            Self::Postgres(server) => postgres::end_holder(server, pid),
        }
    }

    /// Takes the lock, waiting as long as the wish says; the waiter is told who has it.
    pub fn lock(&self, wish: &LockWish<'_>, watch: &Watch<'_>) -> Result<Lock> {
        match self {
            Self::Sqlite(file) => match file.lock_path() {
                None => Ok(Lock::Nothing),
                Some(path) => wait(self, wish, watch, || FileLock::attempt(&path, wish)).map(Lock::File),
            },
            Self::Postgres(server) => {
                wait(self, wish, watch, || SessionLock::attempt(server, wish)).map(Box::new).map(Lock::Session)
            }
        }
    }
}

fn wait<T>(
    engine: &Engine,
    wish: &LockWish<'_>,
    watch: &Watch<'_>,
    mut attempt: impl FnMut() -> Result<Try<T>>,
) -> Result<T> {
    let deadline = Instant::now() + wish.timeout;
    let mut told = false;
    loop {
        let holder = match attempt()? {
            Try::Taken(lock) => return Ok(lock),
            Try::Held(holder) => holder,
        };
        if let Some(signal) = watch.interrupts.seen() {
            return Err(Error::Interrupted(signal));
        }
        if Instant::now() >= deadline {
            return Err(timed_out(engine, wish, &holder));
        }
        if !told {
            watch.note(&format!("{}: waiting for the lock, held by {holder}", wish.target));
            told = true;
        }
        std::thread::sleep(PAUSE.min(deadline.saturating_duration_since(Instant::now())));
    }
}

fn timed_out(engine: &Engine, wish: &LockWish<'_>, holder: &Holder) -> Error {
    let seconds = wish.timeout.as_secs_f32();
    Error::locked(format!("{}: the lock on {} is held by {holder}, after {seconds} s", wish.target, engine.place()))
        .help("wait for it to end, or raise `lock: { timeout: … }`; `shed unlock` shows and ends who holds it")
}
