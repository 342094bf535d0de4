//! What `shed clone` tells.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use crate::output::Report;

/// A copy that was made, or would be.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Cloned {
    pub source: String,
    pub target: String,
    /// The target in words.
    pub database: String,
    /// What the copy takes on disk; in a dry run what the source takes.
    pub bytes: u64,
    pub tables: usize,
    pub rows: u64,
    pub seconds: f64,
    /// Whether every table has as many rows as in the source.
    pub verified: bool,
    /// Whether it was written in one transaction into the target itself, for want of the right to make databases.
    pub replaced_in_place: bool,
    pub dry_run: bool,
    /// In a dry run: what would be run.
    pub commands: Vec<String>,
}

impl fmt::Display for Cloned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, target, tables, rows, seconds, .. } = self;
        let size = in_words(self.bytes);
        if self.dry_run {
            writeln!(
                f,
                "{source} would be copied to {target} ({}): {tables} tables, {rows} rows, {size}",
                self.database
            )?;
            return self.commands.iter().try_for_each(|command| writeln!(f, "  {command}"));
        }
        let verified = if self.verified { ", row counts verified" } else { "" };
        writeln!(
            f,
            "{source} copied to {target} ({}): {tables} tables, {rows} rows, {size}, {seconds:.1} s{verified}",
            self.database
        )
    }
}

impl Report for Cloned {}

/// `1.2 GB`.
fn in_words(bytes: u64) -> String {
    let units = ["bytes", "kB", "MB", "GB", "TB"];
    let (mut size, mut unit) = (bytes as f64, 0);
    while size >= 1000.0 && unit + 1 < units.len() {
        size /= 1000.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} bytes") } else { format!("{size:.1} {}", units[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_in_words() {
        assert_eq!([in_words(999), in_words(1500), in_words(1_037_000_000)], ["999 bytes", "1.5 kB", "1.0 GB"]);
    }
}
