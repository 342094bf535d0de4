//! SQLite's errors in words: which file, what is wrong with it, who holds it, the next step.

use std::path::Path;

use rusqlite::{ErrorCode, ffi};

use crate::error::Error;

use super::beside;

pub fn code(error: &rusqlite::Error) -> Option<ErrorCode> {
    error.sqlite_error_code()
}

/// SQLite's finer code.
pub fn extended(error: &rusqlite::Error) -> Option<i32> {
    error.sqlite_error().map(|error| error.extended_code)
}

/// What kept us from reading a database.
pub fn reading(path: &Path, error: &rusqlite::Error) -> Error {
    if extended(error) == Some(ffi::SQLITE_READONLY_ROLLBACK) {
        return Error::database(format!("{} holds a transaction that was broken off", path.display()))
            .help("whoever writes to it next puts it right: open it once with the program that owns it");
    }
    match code(error) {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => locked(path),
        Some(ErrorCode::ReadOnly) => {
            Error::database(format!("{} cannot be read: SQLite may not write its -shm file beside it", path.display()))
                .help("it is in WAL mode with pages in its -wal file: read it as a user who may write to the folder")
        }
        _ => either(path, "read", error),
    }
}

/// What kept us from writing to a database.
pub fn writing(path: &Path, error: &rusqlite::Error) -> Error {
    match code(error) {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => in_use(path),
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen) => {
            Error::environment(format!("{} cannot be written to: {error}", path.display()))
                .help("the file and its folder must be writable, by you and on this file system")
        }
        _ => either(path, "write to", error),
    }
}

fn either(path: &Path, doing: &str, error: &rusqlite::Error) -> Error {
    let path = path.display();
    match code(error) {
        Some(ErrorCode::NotADatabase) => {
            Error::database(format!("{path} is not a SQLite database, or it is encrypted"))
        }
        Some(ErrorCode::DatabaseCorrupt) => Error::failed(format!("{path} is damaged: {error}")).help(
            "restore it from a backup: `shed backups` lists them; `sqlite3 FILE .recover` saves what can be read",
        ),
        Some(ErrorCode::DiskFull) => Error::failed(format!("could not {doing} {path}: the disk is full")),
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            Error::database(format!("could not open {path}: {error}"))
                .help("look at the rights of the file and its folder")
        }
        _ => Error::failed(format!("could not {doing} {path}: {error}")),
    }
}

/// Another process keeps us from reading.
pub fn locked(path: &Path) -> Error {
    Error::database(format!("{} is locked by {}", path.display(), beside::holders(path)))
        .help("wait until its transaction has ended, or end that process")
}

/// Another process keeps us from writing.
pub fn in_use(path: &Path) -> Error {
    Error::failed(format!("{} is in use by {}", path.display(), beside::holders(path)))
        .help("nothing was changed; end that process, or its transaction, and try again")
}

/// What the file system refused.
pub fn file(path: &Path, doing: &str, error: &std::io::Error) -> Error {
    let what = format!("could not {doing} {}: {error}", path.display());
    match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Error::failed(what),
        _ => Error::environment(what).help("its folder must be one that you may write to"),
    }
}
