//! Small copies: what pg_dump writes goes straight to psql, or into the script of a copy in place.

use std::path::Path;
use std::time::Duration;

use crate::engine::Watch;
use crate::engine::postgres::{Server, in_place};
use crate::error::{Error, Result};
use crate::failpoint::reach;
use crate::process::{Captured, Interrupts, Talk, Tool, pipeline};

use super::Copy;
use super::parts::Glance;

const PATIENCE: Duration = Duration::from_secs(90);
/// Version tables, Alembic's and dbmate's, whatever they are called: a copy without its revision is of no use.
const VERSION_TABLES: &str = r#"select coalesce(json_agg('"' || replace(n.nspname, '"', '""') || '"."' || replace(c.relname, '"', '""') || '"'), '[]')
     from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'r'
     and n.nspname not in ('pg_catalog', 'information_schema')
     and (select array_agg(a.attname::text) from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped)
     in (array['version_num'], array['version'])"#;

const ALL_TABLES: &str = "select coalesce(json_agg(format('%I.%I', n.nspname, c.relname)), '[]') \
     from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind in ('r', 'p') \
     and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_' \
     and has_table_privilege(c.oid, 'select')";

impl Copy<'_> {
    /// Everything through one pipe.
    pub(super) fn piped(&self, aside: &Server, dump: Tool, watch: &Watch<'_>) -> Result<()> {
        reach("copy-pipe")?;
        let mut glance = Glance::of(self.source, aside, watch);
        self.through(aside, dump, self.psql(aside), watch.interrupts, &mut || glance.take())
    }

    /// The schema, then the rows of the version tables, both of one moment.
    pub(super) fn schema(&self, aside: &Server, watch: &Watch<'_>) -> Result<()> {
        let (_session, snapshot) = self.snapshot()?;
        let snapshot = format!("--snapshot={snapshot}");
        self.piped(aside, self.dump().args(["--schema-only", &snapshot]), watch)?;
        let tables: Vec<String> = self.source.answer_in(&self.source.name, VERSION_TABLES)?;
        if tables.is_empty() {
            return Ok(());
        }
        let tables = tables.iter().map(|table| format!("--table={table}"));
        self.piped(aside, self.dump().args(["--data-only", &snapshot]).args(tables), watch)
    }

    /// Everything as statements in a script, through an archive: only there large objects take part in one transaction.
    pub(super) fn collected(&self, script: &Path, watch: &Watch<'_>) -> Result<()> {
        let archive = script.with_extension("dump");
        let mut dump = self.dump().args(["-Fc", "-Z0", "--no-sync", "-f"]).arg(&archive);
        if self.copying.schema_only {
            dump = dump.arg("--schema-only");
        }
        self.source.run(dump, watch)?;
        let restore = Tool::new(self.programs.path("pg_restore"))
            .args(self.without_rights())
            .args(["-1", "-f", "-"])
            .arg(&archive);
        in_place::collect(self.source, restore, script, watch)
    }

    /// One pipe; where both ends fail the cause is the one that did not just find the pipe closed.
    pub(super) fn through(
        &self,
        aside: &Server,
        dump: Tool,
        load: Tool,
        interrupts: &Interrupts,
        meanwhile: &mut dyn FnMut(),
    ) -> Result<()> {
        let lines = (dump.command_line(), load.command_line());
        let (wrote, read) = pipeline(dump, load, interrupts, meanwhile)?;
        if !wrote.status.success() && !is_broken_pipe(&wrote) {
            return self.source.judge_by(&lines.0, wrote, interrupts).map(drop);
        }
        aside.judge_by(&lines.1, read, interrupts)?;
        self.source.judge_by(&lines.0, wrote, interrupts).map(drop)
    }

    /// `psql` that reads statements and stops at the first error.
    pub(super) fn psql(&self, aside: &Server) -> Tool {
        let psql = Tool::new(self.programs.path("psql"));
        aside.with_variables(psql.args(["-X", "-w", "-q", "-v", "ON_ERROR_STOP=1", "-o", "/dev/null"]), &aside.name)
    }

    /// A session that keeps a picture of the source for several dumps, and every table as it is.
    pub(super) fn snapshot(&self) -> Result<(Talk, String)> {
        let tables: Vec<String> = self.source.answer_in(&self.source.name, ALL_TABLES)?;
        let mut session = Talk::start(self.source.psql(&self.source.name)?)?;
        session
            .say("set idle_in_transaction_session_timeout = 0; set lock_timeout = '60s'; set statement_timeout = 0;")?;
        session.say("begin isolation level repeatable read, read only;")?;
        for table in tables {
            // Before the picture is taken: a table that is emptied or rewritten later would be empty in it.
            session.say(&format!("lock table only {table} in access share mode;"))?;
        }
        session.say("select pg_export_snapshot();")?;
        match session.hear(PATIENCE)? {
            Some(snapshot) => Ok((session, snapshot)),
            None => Err(Error::database(format!("{} did not answer", self.source.place()))),
        }
    }
}

/// The reader has ended first, and says why.
fn is_broken_pipe(wrote: &Captured) -> bool {
    let said = String::from_utf8_lossy(&wrote.stderr);
    said.is_empty() || said.contains("Broken pipe") || said.contains("could not write")
}
