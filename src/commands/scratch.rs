//! A database that lives for one check: in memory or in a file of the run for SQLite, on a development server for PostgreSQL.

use crate::alembic::kept::MadeOf;
use crate::engine::{Engine, Server};
use crate::error::{Error, Result};
use crate::render::Workspace;
use crate::settings::{Connection, Database, Kind, Sqlite, SqlitePath};

use super::offline::Keeping;
use super::scope::{Chosen, Needs, Scope};

/// The database; gone when this is.
pub struct Scratch<'s> {
    pub database: Database,
    /// Whether it was made from one that is kept, at the heads of then.
    pub is_filled: bool,
    scope: &'s Scope<'s>,
    engine: Option<Engine>,
    /// The name of its server below `development`.
    server: String,
    _folder: Option<Workspace>,
}

impl<'s> Scratch<'s> {
    /// One of the same kind as the target's, with the target's keys.
    pub fn of(
        scope: &'s Scope<'_>,
        chosen: &Chosen<'_>,
        database: &Database,
        keeping: Option<&Keeping>,
    ) -> Result<Self> {
        match database.kind {
            Kind::Sqlite => Self::sqlite(scope, chosen, database),
            Kind::Postgres => Self::postgres(scope, chosen, database, keeping),
        }
    }

    /// In memory; an own env.py connects anew for each command, to a file.
    fn sqlite(scope: &'s Scope<'_>, chosen: &Chosen<'_>, database: &Database) -> Result<Self> {
        let folder = chosen.project.env_py.is_some().then(Workspace::new).transpose()?;
        let path = match &folder {
            Some(folder) => SqlitePath::File(folder.path().join("scratch.db")),
            None => SqlitePath::Memory,
        };
        let driver = match &database.connection {
            Connection::Sqlite(own) => own.driver.clone(),
            Connection::Postgres(_) => None,
        };
        let connection = Connection::Sqlite(Sqlite { path, options: Default::default(), driver });
        let database = Database { connection, migration_url: None, protected: false, ..database.clone() };
        Ok(Self { database, is_filled: false, scope, engine: None, server: String::new(), _folder: folder })
    }

    fn postgres(scope: &'s Scope<'_>, chosen: &Chosen<'_>, own: &Database, keeping: Option<&Keeping>) -> Result<Self> {
        let server = server(scope, chosen)?;
        let target = format!("{}_{}", chosen.project.name, own.name);
        let mut database = scope.on_server(chosen, server, &Server::scratch_name(&target), (Needs::Writing, None))?;
        database.driver = database.driver.or_else(|| own.driver.clone());
        let engine = scope.engine(&database)?;
        let Engine::Postgres(at) = &engine else {
            return Err(Error::failed(format!("development.{} is no PostgreSQL server", server.name)));
        };
        at.reap_scratch()?;
        let is_filled = keeping.is_some_and(|keeping| keeping.fill(at, &target));
        if !is_filled {
            at.make_scratch(&target, database.options.schema.as_deref())?;
        }
        let server = server.name.clone();
        Ok(Self { database, is_filled, scope, engine: Some(engine), server, _folder: None })
    }

    /// What it was filled from does not hold.
    pub fn forget(self, keeping: &Keeping) {
        if let Some(Engine::Postgres(at)) = &self.engine {
            keeping.forget(at);
        }
    }

    /// Keeps it for the next run, where it is a server's; otherwise it goes.
    pub fn keep(mut self, keeping: &Keeping, target: &str, made_of: MadeOf) {
        if let Some(Engine::Postgres(at)) = &self.engine
            && keeping.keep(at, &self.server, target, made_of)
        {
            self.engine = None;
        }
    }
}

impl Drop for Scratch<'_> {
    fn drop(&mut self) {
        if let Some(engine) = &self.engine
            && let Err(error) = engine.drop_database(true)
        {
            self.scope.out.warn(&format!("{}: it was not dropped, the next check will: {error}", engine.place()));
        }
    }
}

/// The development server for scratch databases of PostgreSQL: the first of the settings.
pub fn server<'s>(scope: &Scope<'s>, chosen: &Chosen<'_>) -> Result<&'s Database> {
    let mut servers = scope.settings.development().values().filter(|server| server.kind == Kind::Postgres);
    servers.next().ok_or_else(|| {
        Error::usage(format!(
            "{}: a check without the live database needs a PostgreSQL server for copies, and the settings have none",
            chosen.name
        ))
        .help("add a private one: development: { db: { own: { type: postgres, embedded: true } } }")
    })
}
