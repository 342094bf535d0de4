//! One database of the settings, with its project's keys merged in.

use std::path::PathBuf;
use std::time::Duration;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::settings::connection::Connection;

/// One database, or under `development` one server or folder.
#[derive(Debug, Clone)]
pub struct Database {
    pub name: String,
    pub kind: Kind,
    pub db_name: Option<String>,
    pub default: bool,
    pub protected: bool,
    /// A private server that shed starts.
    pub embedded: Option<Embedded>,
    pub connection: Connection,
    /// A direct connection beside a pooler.
    pub migration_url: Option<Connection>,
    pub pg_bin: Option<PathBuf>,
    /// SQLAlchemy's driver, as set or as the URL names it.
    pub driver: Option<String>,
    pub options: Options,
}

/// How a private server is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Embedded {
    /// It is stopped when nobody was connected for so long.
    pub idle: Duration,
}

/// The engines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Sqlite,
    Postgres,
}

/// What may stand in a project or in a database.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    pub version_table: Option<String>,
    pub version_table_schema: Option<String>,
    pub schemas: Vec<String>,
    pub include_tables: Vec<String>,
    pub exclude_tables: Vec<String>,
    pub schema: Option<String>,
    /// An empty key stands for no schema.
    pub schema_translate_map: IndexMap<String, Option<String>>,
    pub on_connect: Vec<String>,
    pub transactional: bool,
    pub lock: Lock,
    pub lock_timeout: Option<Duration>,
    pub statement_timeout: Option<Duration>,
    pub retries: u32,
    pub backup: Backup,
    pub restore: Restore,
    pub auto: Auto,
    pub cache: bool,
    pub lint: Option<serde_json::Value>,
    pub policy: Option<serde_json::Value>,
    /// Absent: true for `format: sql`.
    pub ledger: Option<bool>,
    pub schema_file: PathBuf,
    pub dump_after_migrate: bool,
}

/// The lock that migrating takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    pub timeout: Duration,
}

/// Backups before migrating.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    pub before_migrate: bool,
    pub keep: u32,
    pub max_bytes: Option<u64>,
    pub location: PathBuf,
    pub pipe: Option<String>,
    pub unpipe: Option<String>,
}

/// What happens when a migration fails that the engine cannot roll back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Restore {
    Auto,
    Ask,
    Never,
}

/// What `shed auto` may do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Auto {
    pub auto_migrate: bool,
    pub create_revision: bool,
}

impl Kind {
    /// As settings write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}
