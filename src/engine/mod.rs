//! Databases that can be reached: one enum, one match per verb.

pub mod backups;
pub mod embedded;
pub mod journal;
pub mod ledger;
mod lock;
mod postgres;
pub mod programs;
mod recovery;
mod replace;
mod sqlite;
pub mod standing;
mod verbs;
mod work;

use std::net::ToSocketAddrs;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use serde::Serialize;

use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::process::{self, Tool};
use crate::secret::Secret;
use crate::settings::{Connection, Database, Password};

pub use lock::{Holder, Lock, LockWish};
pub use postgres::{Server, Template};
pub use replace::{Begun, Copying, Counted, Counts, Fill, Making, Replaced, Replacement};
pub use sqlite::File;
pub use verbs::{Archive, Content, Creation, Dumping, Ready, Session, Sink};
pub use work::{News, Watch};

/// A database with everything that reaching it takes, its password read.
#[derive(Clone)]
pub enum Engine {
    Sqlite(File),
    Postgres(Box<Server>),
}

/// What is the same database, under whatever name it goes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Identity {
    /// In memory: never the same as another.
    Memory,
    /// A file that is there.
    Inode {
        device: u64,
        inode: u64,
    },
    /// A file that is not there yet.
    Path(PathBuf),
    Server {
        host: String,
        port: u16,
        name: String,
    },
}

impl Identity {
    /// Two names of a host that lead to one address.
    pub fn is_same_address(&self, other: &Self) -> bool {
        let (Self::Server { host, port, name }, Self::Server { host: host2, port: port2, name: name2 }) = (self, other)
        else {
            return false;
        };
        let is_local = |host: &str| host == "localhost" || host.starts_with('/');
        if (port, name) != (port2, name2) || is_local(host) || is_local(host2) {
            return false;
        }
        let addresses =
            |host: &str| (host, *port).to_socket_addrs().map(Iterator::collect::<Vec<_>>).unwrap_or_default();
        let ours = addresses(host);
        addresses(host2).iter().any(|address| ours.contains(address))
    }

    /// Whether both may be one server of this machine, by a socket and by an address; only the server can tell.
    pub fn may_be(&self, other: &Self) -> bool {
        let (Self::Server { host, port, name }, Self::Server { host: host2, port: port2, name: name2 }) = (self, other)
        else {
            return false;
        };
        let is_local = |host: &str| host == "localhost" || host.starts_with('/') || host.starts_with("127.");
        (port, name) == (port2, name2) && is_local(host) && is_local(host2)
    }
}

/// The connection as SQLAlchemy's `URL.create` takes it: parts, never a URL.
#[derive(Serialize)]
#[serde(tag = "dialect", rename_all = "lowercase")]
pub enum Parts<'a> {
    Sqlite {
        path: String,
        query: &'a IndexMap<String, String>,
        driver: Option<&'a str>,
    },
    Postgresql {
        driver: Option<&'a str>,
        host: Option<&'a str>,
        port: Option<u16>,
        user: Option<&'a str>,
        password: Option<&'a str>,
        database: &'a str,
        query: &'a IndexMap<String, String>,
    },
}

impl Engine {
    /// Reads the password from where the settings say; `direct` takes `migration_url` where there is one.
    pub fn of(database: &Database, root: &Path, environment: &Environment) -> Result<Self> {
        let connection = database.migration_url.as_ref().unwrap_or(&database.connection);
        match connection {
            Connection::Sqlite(connection) => Ok(Self::Sqlite(File::of(connection, database.driver.as_deref()))),
            Connection::Postgres(connection) => {
                let password = connection.password.as_ref().map(|from| read_password(from, root)).transpose()?;
                Ok(Self::Postgres(Box::new(Server::of(database, connection, password, environment)?)))
            }
        }
    }

    /// What database this is, without reading its password; `None` where the settings do not tell.
    pub fn identity_of(database: &Database, environment: &Environment) -> Option<Identity> {
        let identity = match database.migration_url.as_ref().unwrap_or(&database.connection) {
            Connection::Sqlite(connection) => File::of(connection, None).identity(),
            Connection::Postgres(connection) => {
                let name = postgres::name_of(database, connection)?;
                let (host, port) =
                    postgres::address(connection.host.as_deref(), connection.port, &connection.options, environment);
                postgres::identity(host, port, name)
            }
        };
        (identity != Identity::Memory).then_some(identity)
    }

    /// What database this is by each of its connections: a pooler's and the direct one are one database.
    pub fn identities_of(database: &Database, environment: &Environment) -> Vec<Identity> {
        let direct = database.migration_url.is_some().then(|| Database { migration_url: None, ..database.clone() });
        [Some(database), direct.as_ref()]
            .into_iter()
            .flatten()
            .filter_map(|one| Self::identity_of(one, environment))
            .collect()
    }

    /// Where a database is, without reading its password.
    pub fn place_of(database: &Database, environment: &Environment) -> Option<String> {
        match &database.connection {
            Connection::Sqlite(connection) => Some(File::of(connection, None).place()),
            Connection::Postgres(connection) => {
                let name = postgres::name_of(database, connection)?;
                let (host, port) =
                    postgres::address(connection.host.as_deref(), connection.port, &connection.options, environment);
                Some(postgres::place(host, port, name))
            }
        }
    }

    /// The connection for the worker.
    pub fn parts(&self) -> Parts<'_> {
        match self {
            Self::Sqlite(file) => file.parts(),
            Self::Postgres(server) => server.parts(),
        }
    }

    pub fn secret(&self) -> Option<&Secret> {
        match self {
            Self::Sqlite(_) => None,
            Self::Postgres(server) => server.password.as_ref(),
        }
    }

    pub fn identity(&self) -> Identity {
        match self {
            Self::Sqlite(file) => file.identity(),
            Self::Postgres(server) => server.identity(),
        }
    }

    /// A SQLite file that is not there; a server is not asked.
    pub fn is_missing_file(&self) -> bool {
        matches!(self, Self::Sqlite(file) if file.is_missing())
    }

    /// Asks whether the database is there.
    pub fn exists(&self) -> Result<bool> {
        match self {
            Self::Sqlite(file) => Ok(!file.is_missing()),
            Self::Postgres(server) => server.exists(),
        }
    }

    /// Makes an empty database.
    pub fn create(&self) -> Result<()> {
        self.create_as(&Creation::default())
    }

    /// Makes an empty database with these properties.
    pub fn create_as(&self, creation: &Creation) -> Result<()> {
        self.accepts(creation)?;
        match self {
            Self::Sqlite(file) => file.create(),
            Self::Postgres(server) => server.create(creation),
        }
    }

    /// An error where a database of this kind cannot have these properties: SQLite has none of them.
    pub fn accepts(&self, creation: &Creation) -> Result<()> {
        if matches!(self, Self::Postgres(_)) || !creation.says_anything() {
            return Ok(());
        }
        Err(Error::usage(format!("{}: --owner, --encoding and --template are PostgreSQL's", self.place()))
            .help("leave them out: a SQLite database is a file"))
    }

    /// Makes what a migration needs before it can connect: the folder of a SQLite file.
    pub fn make_room(&self) -> Result<()> {
        match self {
            Self::Sqlite(file) => file.make_folder(),
            Self::Postgres(_) => Ok(()),
        }
    }

    /// The version of the server, and its cluster's own name, where they may be asked.
    pub fn version(&self) -> (Option<String>, Option<String>) {
        match self {
            Self::Sqlite(_) => (Some(rusqlite::version().to_owned()), None),
            Self::Postgres(server) => server.about(),
        }
    }

    /// The place in words, without secrets: `sqlite /data/x.db`, `postgres db.internal:5432/billing`.
    pub fn place(&self) -> String {
        match self {
            Self::Sqlite(file) => file.place(),
            Self::Postgres(server) => server.place(),
        }
    }
}

fn read_password(from: &Password, root: &Path) -> Result<Secret> {
    match from {
        Password::Plain(secret) => Ok(secret.clone()),
        Password::File(path) => match std::fs::read_to_string(path) {
            Ok(text) => Ok(Secret::new(text.trim_end_matches(['\r', '\n']))),
            Err(error) => Err(Error::environment(format!("could not read password_file {}: {error}", path.display()))),
        },
        Password::Command(command) => ask_command(command, root),
    }
}

/// Runs `password_command` with the terminal, so that it may ask for a passphrase.
fn ask_command(command: &str, root: &Path) -> Result<Secret> {
    let captured = Tool::new("/bin/sh").args(["-c", command]).dir(root).keeps_terminal().capture()?;
    if !captured.status.success() {
        let said = String::from_utf8_lossy(&captured.stderr).trim().to_owned();
        let code = process::code(captured.status);
        return Err(Error::environment(format!("password_command `{command}` ended with code {code}")).detail(said));
    }
    let text = String::from_utf8_lossy(&captured.stdout);
    Ok(Secret::new(text.trim_end_matches(['\r', '\n'])))
}
