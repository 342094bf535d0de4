//! What a SQLite database holds: its size, its tables, its heads, its rows.

use rusqlite::{Connection, OptionalExtension};

use crate::engine::Counts;
use crate::error::Result;

use super::{File, beside, words};

impl File {
    pub fn size(&self) -> Result<u64> {
        let Some(path) = self.real_path() else { return Ok(0) };
        let length = |path| std::fs::metadata(path).map_or(0, |metadata| metadata.len());
        Ok(length(beside::partner(&path, "-wal")) + length(path))
    }

    pub fn is_empty(&self) -> Result<bool> {
        let sql = "SELECT count(*) = 0 FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";
        Ok(self.look(|connection| connection.query_row(sql, [], |row| row.get(0)))?.unwrap_or(true))
    }

    pub fn heads(&self, table: &str) -> Result<Option<Vec<String>>> {
        let heads = |connection: &Connection| {
            let known = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1 COLLATE NOCASE";
            if connection.query_row(known, [table], |_| Ok(())).optional()?.is_none() {
                return Ok(None);
            }
            // Alembic's table has one column, and so has dbmate's; only their names differ.
            let sql = format!("SELECT * FROM {} ORDER BY 1", name(table));
            connection.prepare(&sql)?.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>().map(Some)
        };
        Ok(self.look(heads)?.flatten())
    }

    pub fn row_counts(&self) -> Result<Counts> {
        let counts = |connection: &Connection| {
            connection.execute_batch("BEGIN")?; // all of one moment
            let count = |table: String| {
                let sql = format!("SELECT count(*) FROM {}", name(&table));
                let rows: i64 = connection.query_row(&sql, [], |row| row.get(0))?;
                Ok((table, rows.unsigned_abs()))
            };
            tables(connection)?.into_iter().map(count).collect()
        };
        Ok(self.look(counts)?.unwrap_or_default())
    }

    /// Asks the database; `None` where there is none, which is never made.
    pub(super) fn look<T>(&self, ask: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<Option<T>> {
        if self.real_path().is_none_or(|path| !path.exists()) {
            return Ok(None);
        }
        let source = self.own_source()?;
        let answer = ask(&source.connection).map_err(|error| words::reading(&source.path, &error))?;
        source.close()?;
        Ok(Some(answer))
    }
}

/// The tables that hold rows of their own, by name; what a full-text index keeps in tables is among them.
pub fn tables(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE 'create virtual%' \
               AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name";
    connection.prepare(sql)?.query_map([], |row| row.get(0))?.collect()
}

/// A name between quotes.
pub fn name(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
