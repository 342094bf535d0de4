//! Small copies: what pg_dump writes goes straight to psql, or into the script of a copy in place.

use std::path::Path;

use crate::engine::postgres::look::{row_counts, uncounted};
use crate::engine::postgres::{Server, in_place};
use crate::engine::{Counted, Watch};
use crate::error::Result;
use crate::failpoint::reach;
use crate::process::{Captured, Interrupts, Tool, pipeline};

use super::Copy;
use super::glance::Glance;
use super::picture::Picture;

/// Version tables, Alembic's and dbmate's, whatever they are called: a copy without its revision is of no use.
const VERSION_TABLES: &str = r#"select coalesce(jsonb_agg('"' || replace(n.nspname, '"', '""') || '"."' || replace(c.relname, '"', '""') || '"'), '[]')
     from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'r'
     and n.nspname not in ('pg_catalog', 'information_schema')
     and (select array_agg(a.attname::text) from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped)
     in (array['version_num'], array['version'])"#;

impl Copy<'_> {
    /// Through one pipe; the rows are counted meanwhile.
    pub(super) fn in_one(&self, mut picture: Picture, aside: &Server, watch: &Watch<'_>) -> Result<Counted> {
        let snapshot = format!("--snapshot={}", picture.snapshot);
        let dump = || self.dump().arg(&snapshot);
        if self.copying.schema_only {
            let versions: Vec<String> = picture.ask(VERSION_TABLES, watch.interrupts)?;
            self.count(&mut picture, &[])?;
            self.piped(aside, dump().arg("--schema-only"), watch)?;
            if !versions.is_empty() {
                let tables = versions.iter().map(|table| format!("--table={table}"));
                self.piped(aside, dump().arg("--data-only").args(tables), watch)?;
            }
        } else {
            self.count(&mut picture, &[])?;
            self.piped(aside, dump(), watch)?;
        }
        let source = picture.counted(watch.interrupts)?;
        Ok(Counted { source, copy: aside.row_counts()?, of_one_moment: true })
    }

    /// Begins to count the source's rows but those of some tables; where rows are left out, the tables alone count.
    pub(super) fn count(&self, picture: &mut Picture, except: &[&str]) -> Result<()> {
        let query = if self.copying.is_partial() { uncounted() } else { row_counts(except) };
        picture.say(&query)
    }

    fn piped(&self, aside: &Server, dump: Tool, watch: &Watch<'_>) -> Result<()> {
        reach("copy-pipe")?;
        let mut glance = Glance::of(self.source, aside, watch);
        self.through(aside, dump, self.psql(aside), watch.interrupts, &mut || glance.take()).map(drop)
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

    /// One pipe, and what its two ends said; where both fail the cause is the one that did not just find the pipe closed.
    pub(super) fn through(
        &self,
        aside: &Server,
        dump: Tool,
        load: Tool,
        interrupts: &Interrupts,
        meanwhile: &mut dyn FnMut(),
    ) -> Result<(Captured, Captured)> {
        let lines = (dump.command_line(), load.command_line());
        let (wrote, read) = pipeline(dump, load, interrupts, meanwhile)?;
        let judge = |wrote| self.source.judge_by(&lines.0, wrote, interrupts);
        let is_cause = !wrote.status.success() && !is_broken_pipe(&wrote);
        let wrote = if is_cause { judge(wrote)? } else { wrote };
        let read = aside.judge_by(&lines.1, read, interrupts)?;
        Ok((judge(wrote)?, read))
    }

    /// `psql` that reads statements and stops at the first error.
    pub(super) fn psql(&self, aside: &Server) -> Tool {
        let psql = Tool::new(self.programs.path("psql"));
        aside.with_variables(psql.args(["-X", "-w", "-q", "-v", "ON_ERROR_STOP=1", "-o", "/dev/null"]), &aside.name)
    }
}

/// The reader has ended first, and says why.
fn is_broken_pipe(wrote: &Captured) -> bool {
    let said = String::from_utf8_lossy(&wrote.stderr);
    said.is_empty() || said.contains("Broken pipe") || said.contains("could not write")
}
