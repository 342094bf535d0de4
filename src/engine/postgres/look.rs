//! Questions to a PostgreSQL database that change nothing.

use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::engine::Counts;
use crate::engine::verbs::Session;
use crate::error::Result;

use super::{Server, identifier, literal};

/// Schemas of the system itself.
const FOREIGN: &str = "n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast') and n.nspname !~ '^pg_(temp|toast_temp)_' \
     and not exists (select from pg_depend e where e.objid = c.oid and e.classid = 'pg_class'::regclass and e.deptype = 'e')";

/// How long our own sessions may take to be gone from the server's list.
const PATIENCE: Duration = Duration::from_secs(2);
const TICK: Duration = Duration::from_millis(100);

#[derive(Deserialize)]
struct Row {
    pid: i64,
    application: String,
    user: String,
    seconds: u64,
}

impl Server {
    /// The sessions of others; the one that holds shed's lock does not count.
    pub fn sessions(&self) -> Result<Vec<Session>> {
        let rows: Vec<Row> = self.answer(&format!(
            "select coalesce(json_agg(json_build_object('pid', a.pid, 'application', coalesce(a.application_name, ''), \
             'user', coalesce(a.usename, ''), 'seconds', coalesce(greatest(extract(epoch from now() - a.backend_start), 0), 0)::int) \
             order by a.pid), '[]') from pg_stat_activity a where a.datname = {} and a.pid <> pg_backend_pid() \
             and coalesce(a.backend_type, '') not in ('autovacuum worker', 'parallel worker') \
             and not exists (select from pg_locks l where l.pid = a.pid and l.locktype = 'advisory' and l.granted \
             and l.classid = {}::oid)",
            literal(&self.name),
            super::lock::CLASS
        ))?;
        let session = |Row { pid, application, user, seconds }| Session { pid, application, user, seconds };
        Ok(rows.into_iter().map(session).collect())
    }

    /// Those of them that count and that stay: our own programs that have just ended are in the list for a moment.
    pub fn lasting_sessions(&self, counts: &dyn Fn(&Session) -> bool) -> Result<Vec<Session>> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut sessions = self.sessions()?;
            sessions.retain(counts);
            if sessions.is_empty() || Instant::now() > deadline {
                return Ok(sessions);
            }
            thread::sleep(TICK);
        }
    }

    /// Whether nobody at all is connected.
    pub fn is_quiet(&self) -> Result<bool> {
        let name = literal(&self.name);
        let others = "coalesce(backend_type, '') not in ('autovacuum worker', 'parallel worker')";
        self.answer(&format!(
            "select to_json(count(*) = 0) from pg_stat_activity where datname = {name} and pid <> pg_backend_pid() and {others}"
        ))
    }

    pub fn size(&self) -> Result<u64> {
        self.answer(&format!("select pg_database_size({})", literal(&self.name)))
    }

    pub fn is_empty(&self) -> Result<bool> {
        let query = format!(
            "select to_json(not exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace \
             where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and {FOREIGN}))"
        );
        match self.answer_in(&self.name, &query) {
            Err(_) if !self.exists()? => Ok(true),
            answer => answer,
        }
    }

    pub fn heads(&self, schema: Option<&str>, table: &str) -> Result<Option<Vec<String>>> {
        if !self.exists()? {
            return Ok(None);
        }
        let name = schema.map(|schema| format!("{}.", identifier(schema))).unwrap_or_default() + &identifier(table);
        let there = format!("select to_json(to_regclass({}) is not null)", literal(&name));
        if !self.answer_in::<bool>(&self.name, &there)? {
            return Ok(None);
        }
        // Alembic's table has one column, and so has dbmate's; only their names differ.
        let heads = format!("select coalesce(json_agg(version order by version), '[]') from {name} as t(version)");
        self.answer_in(&self.name, &heads).map(Some)
    }

    /// Exact counts, all of one moment.
    pub fn row_counts(&self) -> Result<Counts> {
        self.answer_in(&self.name, &row_counts(&[]))
    }
}

/// What counts the rows of every table but these (`%I.%I`), as one line of JSON.
pub(super) fn row_counts(except: &[&str]) -> String {
    const COUNTED: &str = "(xpath('/row/n/text()', query_to_xml(format('select count(*) as n from only %I.%I', n.nspname, c.relname), \
         false, true, '')))[1]::text::bigint";
    by_table(COUNTED, except)
}

/// The same tables without a look at their rows.
pub(super) fn uncounted() -> String {
    by_table("0", &[])
}

fn by_table(number: &str, except: &[&str]) -> String {
    let except: Vec<String> = except.iter().map(|name| literal(name)).collect();
    format!(
        "select coalesce(jsonb_agg(jsonb_build_array(t.name, t.number) order by t.name), '[]') \
         from (select format('%I.%I', n.nspname, c.relname) collate \"C\" as name, {number} as number \
         from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'r' and {FOREIGN} \
         and format('%I.%I', n.nspname, c.relname) <> all (array[{}]::text[])) t",
        except.join(", ")
    )
}
