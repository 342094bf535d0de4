//! The settings file as it is written: the types that serde reads and that the JSON Schema is made from.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::settings::alembic_keys::Alembic;
use crate::settings::database::{Kind, Restore};
use crate::settings::project::Format;
use crate::settings::units::{OneOrMany, Size, Time, Word};
use crate::settings::versions::Written as Versions;

/// The settings of shed: projects, their databases, and places for copies.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "shed settings")]
pub(super) struct File {
    /// Folder that relative paths hang on (the folder of this file).
    pub root: Option<String>,
    /// Keys of every project, merged under its own, key by key.
    pub defaults: Project,
    /// Servers and folders where copies may live.
    pub development: Development,
    /// The projects by name.
    pub projects: IndexMap<String, Box<Project>>,
}

/// Servers and folders where copies may live.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Development {
    /// The servers by name; no `db_name`: it is asked for.
    pub db: IndexMap<String, Box<Database>>,
}

/// Adds the keys that may stand in a project, in `defaults`, and in a database, which wins.
macro_rules! with_shared_keys {
    ($(#[$about:meta])* pub(super) struct $name:ident { $($own:tt)* }) => {
        $(#[$about])*
        pub(super) struct $name {
            $($own)*
            /// Name of Alembic's version table (`alembic_version`).
            pub version_table: Option<String>,
            /// Schema of the version table; created when missing.
            pub version_table_schema: Option<String>,
            /// Schemas that autogenerate and `check` look at.
            pub schemas: OneOrMany<String>,
            /// Only tables that match one of these globs.
            pub include_tables: OneOrMany<String>,
            /// No tables that match one of these globs.
            pub exclude_tables: OneOrMany<String>,
            /// The `search_path` to set.
            pub schema: Option<String>,
            /// SQLAlchemy's translation of schema names; an empty key stands for no schema.
            pub schema_translate_map: IndexMap<String, Option<String>>,
            /// SQL to run at connect; it is committed.
            pub on_connect: OneOrMany<String>,
            /// SQLite: migrations run in one transaction (true).
            pub transactional: Option<bool>,
            /// The lock that migrating takes.
            pub lock: Option<Lock>,
            /// How long a statement may wait for a lock of the database.
            pub lock_timeout: Option<Time>,
            /// How long a statement may run.
            pub statement_timeout: Option<Time>,
            /// How often to try again after a lock timeout (0).
            pub retries: Option<u32>,
            /// Backups before migrating.
            pub backup: Option<Backup>,
            /// What happens when a migration fails that the engine cannot roll back.
            pub restore: Option<Restore>,
            /// What `shed auto` may do.
            pub auto: Option<Auto>,
            /// Whether results that depend on files alone are kept (true).
            pub cache: Option<bool>,
            /// Rules of `shed lint`.
            pub lint: Option<Value>,
            /// Rules that `guard` and `migrate` hold to.
            pub policy: Option<Value>,
            /// Whether each applied step is recorded in the database.
            pub ledger: Option<bool>,
            /// The schema as SQL, kept in git (`schema.sql`).
            pub schema_file: Option<String>,
            /// Write the schema file after migrating (false).
            pub dump_after_migrate: Option<bool>,
        }
    };
}

/// The keys that `with_shared_keys` adds: what stands in a project is merged under each of its databases.
pub(super) const SHARED: [&str; 22] = [
    "version_table",
    "version_table_schema",
    "schemas",
    "include_tables",
    "exclude_tables",
    "schema",
    "schema_translate_map",
    "on_connect",
    "transactional",
    "lock",
    "lock_timeout",
    "statement_timeout",
    "retries",
    "backup",
    "restore",
    "auto",
    "cache",
    "lint",
    "policy",
    "ledger",
    "schema_file",
    "dump_after_migrate",
];

with_shared_keys! {
/// One project: its models, its Python, its revisions, its databases.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Project {
    /// The models: a file, a package folder, a dotted name, or a list of them.
    pub module: OneOrMany<String>,
    /// Where the MetaData is, for example `Base.metadata` (found by itself).
    pub metadata: OneOrMany<String>,
    /// A callable to run first, as `module:function`.
    pub setup: Option<String>,
    /// Only tables that these modules define.
    pub owned_modules: OneOrMany<String>,
    /// Import every module of the package (false).
    pub auto_discovery: Option<bool>,
    /// The interpreter, a venv folder, or `uv`, `poetry`, `pixi` (found by itself).
    pub python: Option<String>,
    /// Folders to add to `sys.path`.
    pub pythonpath: OneOrMany<String>,
    /// Variables of the run; `{url}` is its database URL.
    pub env: IndexMap<String, Word>,
    /// Working directory (the folder of this file).
    pub cwd: Option<String>,
    /// Whether revisions are Python or SQL (python).
    pub format: Option<Format>,
    /// Folder of the revisions, a list, one per dialect, or `package:folder`.
    pub versions: Option<Versions>,
    /// Look for revisions in folders below too (false).
    pub recursive: Option<bool>,
    /// An own `script.py.mako`.
    pub script_template: Option<String>,
    /// Import lines for new revisions.
    pub script_imports: OneOrMany<String>,
    /// Every key of Alembic's ini by its name.
    pub alembic: Alembic,
    /// Keywords of `context.configure`.
    pub configure: serde_json::Map<String, Value>,
    /// A Python module with `include_object`, `process_revision_directives` and the like.
    pub hooks: Option<String>,
    /// The project's own `env.py`.
    pub env_py: Option<String>,
    /// The databases by name.
    pub db: IndexMap<String, Box<Database>>,
}
}

with_shared_keys! {
/// One database.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Database {
    /// The engine; told by the connection's keys where it is left out.
    #[serde(rename = "type")]
    pub kind: Option<Kind>,
    /// The one that is meant by the project's name alone.
    pub default: Option<bool>,
    /// Writing needs its full name typed.
    pub protected: Option<bool>,
    /// Name of the database, without spaces.
    pub db_name: Option<String>,
    /// How to reach it.
    pub connection: Connection,
    /// A direct connection beside a pooler.
    pub migration_url: Option<String>,
    /// SQLAlchemy driver (found by itself).
    pub driver: Option<String>,
    /// Folder of PostgreSQL's programs.
    pub pg_bin: Option<String>,
    /// A private server that shed starts; under `development` only.
    pub embedded: Option<bool>,
    /// With `embedded`: stop the server when nobody was connected for so long (10m).
    pub idle: Option<Time>,
}
}

/// How to reach a database.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Connection {
    /// SQLite: the file, or `:memory:`; under `development` a folder.
    pub db_path: Option<String>,
    /// A whole URL instead of the parts.
    pub url: Option<String>,
    /// Host name, or the folder of the socket.
    pub host: Option<String>,
    /// Port (5432).
    pub port: Option<u16>,
    /// User name.
    pub user: Option<String>,
    /// The password; better a variable, `password_file` or `password_command`.
    pub password: Option<Word>,
    /// A file whose first line is the password.
    pub password_file: Option<String>,
    /// A command that prints the password.
    pub password_command: Option<String>,
    /// How TLS is used.
    pub sslmode: Option<SslMode>,
    /// Certificate authorities of the server.
    pub sslrootcert: Option<String>,
    /// Own certificate.
    pub sslcert: Option<String>,
    /// Key of the own certificate.
    pub sslkey: Option<String>,
    /// Revoked certificates.
    pub sslcrl: Option<String>,
    /// Other parameters of the connection.
    pub options: IndexMap<String, Word>,
}

/// libpq's `sslmode`.
#[derive(Debug, Clone, Copy, Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum SslMode {
    Disable,
    Allow,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

/// The lock that migrating takes.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Lock {
    /// How long to wait for it (60s).
    pub timeout: Option<Time>,
}

/// Backups before migrating.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Backup {
    /// Take one before migrating (SQLite: true; PostgreSQL: false).
    pub before_migrate: Option<bool>,
    /// How many to keep (5).
    pub keep: Option<u32>,
    /// How much room they may take.
    pub max_bytes: Option<Size>,
    /// Where they are (`.shed/backups`).
    pub location: Option<String>,
    /// A command that the backup is piped through, for example to encrypt it.
    pub pipe: Option<String>,
    /// The command that undoes `pipe`.
    pub unpipe: Option<String>,
}

/// What `shed auto` may do.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Auto {
    /// Migrate (false).
    pub auto_migrate: Option<bool>,
    /// Write a revision first (false).
    pub create_revision: Option<bool>,
}
