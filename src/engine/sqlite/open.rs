//! Connections to SQLite files: what each may do, how long it waits, and never a file made by looking at it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags, ffi};

use crate::engine::Watch;
use crate::error::{Error, Result};

use super::{File, beside, words};

/// How long a lock of another process is awaited where the connection's options do not say.
const PATIENCE: Duration = Duration::from_secs(10);
/// And where many databases are looked at.
const HURRY: Duration = Duration::from_secs(5);
/// Between two looks at a lock: a writer that commits without a pause leaves gaps of some microseconds.
pub const GAP: Duration = Duration::from_micros(20);
/// How long SQLite itself waits before we look at signals again.
pub const SLICE: Duration = Duration::from_millis(250);

const READS: OpenFlags = OpenFlags::SQLITE_OPEN_READ_ONLY.union(OpenFlags::SQLITE_OPEN_NO_MUTEX);
/// Without making a file.
const WRITES: OpenFlags = OpenFlags::SQLITE_OPEN_READ_WRITE.union(OpenFlags::SQLITE_OPEN_NO_MUTEX);

/// A database that is read and never written to.
pub struct Source {
    pub connection: Connection,
    pub path: PathBuf,
    /// Read without locks, because its folder takes no files of SQLite's: how it stood before.
    unlocked: Option<beside::Standing>,
}

impl File {
    /// The real path, for work that needs a file.
    pub(super) fn path(&self) -> Result<PathBuf> {
        self.real_path().ok_or_else(|| {
            Error::usage("a database in memory ends with its connection").help("name a file in `db_path` for this")
        })
    }

    /// How long locks of other processes are awaited: the driver's own option, or ours.
    pub(super) fn patience(&self) -> Duration {
        let asked = self.options.get("timeout").and_then(|seconds| seconds.parse().ok());
        asked.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).unwrap_or(PATIENCE)
    }

    /// For a look at many: a lock of another process is awaited for a moment only.
    pub fn hurried(&self) -> Self {
        let mut file = self.clone();
        let patience = self.patience().min(HURRY).as_secs_f64().to_string();
        file.options.insert("timeout".to_owned(), patience);
        file
    }

    /// Opens a database of somebody's for reading; one that is not there is an error, never made.
    pub(super) fn source(&self) -> Result<Source> {
        let path = self.path()?;
        present(&path)?;
        // Opened for writing, SQLite takes its own empty files away at the end; with pages in them they stay.
        let flags = if beside::holds_more(&path) { READS } else { WRITES };
        let failed = match reader(&path, self.patience(), flags) {
            Ok(connection) => return Ok(Source { connection, path, unlocked: None }),
            Err(error) => error,
        };
        let unwritable = [Some(ErrorCode::ReadOnly), Some(ErrorCode::CannotOpen)].contains(&words::code(&failed));
        // Without a log that holds pages, and unchanged until we are done, the file alone is the database.
        if unwritable && let Some(standing) = beside::settled(&path) {
            let connection = immutable(&path).map_err(|error| words::reading(&path, &error))?;
            return Ok(Source { connection, path, unlocked: Some(standing) });
        }
        Err(words::reading(&path, &failed))
    }

    /// As [`File::source`], for a database of ours: what a broken-off transaction left is put back first.
    pub(super) fn own_source(&self) -> Result<Source> {
        let path = self.path()?;
        present(&path)?;
        match reader(&path, self.patience(), WRITES) {
            Ok(connection) => Ok(Source { connection, path, unlocked: None }),
            Err(_) => self.source(),
        }
    }

    /// Opens the database for writing; one that is not there is an error.
    pub(super) fn writer(&self) -> Result<Connection> {
        let path = self.path()?;
        present(&path)?;
        writer(&path, self.patience()).map_err(|error| words::writing(&path, &error))
    }
}

impl Source {
    /// A file that is ours, and that nobody writes to.
    pub fn of_ours(path: &Path) -> Result<Self> {
        let connection = immutable(path).map_err(|error| words::reading(path, &error))?;
        Ok(Self { connection, path: path.to_path_buf(), unlocked: beside::settled(path) })
    }

    /// What was read is what the file held from beginning to end.
    pub fn close(self) -> Result<()> {
        drop(self.connection);
        match self.unlocked {
            Some(before) if beside::settled(&self.path).as_ref() != Some(&before) => {
                Err(Error::failed(format!("{} changed while it was read", self.path.display()))
                    .help("its folder is read-only, so that it cannot be locked: try again when nothing writes to it"))
            }
            _ => Ok(()),
        }
    }

    pub fn is_wal(&self) -> Result<bool> {
        if self.unlocked.is_some() {
            return Ok(true); // one state for as long as we read, as in a WAL's snapshot
        }
        is_wal(&self.connection).map_err(|error| words::reading(&self.path, &error))
    }

    /// Bytes of all pages.
    pub fn bytes(&self) -> Result<u64> {
        let sql = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
        let bytes: i64 =
            self.connection.query_row(sql, [], |row| row.get(0)).map_err(|error| words::reading(&self.path, &error))?;
        Ok(bytes.unsigned_abs())
    }
}

pub fn is_wal(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("PRAGMA journal_mode", [], |row| row.get::<_, String>(0)).map(|mode| mode == "wal")
}

fn present(path: &Path) -> Result<()> {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => {
            Err(Error::database(format!("{} is a folder", path.display())).help("`db_path` names a file"))
        }
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(Error::database(format!("{} is not there", path.display()))
                .help("look at `db_path`; `shed migrate` makes it"))
        }
        Err(error) => Err(Error::database(format!("could not open {}: {error}", path.display()))),
    }
}

/// A connection that only reads; it has read already, so that what cannot be read is an error here.
fn reader(path: &Path, patience: Duration, flags: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = prepared(Connection::open_with_flags(path, flags)?, patience)?;
    connection.execute_batch("PRAGMA query_only=ON")?;
    Ok(connection)
}

/// A connection that writes to a file that is there.
pub fn writer(path: &Path, patience: Duration) -> rusqlite::Result<Connection> {
    let connection = prepared(Connection::open_with_flags(path, WRITES)?, patience)?;
    // SQLite opens what may not be written for reading, and says so only at the first change.
    if connection.is_readonly("main")? {
        return Err(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_READONLY), None));
    }
    Ok(connection)
}

/// A connection to a file that nobody writes to: no locks, no files beside it.
pub fn immutable(path: &Path) -> rusqlite::Result<Connection> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.".contains(&byte);
    let escaped = std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str())
        .iter()
        .map(|&byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") });
    let uri = format!("file:{}?mode=ro&immutable=1", escaped.collect::<String>());
    prepared(Connection::open_with_flags(uri, READS | OpenFlags::SQLITE_OPEN_URI)?, Duration::ZERO)
}

fn prepared(connection: Connection, patience: Duration) -> rusqlite::Result<Connection> {
    connection.busy_timeout(Duration::ZERO)?;
    // The built-in library checks foreign keys unless told otherwise.
    connection.execute_batch("PRAGMA foreign_keys=OFF")?;
    let deadline = Deadline::after(patience);
    let look = || connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()));
    while let Err(error) = look() {
        if words::code(&error) != Some(ErrorCode::DatabaseBusy) || deadline.is_over() {
            return Err(error);
        }
        std::thread::sleep(GAP);
    }
    connection.busy_timeout(patience)?;
    Ok(connection)
}

/// Runs work on a connection that a signal breaks off.
pub fn interruptible<T>(
    connection: &Connection,
    watch: &Watch<'_>,
    work: impl FnOnce() -> rusqlite::Result<T>,
) -> Result<rusqlite::Result<T>> {
    let (interrupts, handle) = (watch.interrupts, connection.get_interrupt_handle());
    let (done, waiting) = std::sync::mpsc::channel::<()>();
    let result = std::thread::scope(|scope| {
        scope.spawn(move || {
            while waiting.recv_timeout(SLICE) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                if interrupts.seen().is_some() {
                    handle.interrupt();
                }
            }
        });
        let result = work();
        drop(done);
        result
    });
    match result {
        Err(error) if words::code(&error) == Some(ErrorCode::OperationInterrupted) => {
            Err(Error::Interrupted(watch.interrupts.seen().unwrap_or(2)))
        }
        result => Ok(result),
    }
}

/// A signal that came ends the work between two steps.
pub fn heed(watch: &Watch<'_>) -> Result<()> {
    watch.interrupts.seen().map_or(Ok(()), |signal| Err(Error::Interrupted(signal)))
}

/// When waiting is over.
pub struct Deadline(Instant);

impl Deadline {
    pub fn after(patience: Duration) -> Self {
        Self(Instant::now() + patience)
    }

    pub fn is_over(&self) -> bool {
        Instant::now() >= self.0
    }
}
