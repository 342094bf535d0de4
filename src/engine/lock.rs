//! The lock on one database: held for the whole of a change, backup and restore included.

use std::time::{Duration, Instant};

use crate::error::{Error, Result};

use super::postgres::SessionLock;
use super::sqlite::FileLock;
use super::{Engine, Watch};

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

/// Held until it is dropped.
pub enum Lock {
    /// There is nothing to lock: a database in memory.
    Nothing,
    File(FileLock),
    Session(SessionLock),
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

/// One attempt.
pub(super) enum Try<T> {
    Taken(T),
    /// Somebody has it; in words: who, which program, since when.
    Held(String),
}

impl Engine {
    /// Takes the lock, waiting as long as the wish says; the waiter is told who has it.
    pub fn lock(&self, wish: &LockWish<'_>, watch: &Watch<'_>) -> Result<Lock> {
        match self {
            Self::Sqlite(file) => match file.lock_path() {
                None => Ok(Lock::Nothing),
                Some(path) => wait(self, wish, watch, || FileLock::attempt(&path, wish)).map(Lock::File),
            },
            Self::Postgres(server) => wait(self, wish, watch, || SessionLock::attempt(server, wish)).map(Lock::Session),
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

fn timed_out(engine: &Engine, wish: &LockWish<'_>, holder: &str) -> Error {
    let seconds = wish.timeout.as_secs_f32();
    Error::locked(format!("{}: the lock on {} is held by {holder}, after {seconds} s", wish.target, engine.place()))
        .help("wait for it to end, or raise `lock: { timeout: … }`; `shed unlock` shows and ends who holds it")
}
