//! A SQLite database as SQL: the same database gives the same bytes, and an empty one takes them.

mod literal;
mod texts;

use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension};

use crate::engine::Watch;
use crate::engine::verbs::Content;
use crate::error::Result;

use super::look::name;
use super::open::{heed, interruptible};
use super::{File, words};

use literal::{QUOTE, literal};

/// An entry of the schema.
struct Object {
    name: String,
    sql: String,
}

struct Dump<'a> {
    connection: &'a Connection,
    content: Content,
    versions: HashSet<String>,
    out: Vec<u8>,
    /// Statements for the end: full-text indexes that are built from other tables.
    last: Vec<String>,
    watch: &'a Watch<'a>,
}

impl File {
    pub fn dump_sql(
        &self,
        content: Content,
        version_tables: &[(Option<String>, String)],
        watch: &Watch<'_>,
    ) -> Result<Vec<u8>> {
        let source = self.own_source()?;
        let versions = version_tables.iter().map(|(_, table)| table.to_lowercase()).collect();
        let connection = &source.connection;
        let mut dump = Dump { connection, content, versions, out: Vec::new(), last: Vec::new(), watch };
        let written = interruptible(connection, watch, || dump.write())?;
        written.map_err(|error| words::reading(&source.path, &error))?;
        let out = std::mem::take(&mut dump.out);
        drop(dump);
        heed(watch)?;
        source.close()?;
        Ok(out)
    }
}

impl Dump<'_> {
    fn write(&mut self) -> rusqlite::Result<()> {
        self.connection.execute_batch("BEGIN")?; // all of one moment
        self.line(match self.content {
            Content::Schema => "-- The schema of a SQLite database, written by `shed dump`.",
            Content::All => "-- A SQLite database, written by `shed dump --data`.",
        });
        self.line("PRAGMA foreign_keys=OFF;");
        self.line("BEGIN TRANSACTION;");
        self.numbers()?;
        self.tables()?;
        self.texts()?;
        for kind in ["index", "view", "trigger"] {
            for object in self.objects(&format!("type = '{kind}'"))? {
                self.create(&object);
            }
        }
        for statement in std::mem::take(&mut self.last) {
            self.line(&statement);
        }
        self.line("COMMIT;");
        Ok(())
    }

    fn line(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
        self.out.push(b'\n');
    }

    /// What applications keep in the header.
    fn numbers(&mut self) -> rusqlite::Result<()> {
        for pragma in ["application_id", "user_version"] {
            let number: i64 = self.connection.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get(0))?;
            if number != 0 {
                self.line(&format!("PRAGMA {pragma}={number};"));
            }
        }
        Ok(())
    }

    /// By name: whatever order they were made in, and whatever VACUUM did since.
    fn objects(&self, which: &str) -> rusqlite::Result<Vec<Object>> {
        let sql = format!(
            "SELECT name, sql FROM sqlite_schema WHERE {which} AND sql IS NOT NULL \
             AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY tbl_name, name"
        );
        let object = |row: &rusqlite::Row<'_>| Ok(Object { name: row.get(0)?, sql: row.get(1)? });
        self.connection.prepare(&sql)?.query_map([], object)?.collect()
    }

    fn create(&mut self, object: &Object) {
        // Its last line may be a comment, which would swallow the semicolon.
        let comment = object.sql.lines().last().is_some_and(|line| line.contains("--"));
        self.line(&format!("{}{};", object.sql, if comment { "\n" } else { "" }));
    }

    fn tables(&mut self) -> rusqlite::Result<()> {
        let shadows = self.shadows()?;
        let tables = self.objects("type = 'table' AND sql NOT LIKE 'create virtual%'")?;
        for table in tables.iter().filter(|table| !shadows.contains(&table.name)) {
            self.create(table);
            let is_version = self.versions.contains(&table.name.to_lowercase());
            if is_version || self.content == Content::All {
                self.rows(&table.name, is_version)?;
            }
        }
        if self.content == Content::All {
            self.sequences()?;
        }
        Ok(())
    }

    /// Tables in which virtual tables keep their content: these are made by making the virtual ones.
    fn shadows(&self) -> rusqlite::Result<HashSet<String>> {
        let sql = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'shadow'";
        self.connection.prepare(sql)?.query_map([], |row| row.get(0))?.collect()
    }

    /// In the order of the table itself, never of an index; the rows of a version table by what they say.
    fn rows(&mut self, table: &str, sorted: bool) -> rusqlite::Result<()> {
        let (columns, table) = (self.columns(table)?, name(table));
        let order = if sorted { "ORDER BY 1" } else { "NOT INDEXED" };
        self.inserts(&format!("SELECT {columns} FROM {table} {order}"), &format!("INSERT INTO {table} VALUES("))
    }

    /// Those that hold values: neither generated nor hidden.
    fn columns(&self, table: &str) -> rusqlite::Result<String> {
        let sql = "SELECT group_concat('\"' || replace(name, '\"', '\"\"') || '\"', ', ') FROM pragma_table_xinfo(?1) WHERE hidden = 0";
        self.connection.query_row(sql, [table], |row| row.get(0))
    }

    fn inserts(&mut self, select: &str, insert: &str) -> rusqlite::Result<()> {
        let mut statement = self.connection.prepare(select)?;
        let columns = statement.column_count();
        let mut quote = self.connection.prepare(QUOTE)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            self.out.extend_from_slice(insert.as_bytes());
            for column in 0..columns {
                if column > 0 {
                    self.out.push(b',');
                }
                literal(&mut quote, row.get_ref(column)?, &mut self.out)?;
            }
            self.out.extend_from_slice(b");\n");
        }
        Ok(())
    }

    /// The last numbers that AUTOINCREMENT gave out.
    fn sequences(&mut self) -> rusqlite::Result<()> {
        let known = "SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'";
        if self.connection.query_row(known, [], |_| Ok(())).optional()?.is_none() {
            return Ok(());
        }
        self.line("DELETE FROM sqlite_sequence;");
        self.inserts("SELECT name, seq FROM sqlite_sequence ORDER BY name", "INSERT INTO sqlite_sequence VALUES(")
    }
}
