//! PostgreSQL's own formats for dumps, written by `pg_dump` and read by `pg_restore`.

use std::path::Path;

use crate::engine::{Archive, Content, Dumping, Watch};
use crate::error::Result;

use super::Server;
use super::dump::rights;

impl Server {
    /// Writes the database into a file, or into a folder that is not there yet.
    pub fn dump_archive(&self, format: Archive, dumping: &Dumping<'_>, to: &Path, watch: &Watch<'_>) -> Result<()> {
        let form = match format {
            Archive::Custom => "--format=custom",
            Archive::Directory => "--format=directory",
        };
        let mut tool = self.pg_dump()?.args(rights(dumping)).arg(form).arg("--file").arg(to);
        if dumping.content == Content::Schema {
            tool = tool.args(self.without_rows(dumping)?);
        }
        self.run(tool, watch).map(drop)
    }

    /// Fills this empty database, all or nothing.
    pub fn load_archive(&self, path: &Path, watch: &Watch<'_>) -> Result<()> {
        let tool = self.connected(&self.newest_programs()?, "pg_restore");
        let tool = tool.args(["--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction"]);
        let tool = tool.arg("--dbname").arg(&self.name).arg(path);
        self.run(tool, watch).map(drop)
    }

    /// A schema whose version tables keep their rows: the rows of every other table and sequence are left out by name.
    fn without_rows(&self, dumping: &Dumping<'_>) -> Result<Vec<String>> {
        let mut kept = Vec::new();
        for (schema, table) in dumping.version_tables {
            kept.extend(self.qualified(schema.as_deref(), table)?);
        }
        if kept.is_empty() {
            return Ok(vec!["--schema-only".into()]);
        }
        // Quoted throughout, so that nothing in a name is a pattern.
        let query = "select quote_ident(n.nspname) || '.' || quote_ident(c.relname), \
                     format('\"%s\".\"%s\"', replace(n.nspname, '\"', '\"\"'), replace(c.relname, '\"', '\"\"')) \
                     from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind in ('r', 'p', 'S', 'm', 'f') \
                     and n.nspname !~ '^pg_' and n.nspname <> 'information_schema' order by 1";
        let rows = self.ask_in(&self.name, query)?;
        let others = rows
            .lines()
            .filter_map(|row| row.split_once('|'))
            .filter(|(name, _)| !kept.iter().any(|kept| kept == name));
        let excluded = others.map(|(_, pattern)| format!("--exclude-table-data={pattern}"));
        Ok(excluded.chain(["--no-blobs".to_owned()]).collect())
    }
}
