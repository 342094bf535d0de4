//! Whether a copy holds what its source holds: rows per table.

use std::time::Duration;

use crate::engine::{Copying, Engine};
use crate::error::{Error, Result};

/// Rows by table.
pub type Counts = Vec<(String, u64)>;

/// What the comparison said.
pub struct Compared {
    pub tables: usize,
    pub rows: u64,
    /// Whether all tables have equally many rows.
    pub equal: bool,
    /// Why that was not to be expected.
    pub note: Option<String>,
}

impl Compared {
    /// Compares a copy that was just made with its source, as it was counted before; `None` where the copy is not there to be read.
    pub fn of(source: &Engine, copy: &Engine, before: &Counts, copying: &Copying) -> Result<Option<Self>> {
        if copy.is_collected() {
            return Ok(None);
        }
        let copied = copy.row_counts()?;
        if copying.is_partial() {
            return Self::partial(before, &copied).map(Some);
        }
        if copied == *before || is_busy(source, before)? {
            return Ok(Some(Self::with(&copied, copied == *before)));
        }
        Err(differs(&copied, before))
    }

    /// Compares a copy that is in its place already.
    pub fn afterwards(source: &Engine, copy: &Engine, copying: &Copying) -> Result<Self> {
        let (expected, copied) = (source.row_counts()?, copy.row_counts()?);
        if copying.is_partial() {
            return Self::partial(&expected, &copied);
        }
        Ok(Self::with(&copied, copied == expected))
    }

    fn with(copied: &Counts, equal: bool) -> Self {
        let note = (!equal).then(|| "the source changed meanwhile, so that rows could not be compared".to_owned());
        Self { tables: copied.len(), rows: copied.iter().map(|(_, rows)| rows).sum(), equal, note }
    }

    /// Rows were left out on purpose: the tables are the same, and none has rows of its own.
    fn partial(expected: &Counts, copied: &Counts) -> Result<Self> {
        let names = |counts: &Counts| counts.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        if names(expected) != names(copied) {
            return Err(differs(copied, expected));
        }
        let mut compared = Self::with(copied, false);
        compared.note = Some("rows were left out, so that only tables were compared".into());
        Ok(compared)
    }
}

/// Whether others write to the source: it is counted again, several times, because a queue may look the same twice.
fn is_busy(source: &Engine, before: &Counts) -> Result<bool> {
    for _ in 0..5 {
        if source.row_counts()? != *before {
            return Ok(true);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(false)
}

fn differs(copied: &Counts, expected: &Counts) -> Error {
    let rows = |counts: &Counts, name: &str| {
        counts.iter().find(|(table, _)| table == name).map_or("missing".to_owned(), |(_, rows)| format!("{rows} rows"))
    };
    let names = expected.iter().chain(copied).map(|(name, _)| name.as_str());
    let mut lines: Vec<String> = names
        .filter(|name| rows(copied, name) != rows(expected, name))
        .map(|name| format!("  {name}: {} in the source, {} in the copy", rows(expected, name), rows(copied, name)))
        .collect();
    lines.sort();
    lines.dedup();
    Error::failed("the copy is not what the source is")
        .detail(lines.join("\n"))
        .help("nothing was changed; where others write to the source, try again")
}
