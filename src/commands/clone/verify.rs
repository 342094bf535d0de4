//! Whether a copy holds what its source holds: rows per table.

use std::time::Duration;

use crate::engine::{Copying, Counted, Counts, Engine};
use crate::error::{Error, Result};

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
    /// Compares a copy that was just made with its source.
    pub fn of(counted: &Counted, copying: &Copying, from: &Engine) -> Result<Self> {
        Self::judged(counted, copying, || is_busy(from, &counted.source))
    }

    fn judged(counted: &Counted, copying: &Copying, is_busy: impl FnOnce() -> Result<bool>) -> Result<Self> {
        let Counted { source, copy, of_one_moment } = counted;
        if copying.is_partial() {
            return Self::partial(source, copy);
        }
        if source == copy || (!of_one_moment && is_busy()?) {
            return Ok(Self::with(copy, source == copy));
        }
        Err(differs(copy, source))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(source: &[(&str, u64)], copy: &[(&str, u64)], of_one_moment: bool) -> Counted {
        let counts = |rows: &[(&str, u64)]| rows.iter().map(|(name, rows)| ((*name).to_owned(), *rows)).collect();
        Counted { source: counts(source), copy: counts(copy), of_one_moment }
    }

    #[test]
    fn what_was_counted_at_one_moment_is_equal_or_wrong() {
        let all = Copying::default();
        let lost = counted(&[("a", 2), ("b", 1)], &[("a", 1)], true);
        let error = Compared::judged(&lost, &all, || Ok(true)).err().unwrap().to_string();
        let lines = "  a: 2 rows in the source, 1 rows in the copy\n  b: 1 rows in the source, missing in the copy";
        assert!(error.contains(lines), "{error}");
        let same = counted(&[("a", 2)], &[("a", 2)], true);
        assert!(Compared::judged(&same, &all, || Ok(false)).unwrap().equal);
    }

    #[test]
    fn what_was_counted_apart_may_differ_where_others_write() {
        let (all, apart) = (Copying::default(), counted(&[("a", 2)], &[("a", 1)], false));
        assert!(Compared::judged(&apart, &all, || Ok(false)).is_err());
        let compared = Compared::judged(&apart, &all, || Ok(true)).unwrap();
        assert!(!compared.equal && compared.note.is_some_and(|note| note.contains("changed meanwhile")));
    }

    #[test]
    fn where_rows_are_left_out_the_tables_are_compared() {
        let some = Copying { schema_only: true, ..Copying::default() };
        let left_out = counted(&[("a", 2)], &[("a", 0)], true);
        assert!(!Compared::judged(&left_out, &some, || Ok(false)).unwrap().equal);
        assert!(Compared::judged(&counted(&[("a", 2)], &[], true), &some, || Ok(false)).is_err());
    }
}
