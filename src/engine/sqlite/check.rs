//! Whether a SQLite file is whole: its header, its length, every page of it.

use std::fs;
use std::io::Read;
use std::path::Path;

use rusqlite::Connection;

use crate::engine::Watch;
use crate::error::{Error, Result};

use super::open::{self, interruptible};
use super::{File, words};

const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// What the checks say of rows that were so before they were copied: worth a word, and no damage.
const REMARKS: [&str; 7] = [
    "CHECK constraint failed in ",
    "NULL value in ",
    "TEXT value in ",
    "NUMERIC value in ",
    "non-unique entry in index ",
    "malformed inverted index for FTS",
    "unable to validate the inverted index for FTS",
];

impl File {
    /// SQLite's pages carry no checksum: a byte that flipped within a value is found by the store's own.
    pub fn verify_backup(&self, path: &Path, watch: &Watch<'_>) -> Result<()> {
        header(path)?;
        let connection = open::immutable(path).map_err(|error| words::reading(path, &error))?;
        sound(&connection, path, "integrity_check", watch)
    }
}

/// Reads a file that is ours alone through to its end.
pub fn quick(path: &Path, watch: &Watch<'_>) -> Result<()> {
    let connection = open::immutable(path).map_err(|error| words::reading(path, &error))?;
    let mapped = fs::metadata(path).map_or(0, |metadata| metadata.len());
    connection
        .query_row(&format!("PRAGMA mmap_size={mapped}"), [], |_| Ok(()))
        .map_err(|error| words::reading(path, &error))?;
    sound(&connection, path, "quick_check", watch)
}

/// Reads a database through that others may have open.
pub fn live(connection: &Connection, path: &Path, watch: &Watch<'_>) -> Result<()> {
    sound(connection, path, "quick_check", watch)
}

fn sound(connection: &Connection, path: &Path, check: &str, watch: &Watch<'_>) -> Result<()> {
    watch.progress("checking", 0, None);
    let ask = || -> rusqlite::Result<Vec<String>> {
        connection.prepare(&format!("PRAGMA {check}"))?.query_map([], |row| row.get(0))?.collect()
    };
    let said = match interruptible(connection, watch, ask)? {
        Ok(said) => said,
        // A collation or function of the application's own.
        Err(error) if words::code(&error) == Some(rusqlite::ErrorCode::Unknown) => {
            watch.note(&format!("{} could not be checked to its end: {error}", path.display()));
            return Ok(());
        }
        Err(error) => return Err(words::reading(path, &error)),
    };
    judge(&said, path, watch)
}

fn judge(said: &[String], path: &Path, watch: &Watch<'_>) -> Result<()> {
    let lines = || said.iter().flat_map(|text| text.lines()).filter(|line| *line != "ok");
    let is_remark = |line: &&str| REMARKS.iter().any(|remark| line.starts_with(remark));
    if let Some(damage) = lines().find(|line| !is_remark(line)) {
        return Err(Error::failed(format!("{} is damaged", path.display())).detail(damage));
    }
    if let Some(remark) = lines().next() {
        watch.warn(&format!("{} is whole, but: {remark}", path.display()));
    }
    Ok(())
}

/// Whether the first bytes are SQLite's.
pub fn is_sqlite(path: &Path) -> Result<()> {
    let mut magic = [0; 16];
    let read = fs::File::open(path).and_then(|mut file| file.read_exact(&mut magic));
    if read.is_ok() && &magic == MAGIC {
        return Ok(());
    }
    Err(Error::failed(format!("{} is not a SQLite database, or it is encrypted", path.display())))
}

/// The first page says how long the file is.
pub fn header(path: &Path) -> Result<()> {
    let mut head = [0; 100];
    let read = fs::File::open(path).and_then(|file| {
        let length = file.metadata()?.len();
        file.take(100).read_exact(&mut head)?;
        Ok(length)
    });
    let unsound = |what: String| Error::failed(format!("{} is not a whole SQLite database: {what}", path.display()));
    let length = match read {
        Ok(length) => length,
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            return Err(unsound("it ends within its first page".into()));
        }
        Err(error) => return Err(Error::environment(format!("could not read {}: {error}", path.display()))),
    };
    if &head[..16] != MAGIC {
        return Err(unsound("its first bytes are not SQLite's".into()));
    }
    let number = |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let page = match u16::from_be_bytes([head[16], head[17]]) {
        1 => 65536,
        size => u64::from(size),
    };
    let pages = u64::from(number(28));
    // A program older than SQLite 3.7 leaves the number of pages stale, and says so by these two.
    if number(24) == number(92) && pages * page != length {
        return Err(unsound(format!("it has {length} bytes, and says {}", pages * page)));
    }
    Ok(())
}
