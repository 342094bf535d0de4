//! The rows of a large copy: a pipe for each large table and one for all others.

use serde::Deserialize;

use crate::engine::Counts;
use crate::engine::postgres::Server;
use crate::error::{Error, Result};
use crate::process::{Captured, Tool};

use super::Copy;

/// Tables from 4 MB on, the largest first; the rows of all others, sequences and large objects go with the rest.
/// Columns are told where all are of types whose binary form means the same on another server of this version.
pub(super) const TABLES: &str = r#"select coalesce(jsonb_agg(jsonb_build_object('name', t.name, 'plain', t.plain, 'size', t.size, 'columns', t.columns, 'indexes', t.indexes) order by t.size desc), '[]') from (
     select '"' || replace(n.nspname, '"', '""') || '"."' || replace(c.relname, '"', '""') || '"' as name, format('%I.%I', n.nspname, c.relname) as plain,
     pg_table_size(c.oid) as size,
     (select coalesce(jsonb_agg(coalesce('2606 ' || k.oid, '1259 ' || i.indexrelid)), '[]') from pg_index i
      left join pg_constraint k on k.conindid = i.indexrelid and k.conrelid = i.indrelid and k.contype in ('p', 'u', 'x')
      where i.indrelid = c.oid) as indexes,
     (select case when bool_and(y.oid < 16384 and y.typtype in ('b', 'r', 'm') and y.typname !~ '^_?reg' and y.typsend <> 0 and y.typreceive <> 0)
      then string_agg(quote_ident(a.attname), ', ' order by a.attnum) end
      from pg_attribute a join pg_type y on y.oid = a.atttypid where a.attrelid = c.oid and a.attnum > 0
      and not a.attisdropped and coalesce(to_jsonb(a) ->> 'attgenerated', '') = '') as columns
     from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'r'
     and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_'
     and not exists (select from pg_depend e where e.objid = c.oid and e.classid = 'pg_class'::regclass and e.deptype = 'e')
     order by size desc limit 200) t where t.size >= 4194304"#;

impl Copy<'_> {
    /// What is read and what writes it: a pipe for each large table, the largest first, and one for everything else.
    pub(super) fn rows<'t>(&self, aside: &Server, snapshot: &str, tables: &'t [Table]) -> Vec<Pipe<'t>> {
        let dump = || self.dump().arg("--data-only").arg(format!("--snapshot={snapshot}"));
        let rest = dump().args(tables.iter().map(|table| format!("--exclude-table-data={}", table.name)));
        let of = |table: &'t Table| match self.columns(table) {
            Some(columns) => Pipe {
                read: self.read_binary(table, columns, snapshot),
                write: self.write_binary(aside, table, columns),
                table: Some(&table.plain),
                tells: true,
            },
            None => Pipe {
                read: dump().arg(format!("--table={}", table.name)),
                write: self.psql(aside),
                table: Some(&table.plain),
                tells: false,
            },
        };
        let others = Pipe { read: rest, write: self.psql(aside), table: None, tells: false };
        tables.iter().map(of).chain([others]).collect()
    }

    /// The columns of a table whose rows go over in binary form. psql's `\copy` is one line.
    fn columns<'t>(&self, table: &'t Table) -> Option<&'t str> {
        let columns = table.columns.as_deref().filter(|_| self.is_binary)?;
        [&table.name, columns].iter().all(|name| !name.contains(['\n', '\r'])).then_some(columns)
    }

    /// Whether both ends tell how many rows of this table went through.
    pub(super) fn tells(&self, table: &Table) -> bool {
        self.columns(table).is_some()
    }

    /// Half the work of text, for servers and clients alike. Where the rows go to stdout, psql says on stderr how many they were.
    fn read_binary(&self, table: &Table, columns: &str, snapshot: &str) -> Tool {
        let copy = format!("\\copy {} ({columns}) to pstdout (format binary)", table.name);
        let picture = format!("set transaction snapshot '{snapshot}'");
        let begin = "begin isolation level repeatable read, read only";
        self.bare_psql(self.source).args(["-o", "/dev/stderr", "-c", begin, "-c", &picture, "-c", &copy])
    }

    /// Rows of a table that was emptied in the same transaction are written as old ones, which nobody has to touch again.
    fn write_binary(&self, aside: &Server, table: &Table, columns: &str) -> Tool {
        let copy = format!("copy {} ({columns}) from stdin (format binary, freeze)", table.name);
        let empty = format!("truncate only {}", table.name);
        self.bare_psql(aside).args(["-1", "-c", &empty, "-c", &copy])
    }

    /// Both ends speak the source's encoding, and let nothing but the program's end stop them.
    fn bare_psql(&self, server: &Server) -> Tool {
        const UNDISTURBED: &str = "-c statement_timeout=0 -c lock_timeout=60s -c row_security=off -c search_path=";
        let server = server.with_options(UNDISTURBED);
        let psql = Tool::new(self.programs.path("psql")).args(["-X", "-w", "-v", "ON_ERROR_STOP=1"]);
        server.with_variables(psql, &server.name).env("PGCLIENTENCODING", self.encoding)
    }
}

/// What is read and what writes it.
pub(super) struct Pipe<'t> {
    pub(super) read: Tool,
    pub(super) write: Tool,
    /// `%I.%I`, where it is one table's.
    pub(super) table: Option<&'t str>,
    /// Whether both ends tell how many rows it were.
    pub(super) tells: bool,
}

/// How many rows both servers say went through a pipe.
pub(super) struct Told<'t> {
    pub(super) table: &'t str,
    pub(super) read: u64,
    pub(super) written: u64,
}

impl<'t> Told<'t> {
    pub(super) fn of(table: &'t str, read: &Captured, written: &Captured) -> Result<Self> {
        let number = |said: &[u8]| {
            let said = String::from_utf8_lossy(said);
            let number = said.lines().filter_map(|line| line.strip_prefix("COPY ")?.parse().ok()).next_back();
            number.ok_or_else(|| Error::failed(format!("{table}: psql did not say how many rows were copied")))
        };
        Ok(Self { table, read: number(&read.stderr)?, written: number(&written.stdout)? })
    }
}

/// Counts with those of some tables put in.
pub(super) fn with<'t>(counts: Counts, more: impl Iterator<Item = (&'t str, u64)>) -> Counts {
    let mut counts: Vec<_> = counts.into_iter().chain(more.map(|(name, rows)| (name.to_owned(), rows))).collect();
    counts.sort();
    counts
}

/// A table with enough rows for a pipe of its own.
#[derive(Debug, Deserialize)]
pub(super) struct Table {
    /// Quoted throughout, as patterns and statements take it.
    name: String,
    /// As the server quotes it.
    pub(super) plain: String,
    columns: Option<String>,
    /// Bytes.
    pub(super) size: u64,
    /// What builds its indexes and keys: the catalog and the OID of each, as an archive's table of contents has them.
    pub(super) indexes: Vec<String>,
}

impl Table {
    /// What sorts its indexes in runs that stay in a processor's cache, and merges them at once.
    pub(super) fn memory(&self) -> String {
        const MB: u64 = 1024 * 1024;
        format!("-c maintenance_work_mem={}MB", (self.size / 16 / MB).clamp(8, 256))
    }
}
