//! What a copy leaves out: rows are deleted in the copy, never in the source.

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use crate::engine::{Copying, Watch};
use crate::error::Result;

use super::open::{self, interruptible};
use super::{File, look, words};

impl File {
    pub(super) fn leave_out(&self, copying: &Copying, watch: &Watch<'_>) -> Result<()> {
        if !copying.schema_only && copying.exclude_table_data.is_empty() {
            return Ok(());
        }
        let (connection, path) = (self.writer()?, self.path()?);
        let emptied = interruptible(&connection, watch, || {
            let was_wal = open::is_wal(&connection)?;
            // An aside file: nothing of it has to survive us.
            connection.execute_batch("PRAGMA journal_mode=MEMORY; PRAGMA synchronous=OFF")?;
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
            let tables = unwanted(&connection, copying, watch)?;
            connection.execute_batch("BEGIN")?;
            tables.iter().try_for_each(|table| empty(&connection, table))?;
            if copying.schema_only {
                forget(&connection)?;
            }
            connection.execute_batch("COMMIT; VACUUM")?;
            if was_wal { connection.execute_batch("PRAGMA journal_mode=WAL") } else { Ok(()) }
        })?;
        emptied.map_err(|error| words::writing(&path, &error))
    }
}

/// The tables whose rows stay behind.
fn unwanted(connection: &Connection, copying: &Copying, watch: &Watch<'_>) -> rusqlite::Result<Vec<String>> {
    if copying.schema_only {
        // Alembic's own, or dbmate's, have this one column: a schema without its revision is of no use.
        let sql = "SELECT name FROM pragma_table_list AS t WHERE schema = 'main' AND type IN ('table', 'virtual') \
                   AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name <> 'schema_migrations' \
                   AND coalesce((SELECT group_concat(name) FROM pragma_table_info(t.name)), '') NOT IN ('version_num', 'version')";
        return connection.prepare(sql)?.query_map([], |row| row.get(0))?.collect();
    }
    let mut found = Vec::new();
    for glob in &copying.exclude_table_data {
        let sql = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'virtual') \
                   AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND lower(name) GLOB lower(?1)";
        let plain = glob.strip_prefix("main.").unwrap_or(glob);
        let tables: Vec<String> =
            connection.prepare(sql)?.query_map([plain], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        if tables.is_empty() {
            watch.warn(&format!("no table matches {glob}"));
        }
        found.extend(tables);
    }
    found.sort();
    found.dedup();
    Ok(found)
}

fn empty(connection: &Connection, table: &str) -> rusqlite::Result<()> {
    let quoted = look::name(table);
    let order = |order: &str| connection.execute(&format!("INSERT INTO {quoted}({quoted}) VALUES('{order}')"), []);
    // A full-text index whose text lies elsewhere has no rows of its own to delete.
    if is_virtual(connection, table)? && order("delete-all").is_ok() {
        return Ok(());
    }
    connection.execute(&format!("DELETE FROM {quoted}"), [])?;
    if is_virtual(connection, table)? {
        let _ = order("rebuild"); // of those that know no delete-all
    }
    Ok(())
}

fn is_virtual(connection: &Connection, table: &str) -> rusqlite::Result<bool> {
    let sql = "SELECT count(*) FROM sqlite_schema WHERE name = ?1 AND sql LIKE 'create virtual%'";
    connection.query_row(sql, [table], |row| row.get(0))
}

/// What SQLite keeps about rows that are gone.
fn forget(connection: &Connection) -> rusqlite::Result<()> {
    let kept = "SELECT name FROM sqlite_schema WHERE name IN ('sqlite_sequence', 'sqlite_stat1', 'sqlite_stat4')";
    let tables: Vec<String> =
        connection.prepare(kept)?.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    tables.iter().try_for_each(|table| connection.execute(&format!("DELETE FROM {table}"), []).map(|_| ()))
}
