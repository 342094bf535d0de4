//! One moment of a source, kept for several programs, and what is asked of it meanwhile.

use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;

use crate::engine::Counts;
use crate::engine::postgres::Server;
use crate::error::{Error, Result};
use crate::process::{Interrupts, Talk};

/// How long a short question may take (a table that somebody changes is waited for).
const PATIENCE: Duration = Duration::from_secs(90);
const TICK: Duration = Duration::from_millis(50);

const ALL_TABLES: &str = "select coalesce(jsonb_agg(format('%I.%I', n.nspname, c.relname)), '[]') \
     from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind in ('r', 'p') \
     and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_' \
     and has_table_privilege(c.oid, 'select')";
const SIZE: &str = "select pg_database_size(current_database())";

/// A session that keeps a snapshot of the source, and every table as it is.
pub struct Picture {
    /// Its name, for `SET TRANSACTION SNAPSHOT`.
    pub(super) snapshot: String,
    /// Bytes that the source takes on disk.
    pub(super) size: u64,
    session: Talk,
    /// The source in words.
    place: String,
}

impl Picture {
    pub(super) fn of(source: &Server, interrupts: &Interrupts) -> Result<Self> {
        let (session, place) = (Talk::start(source.psql(&source.name)?)?, source.place());
        let mut picture = Self { snapshot: String::new(), size: 0, session, place };
        picture.size = picture.ask(SIZE, interrupts)?;
        let tables: Vec<String> = picture.ask(ALL_TABLES, interrupts)?;
        picture.say("begin isolation level repeatable read, read only")?;
        picture.say("set local idle_in_transaction_session_timeout = 0")?;
        picture.say("set local lock_timeout = '60s'; set local statement_timeout = 0")?;
        for table in tables {
            // Before the picture is taken: a table that is emptied or rewritten later would be empty in it.
            picture.say(&format!("lock table only {table} in access share mode"))?;
        }
        picture.snapshot = picture.ask("select to_json(pg_export_snapshot())", interrupts)?;
        Ok(picture)
    }

    /// The answer, one JSON value, as it was at the moment of the picture.
    pub(super) fn ask<T: DeserializeOwned>(&mut self, query: &str, interrupts: &Interrupts) -> Result<T> {
        self.say(query)?;
        let line = self.hear(Some(Instant::now() + PATIENCE), interrupts)?;
        self.read(&line)
    }

    /// The answer to the counting that was begun; it may take long, and nobody needs the picture any more.
    pub(super) fn counted(mut self, interrupts: &Interrupts) -> Result<Counts> {
        let line = self.hear(None, interrupts)?;
        self.read(&line)
    }

    fn hear(&mut self, until: Option<Instant>, interrupts: &Interrupts) -> Result<String> {
        loop {
            if let Some(signal) = interrupts.seen() {
                return Err(Error::Interrupted(signal));
            }
            if let Some(line) = self.session.hear(TICK).map_err(|error| self.lost(&error))? {
                return Ok(line);
            }
            if until.is_some_and(|until| Instant::now() > until) {
                return Err(Error::database(format!("{} did not answer within {} s", self.place, PATIENCE.as_secs())));
            }
        }
    }

    /// Begins a statement; nobody waits for its answer.
    pub(super) fn say(&mut self, statement: &str) -> Result<()> {
        self.session.say(&format!("{statement};")).map_err(|error| self.lost(&error))
    }

    fn read<T: DeserializeOwned>(&self, line: &str) -> Result<T> {
        serde_json::from_str(line)
            .map_err(|error| Error::database(format!("{}: the answer cannot be read: {error}", self.place)))
    }

    fn lost(&self, error: &Error) -> Error {
        let said = error.words().and_then(|words| words.detail.clone()).unwrap_or_default();
        if said.contains("lock timeout") {
            return Error::database(format!("{}: a table stays locked by others", self.place))
                .detail(said)
                .help("try again when nobody changes the tables; nothing was changed");
        }
        Error::database(format!("{}: the session that keeps its snapshot has ended", self.place)).detail(said)
    }
}
