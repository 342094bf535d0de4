//! The private servers for copies, as commands use them.

use std::sync::PoisonError;

use crate::engine::embedded::{self, Cluster, Said, Wanted};
use crate::environment::Environment;
use crate::error::Result;
use crate::output::Output;
use crate::settings::{Connection, Database, Embedded, Settings};

use super::Scope;

impl Scope<'_> {
    /// Starts the private server that a database lies on, of this major version at least, and leads the way to it.
    pub fn start_own(
        &self,
        server: &Database,
        embedded: Embedded,
        at_least: Option<u32>,
        database: &mut Database,
    ) -> Result<()> {
        let wanted = Wanted { at_least, ..wanted(self.settings, server, embedded) };
        let cluster = started(&wanted, self.environment, self.out)?;
        database.connection = Connection::Postgres(cluster.connection.clone());
        database.pg_bin = Some(cluster.bin.clone());
        self.common.own_servers.lock().unwrap_or_else(PoisonError::into_inner).push(cluster);
        Ok(())
    }
}

/// The server, running; what was done for that is said.
pub fn started(wanted: &Wanted<'_>, environment: &Environment, out: &Output) -> Result<Cluster> {
    let cluster = embedded::ensure(wanted, environment)?;
    for said in &cluster.said {
        match said {
            Said::Note(text) => out.note(text),
            Said::Warning(text) => out.warn(text),
        }
    }
    Ok(cluster)
}

/// What the settings say of a private server.
pub fn wanted<'s>(settings: &'s Settings, server: &'s Database, embedded: Embedded) -> Wanted<'s> {
    Wanted {
        name: &server.name,
        at_least: None,
        pg_bin: server.pg_bin.as_deref(),
        idle: embedded.idle,
        beside: Some(settings.folder()),
    }
}
