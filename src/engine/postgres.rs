//! PostgreSQL: a database on a server, reached by libpq's programs and by the project's driver.

mod about;
mod address;
mod answers;
mod archive;
mod aside;
mod backup;
mod copy;
mod dump;
mod facts;
mod in_place;
mod ledger;
mod lock;
mod look;
mod maintenance;
mod plain;
mod recover;
mod replace;
mod rows;
mod run;
mod scratch;
mod template;
mod tools;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use indexmap::IndexMap;

use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::process::{self, Tool};
use crate::secret::Secret;
use crate::settings::{Database, Postgres};

use super::{Creation, Identity, Parts};

pub use address::{address, identity, name_of, place};
pub use copy::Begun;
pub use lock::{SessionLock, end_holder, lock_holder};
pub use template::Template;

#[derive(Clone)]
pub struct Server {
    host: Option<String>,
    port: Option<u16>,
    user: Option<String>,
    pub(super) password: Option<Secret>,
    name: String,
    options: IndexMap<String, String>,
    driver: Option<String>,
    pg_bin: Option<PathBuf>,
    environment: Environment,
    /// Whether the maintenance database has refused us.
    is_shut_out: Arc<AtomicBool>,
    /// Statements for it are collected in this file, to be run later in one transaction.
    script: Option<PathBuf>,
}

impl Server {
    pub fn of(
        database: &Database,
        connection: &Postgres,
        password: Option<Secret>,
        environment: &Environment,
    ) -> Result<Self> {
        let Some(name) = name_of(database, connection).map(str::to_owned) else {
            return Err(Error::usage(format!("{}: the database has no `db_name`", database.name)));
        };
        Ok(Self {
            host: connection.host.clone(),
            port: connection.port,
            user: connection.user.clone(),
            password,
            name,
            options: connection.options.clone(),
            driver: database.driver.clone().or_else(|| connection.driver.clone()),
            pg_bin: database.pg_bin.clone(),
            environment: environment.clone(),
            is_shut_out: Arc::default(),
            script: None,
        })
    }

    /// The maintenance database of a server that shed started.
    pub(super) fn own(connection: &Postgres, bin: &Path, environment: &Environment) -> Self {
        Self {
            host: connection.host.clone(),
            port: connection.port,
            user: connection.user.clone(),
            password: None,
            name: maintenance::MAINTENANCE.to_owned(),
            options: IndexMap::new(),
            driver: None,
            pg_bin: Some(bin.to_path_buf()),
            environment: environment.clone(),
            is_shut_out: Arc::default(),
            script: None,
        }
    }

    pub fn parts(&self) -> Parts<'_> {
        Parts::Postgresql {
            driver: self.driver.as_deref(),
            host: self.host.as_deref(),
            port: self.port,
            user: self.user.as_deref(),
            password: self.password.as_ref().map(Secret::expose),
            database: &self.name,
            query: &self.options,
        }
    }

    pub fn identity(&self) -> Identity {
        let (host, port) = address(self.host.as_deref(), self.port, &self.options, &self.environment);
        identity(host, port, &self.name)
    }

    pub fn place(&self) -> String {
        let (host, port) = address(self.host.as_deref(), self.port, &self.options, &self.environment);
        place(host, port, &self.name)
    }

    pub fn exists(&self) -> Result<bool> {
        let query = format!("select 1 from pg_database where datname = {}", literal(&self.name));
        Ok(!self.ask(&query)?.trim().is_empty())
    }

    /// Which databases of these names the server has.
    fn are_there<const N: usize>(&self, names: [&str; N]) -> Result<[bool; N]> {
        let list: Vec<String> = names.iter().map(|name| literal(name)).collect();
        let of_them = format!("from pg_database where datname in ({})", list.join(", "));
        let found: Vec<String> = self.answer(&format!("select coalesce(json_agg(datname), '[]') {of_them}"))?;
        Ok(names.map(|name| found.iter().any(|there| there == name)))
    }

    /// Whether it is there and takes connections: a swap that was broken off may have left it closed.
    fn is_open(&self) -> Result<bool> {
        let query = format!("select 1 from pg_database where datallowconn and datname = {}", literal(&self.name));
        Ok(!self.ask(&query)?.trim().is_empty())
    }

    /// Another database of the same server.
    fn beside(&self, name: impl Into<String>) -> Self {
        Self { name: name.into(), ..self.clone() }
    }

    /// With a name that the server's list of sessions shows.
    fn known_as(mut self, application: String) -> Self {
        self.options.insert("application_name".into(), application);
        self
    }

    pub fn create(&self, creation: &Creation) -> Result<()> {
        self.administer(&create_statement(&self.name, creation)).map(drop)
    }

    /// Runs one statement in a database of the server; the answer's columns are separated by `|`.
    fn ask_in(&self, database: &str, statement: &str) -> Result<String> {
        let captured = self.psql(database)?.args(["-c", statement]).capture()?;
        if captured.status.success() {
            return Ok(String::from_utf8_lossy(&captured.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&captured.stderr).trim().to_owned();
        let statement: String = statement.chars().take(60).collect();
        Err(Error::database(format!("{}: psql could not run `{statement}`", self.place())).detail(said))
    }

    /// `psql`, quiet and bare, for one database of the server.
    fn psql(&self, database: &str) -> Result<Tool> {
        let tool = Tool::new(self.psql_path()?).args(["-X", "-w", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1"]);
        Ok(self.with_variables(tool, database))
    }

    fn psql_path(&self) -> Result<PathBuf> {
        let direct = self.folders_of("psql");
        let direct = std::env::join_paths(direct.iter().filter(|folder| !folder.to_string_lossy().contains(':')));
        process::find("psql", direct.ok().as_deref(), self.environment.working_dir()).ok_or_else(|| {
            Error::environment("psql was not found")
                .help("install PostgreSQL's client programs, or set `pg_bin` to their folder")
        })
    }

    /// libpq's variables: the password is in no argument.
    fn with_variables(&self, tool: Tool, database: &str) -> Tool {
        let mut tool = tool.env_remove("PGSERVICE").env("PGDATABASE", database);
        if let Some(host) = &self.host {
            tool = tool.env("PGHOST", host).env_remove("PGHOSTADDR");
        }
        if let Some(port) = self.port {
            tool = tool.env("PGPORT", port.to_string());
        }
        if let Some(user) = &self.user {
            tool = tool.env("PGUSER", user);
        }
        if let Some(password) = &self.password {
            tool = tool.env("PGPASSWORD", password.expose());
        }
        for (option, value) in &self.options {
            if let Some(variable) = variable_of(option) {
                tool = tool.env(variable, value);
            }
        }
        tool
    }
}

fn create_statement(name: &str, creation: &Creation) -> String {
    let mut statement = format!("create database {}", identifier(name));
    if let Some(owner) = &creation.owner {
        statement += &format!(" owner {}", identifier(owner));
    }
    // The default template has an encoding of its own, and no other one may be chosen with it.
    let template = creation.template.as_deref().or(creation.encoding.is_some().then_some("template0"));
    if let Some(template) = template {
        statement += &format!(" template {}", identifier(template));
    }
    if let Some(encoding) = &creation.encoding {
        statement += &format!(" encoding {}", literal(encoding));
    }
    statement
}

/// libpq's variable for a connection keyword (PostgreSQL manual, "Environment Variables" of libpq).
fn variable_of(keyword: &str) -> Option<&'static str> {
    Some(match keyword {
        "sslmode" => "PGSSLMODE",
        "sslcert" => "PGSSLCERT",
        "sslkey" => "PGSSLKEY",
        "sslrootcert" => "PGSSLROOTCERT",
        "sslcrl" => "PGSSLCRL",
        "application_name" => "PGAPPNAME",
        "connect_timeout" => "PGCONNECT_TIMEOUT",
        "options" => "PGOPTIONS",
        "service" => "PGSERVICE",
        "passfile" => "PGPASSFILE",
        "hostaddr" => "PGHOSTADDR",
        "channel_binding" => "PGCHANNELBINDING",
        "gssencmode" => "PGGSSENCMODE",
        "target_session_attrs" => "PGTARGETSESSIONATTRS",
        _ => return None,
    })
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_made_as_it_is_asked_for() {
        let creation = |owner: &str, encoding: &str, template: &str| {
            let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            create_statement(
                "d\"b",
                &Creation { owner: some(owner), encoding: some(encoding), template: some(template) },
            )
        };
        assert_eq!(creation("", "", ""), "create database \"d\"\"b\"");
        assert_eq!(creation("me", "", "t"), "create database \"d\"\"b\" owner \"me\" template \"t\"");
        assert_eq!(creation("", "UTF8", ""), "create database \"d\"\"b\" template \"template0\" encoding 'UTF8'");
    }

    #[test]
    fn names_are_quoted_for_sql() {
        assert_eq!((literal("it's"), identifier("a\"b")), ("'it''s'".into(), "\"a\"\"b\"".into()));
    }
}
