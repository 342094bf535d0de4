//! A PostgreSQL database as SQL: `pg_dump`, without what differs from one run or program to the next.

use crate::engine::{Content, Dumping, Sink, Watch};
use crate::error::{Error, Result};
use crate::process::{Captured, Heard, Tool};

use super::plain::Plain;
use super::tools::Programs;
use super::{Server, identifier, literal};

/// How often the schema and the rows beside it are read until nobody migrated in between.
const ATTEMPTS: usize = 3;

impl Server {
    /// The database as SQL. A schema is given to the sink whole; rows are given as they come.
    pub fn dump_sql(&self, dumping: &Dumping<'_>, watch: &Watch<'_>, sink: &mut Sink<'_>) -> Result<()> {
        let programs = self.programs_for(self.facts()?.major)?;
        let tool = || self.connected(&programs, "pg_dump").args(rights(dumping)).arg("--encoding=UTF8");
        if dumping.content == Content::All {
            return self.dumped(tool(), watch, sink);
        }
        for _ in 0..ATTEMPTS {
            let before = self.version_rows(dumping)?;
            let mut text = Vec::new();
            self.dumped(tool().arg("--schema-only"), watch, &mut |bytes| {
                text.extend_from_slice(bytes);
                Ok(())
            })?;
            if self.version_rows(dumping)? == before {
                text.extend_from_slice(before.as_bytes());
                return sink(&text);
            }
        }
        Err(Error::failed(format!("{}: somebody migrates it while it is dumped", self.place()))
            .help("try again when they are done"))
    }

    /// `pg_dump`, as new as the server, connected.
    pub fn pg_dump(&self) -> Result<Tool> {
        Ok(self.connected(&self.programs_for(self.facts()?.major)?, "pg_dump"))
    }

    pub(super) fn connected(&self, programs: &Programs, name: &str) -> Tool {
        self.with_variables(Tool::new(programs.path(name)).arg("--no-password"), &self.name)
    }

    fn dumped(&self, tool: Tool, watch: &Watch<'_>, sink: &mut Sink<'_>) -> Result<()> {
        let (mut plain, mut stderr, mut taken) = (Plain::default(), Vec::new(), Ok(()));
        let line = tool.command_line();
        let status = tool.stream(watch.interrupts, &mut |heard| match heard {
            Heard::Stdout(bytes) if taken.is_ok() => taken = sink(&plain.push(bytes)),
            Heard::Stderr(bytes) => stderr.extend_from_slice(bytes),
            _ => {}
        })?;
        taken?;
        self.judge(&line, Captured { status, stdout: Vec::new(), stderr }, watch)?;
        sink(&plain.finish())
    }

    /// The rows of the version tables, as statements in a stable order.
    fn version_rows(&self, dumping: &Dumping<'_>) -> Result<String> {
        let mut text = String::new();
        for (schema, table) in dumping.version_tables {
            let Some(name) = self.qualified(schema.as_deref(), table)? else { continue };
            let query =
                format!("select quote_literal(version) from {name} as t(version) order by version collate \"C\"");
            let rows = self.ask_in(&self.name, &query)?;
            let rows: Vec<String> = rows.lines().map(|row| format!("    ({row})")).collect();
            if !rows.is_empty() {
                let header = "\n--\n-- The revisions of this schema\n--\n\n";
                let column = self.first_column(&name)?;
                text += &format!("{header}INSERT INTO {name} ({column}) VALUES\n{};\n", rows.join(",\n"));
            }
        }
        Ok(text)
    }

    /// `version_num` in Alembic's table, `version` in dbmate's.
    fn first_column(&self, name: &str) -> Result<String> {
        let query = format!(
            "select quote_ident(attname) from pg_attribute where attrelid = {}::regclass and attnum > 0 \
             and not attisdropped order by attnum limit 1",
            literal(name)
        );
        Ok(self.ask_in(&self.name, &query)?.trim().to_owned())
    }

    /// The quoted name of a table with its schema; `None` where there is no such table.
    pub(super) fn qualified(&self, schema: Option<&str>, table: &str) -> Result<Option<String>> {
        let schema = schema.map(|schema| format!("{}.", identifier(schema))).unwrap_or_default();
        let name = literal(&format!("{schema}{}", identifier(table)));
        let query = format!(
            "select quote_ident(n.nspname) || '.' || quote_ident(c.relname) from pg_class c \
             join pg_namespace n on n.oid = c.relnamespace where c.oid = to_regclass({name})"
        );
        let found = self.ask_in(&self.name, &query)?;
        Ok(found.lines().next().filter(|name| !name.is_empty()).map(str::to_owned))
    }
}

/// Owners and privileges stay behind unless they are wanted: another server has other roles.
pub(super) fn rights(dumping: &Dumping<'_>) -> &'static [&'static str] {
    if dumping.rights { &[] } else { &["--no-owner", "--no-privileges"] }
}
