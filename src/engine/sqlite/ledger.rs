//! The ledger in a SQLite file.

use rusqlite::{Connection, OptionalExtension, Row};

use crate::engine::ledger::{Step, TABLE};
use crate::error::Result;

use super::File;

impl File {
    /// The last steps, newest first; `None` where there is no ledger.
    pub fn ledger(&self, version_table: &str, most: Option<u32>) -> Result<Option<Vec<Step>>> {
        let steps = |connection: &Connection| {
            if !is_there(connection)? {
                return Ok(None);
            }
            let sql = format!(
                "SELECT strftime('%Y-%m-%dT%H:%M:%fZ', done_at), direction, revision, milliseconds, os_user, host, \
                 git_commit, shed_version, alembic_version, file_sha256, backup FROM {TABLE} \
                 WHERE version_table = ?1 ORDER BY id DESC LIMIT ?2"
            );
            let most = most.map_or(-1, i64::from);
            connection.prepare(&sql)?.query_map((version_table, most), step)?.collect::<rusqlite::Result<_>>().map(Some)
        };
        Ok(self.look(steps)?.flatten())
    }
}

fn is_there(connection: &Connection) -> rusqlite::Result<bool> {
    let known = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1";
    Ok(connection.query_row(known, [TABLE], |_| Ok(())).optional()?.is_some())
}

fn step(row: &Row<'_>) -> rusqlite::Result<Step> {
    Ok(Step {
        done_at: row.get(0)?,
        direction: row.get(1)?,
        revision: row.get(2)?,
        milliseconds: row.get(3)?,
        os_user: row.get(4)?,
        host: row.get(5)?,
        git_commit: row.get(6)?,
        shed_version: row.get(7)?,
        alembic_version: row.get(8)?,
        file_sha256: row.get(9)?,
        backup: row.get(10)?,
    })
}
