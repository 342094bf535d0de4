//! After a death while a SQLite database was replaced: it is whole, old or new, and what was built aside goes.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use rusqlite::ErrorCode;

use crate::engine::Watch;
use crate::engine::journal::{Deed, Entry};
use crate::error::{Error, Result};
use crate::failpoint::reach;

use super::{File, beside, check, open, words};

impl File {
    /// Puts right what a dead run left, under the lock; in words what the database holds now. Safe to kill, safe to repeat.
    pub fn recover(&self, entry: &Entry, watch: &Watch<'_>) -> Result<String> {
        let Deed::Fill { aside, .. } = &entry.deed else {
            return Err(Error::failed(format!("run {} did not replace a SQLite file", entry.run)));
        };
        let path = self.path()?;
        // The folder may have been moved since: what was built lies beside the database.
        let aside = aside.file_name().map_or_else(|| aside.clone(), |name| beside::folder(&path).join(name));
        let held = match (path.exists(), aside.exists()) {
            (true, _) => self.heal(&path, &aside, watch)?,
            (false, true) => format!("{} is not there, as before", path.display()),
            (false, false) => format!("{} is not there", path.display()),
        };
        reach("sqlite-recovered")?;
        sweep(&path);
        beside::remove_whole(&aside).map_err(|error| words::file(&aside, "remove", &error))?;
        Ok(held)
    }

    /// Opening it is what makes SQLite roll back, or read its log.
    fn heal(&self, path: &Path, aside: &Path, watch: &Watch<'_>) -> Result<String> {
        let connection = match open::writer(path, self.patience()) {
            Ok(connection) => connection,
            Err(error) if is_no_database(&error) => {
                return Ok(format!("{} is no database that can be opened, as before", path.display()));
            }
            Err(error) => return Err(words::writing(path, &error)),
        };
        let _ = connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
        check::live(&connection, path, watch)?;
        drop(connection);
        reach("sqlite-healed")?;
        let shown = path.display();
        if !aside.exists() {
            return Ok(format!("{shown} is whole: the run had ended its work on it"));
        }
        let same = same_pages(path, aside).map_err(|error| words::file(path, "read", &error))?;
        Ok(format!("{shown} is whole and holds the {} content", if same { "new" } else { "old" }))
    }
}

/// Removes what dead runs have built beside a database; under its lock, all of them are dead.
pub fn sweep(path: &Path) {
    let Some(own) = path.file_name().and_then(|name| name.to_str()) else { return };
    let Ok(entries) = fs::read_dir(beside::folder(path)) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let rest = name.to_str().and_then(|name| name.strip_prefix(own));
        if rest.is_some_and(|rest| rest.starts_with(".shed-new-") || rest.starts_with(".shed-part-")) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Whether SQLite says that this is not a database at all.
pub fn is_no_database(error: &rusqlite::Error) -> bool {
    words::code(error) == Some(ErrorCode::NotADatabase)
}

/// Whether two files hold the same pages, apart from the counters that SQLite moves with every change.
fn same_pages(one: &Path, other: &Path) -> io::Result<bool> {
    let (mut one, mut other) = (fs::File::open(one)?, fs::File::open(other)?);
    if one.metadata()?.len() != other.metadata()?.len() {
        return Ok(false);
    }
    let (mut left, mut right) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    let mut first = true;
    loop {
        let count = fill(&mut one, &mut left)?;
        if fill(&mut other, &mut right)? != count {
            return Ok(false);
        }
        if first && count >= 100 {
            for page in [&mut left, &mut right] {
                for moving in [18..20, 24..28, 40..44, 92..100] {
                    page[moving].fill(0);
                }
            }
        }
        first = false;
        if left[..count] != right[..count] {
            return Ok(false);
        }
        if count == 0 {
            return Ok(true);
        }
    }
}

fn fill(file: &mut fs::File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut count = 0;
    while count < buffer.len() {
        match file.read(&mut buffer[count..])? {
            0 => break,
            read => count += read,
        }
    }
    Ok(count)
}
