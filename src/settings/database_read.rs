//! A database as written to a checked one: its kind, its connection, its options.

use std::time::Duration;

use crate::settings::connection::{Connection, kind_of_scheme};
use crate::settings::connection_read;
use crate::settings::database::{Auto, Backup, Database, Embedded, Kind, Lock, Options, Restore};
use crate::settings::paths;
use crate::settings::read::{Checked, Reading};
use crate::settings::source::Trouble;
use crate::settings::tree::{Entry, Node};
use crate::settings::units::Time;
use crate::settings::written;

const POSTGRES_KEYS: [&str; 11] = [
    "host",
    "port",
    "user",
    "password",
    "password_file",
    "password_command",
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "sslcrl",
];

/// A database of a project.
pub(super) fn of_project(reading: &Reading<'_>, entry: &Entry, written: written::Database) -> Checked<Database> {
    if let Some(wrong) = ["embedded", "idle"].iter().find_map(|key| entry.node().get(key)) {
        let what = format!("`{}` belongs to servers under `development`", wrong.key);
        return Err(Trouble::new(wrong.key_span, what));
    }
    let database = read(reading, entry, written)?;
    if let Some(name) = &database.db_name {
        check_db_name(entry, name)?;
    }
    let lacks_name = match &database.connection {
        Connection::Postgres(postgres) => postgres.database.is_none(),
        Connection::Sqlite(_) => false,
    };
    let unknown_url = entry.node().at(&["connection"]).is_some_and(|connection| connection.get("url").is_some())
        && url_is_missing(reading, entry);
    if lacks_name && !has(entry, "db_name") && !unknown_url {
        let what = format!("database `{}` has no `db_name`", entry.key);
        return Err(Trouble::new(entry.key_span, what).help("write `db_name: NAME`, the database's name on the server"));
    }
    Ok(database)
}

/// A server or folder under `development`.
pub(super) fn development(reading: &Reading<'_>, entry: &Entry, written: written::Database) -> Checked<Database> {
    for key in ["db_name", "default"] {
        if let Some(wrong) = entry.node().get(key) {
            let what = format!("`{key}` has no place under `development`");
            return Err(Trouble::new(wrong.key_span, what)
                .help("copies are named on the command line: development.SERVER/NAME"));
        }
    }
    if let (Some(embedded), Some(connection)) = (entry.node().get("embedded"), entry.node().get("connection"))
        && written.embedded == Some(true)
    {
        let what = "an embedded server has no `connection`: shed starts it";
        return Err(Trouble::new(connection.key_span, what).also(embedded.key_span, "embedded here"));
    }
    refuse_of_embedded(entry, &written)?;
    read(reading, entry, written)
}

/// shed starts an embedded server, and stops that one alone.
fn refuse_of_embedded(entry: &Entry, written: &written::Database) -> Checked<()> {
    if let Some(embedded) = entry.node().get("embedded").filter(|_| written.embedded == Some(true)) {
        if written.kind == Some(Kind::Sqlite) {
            return Err(Trouble::new(embedded.key_span, "`embedded` belongs to type postgres"));
        }
        if let Some(url) = entry.node().get("migration_url") {
            let what = "an embedded server has no `migration_url`: there is one way to it";
            return Err(Trouble::new(url.key_span, what).also(embedded.key_span, "embedded here"));
        }
    }
    match entry.node().get("idle") {
        Some(idle) if written.embedded != Some(true) => {
            Err(Trouble::new(idle.key_span, "`idle` belongs to a server that shed starts").help("add `embedded: true`"))
        }
        _ => Ok(()),
    }
}

fn read(reading: &Reading<'_>, entry: &Entry, mut written: written::Database) -> Checked<Database> {
    let kind = kind(entry, &written)?;
    refuse_other_kind(entry, kind)?;
    let connection = connection_read::connection(reading, entry, kind, &mut written)?;
    let migration_url = connection_read::migration_url(reading, entry, written.migration_url.take())?;
    let of_url = match &connection {
        Connection::Sqlite(sqlite) => sqlite.driver.clone(),
        Connection::Postgres(postgres) => postgres.driver.clone(),
    };
    Ok(Database {
        name: entry.key.to_string(),
        kind,
        db_name: written.db_name.take(),
        default: written.default.unwrap_or_default(),
        protected: written.protected.unwrap_or_default(),
        embedded: embedded(&written),
        connection,
        migration_url,
        pg_bin: written.pg_bin.take().map(|path| paths::absolute(&reading.root, &path)),
        driver: written.driver.take().or(of_url),
        options: options(reading, kind, written),
    })
}

fn embedded(written: &written::Database) -> Option<Embedded> {
    let idle = written.idle.map_or(Duration::from_secs(600), |Time(idle)| idle);
    written.embedded.filter(|&embedded| embedded).map(|_| Embedded { idle })
}

/// The kind as set, or as the connection's keys tell it. Never from a variable: it must not depend on who runs shed.
fn kind(entry: &Entry, written: &written::Database) -> Checked<Kind> {
    if let Some(kind) = written.kind {
        return Ok(kind);
    }
    let connection = entry.node().at(&["connection"]);
    let has = |key: &str| connection.is_some_and(|connection| connection.get(key).is_some());
    let url = connection.and_then(|connection| connection.at(&["url"])).and_then(Node::scalar);
    let scheme = url.and_then(|url| url.text.split_once("://")).map(|(scheme, _)| scheme);
    if let Some(kind) = scheme.and_then(kind_of_scheme) {
        return Ok(kind);
    }
    if has("db_path") {
        return Ok(Kind::Sqlite);
    }
    if written.embedded == Some(true) || POSTGRES_KEYS.iter().any(|key| has(key)) {
        return Ok(Kind::Postgres);
    }
    let what = match url {
        Some(url) if url.text.contains('$') => "a URL from a variable does not tell the type".to_owned(),
        _ => format!("the type of database `{}` is not told", entry.key),
    };
    Err(Trouble::new(entry.key_span, what).help("write `type: sqlite` or `type: postgres`"))
}

fn refuse_other_kind(entry: &Entry, kind: Kind) -> Checked<()> {
    let connection = entry.node().at(&["connection"]);
    let in_connection = |key: &&str| connection.and_then(|connection| connection.get(key));
    let (wrong, other) = match kind {
        Kind::Sqlite => {
            let own = ["pg_bin", "migration_url"].iter().find_map(|key| entry.node().get(key));
            (POSTGRES_KEYS.iter().find_map(in_connection).or(own), Kind::Postgres)
        }
        Kind::Postgres => (in_connection(&"db_path"), Kind::Sqlite),
    };
    let Some(wrong) = wrong else { return Ok(()) };
    let what = format!("`{}` belongs to type {}, and `{}` is {}", wrong.key, other.as_str(), entry.key, kind.as_str());
    let help = match kind {
        Kind::Sqlite => "type sqlite takes `db_path`, `url` and `options`",
        Kind::Postgres => "type postgres takes `host`, `port`, `user`, `password`, `url` and `options`",
    };
    Err(Trouble::new(wrong.key_span, what).help(help))
}

fn check_db_name(entry: &Entry, name: &str) -> Checked<()> {
    let span = entry.node().get("db_name").map_or(entry.key_span, |name| name.item.span());
    if name.is_empty() {
        return Err(Trouble::new(span, "`db_name` is empty"));
    }
    match name.chars().find(|c| c.is_whitespace() || c.is_control()) {
        Some(_) => Err(Trouble::new(span, format!("`db_name` has a space in it: `{}`", super::parse::cut(name)))
            .help("a database's name has no spaces here")),
        None => Ok(()),
    }
}

pub(super) fn has(entry: &Entry, key: &str) -> bool {
    entry.node().get(key).is_some()
}

pub(super) fn url_is_missing(reading: &Reading<'_>, entry: &Entry) -> bool {
    let url = entry.node().at(&["connection", "url"]).and_then(Node::scalar);
    url.is_some_and(|url| reading.variables.expand(&url.text).is_err())
}

fn options(reading: &Reading<'_>, kind: Kind, written: written::Database) -> Options {
    let time = |time: Option<Time>| time.map(|Time(duration)| duration);
    let auto = written.auto.unwrap_or_default();
    Options {
        version_table: written.version_table,
        version_table_schema: written.version_table_schema,
        schemas: written.schemas.0,
        include_tables: written.include_tables.0,
        exclude_tables: written.exclude_tables.0,
        schema: written.schema,
        schema_translate_map: written.schema_translate_map,
        on_connect: written.on_connect.0,
        transactional: written.transactional.unwrap_or(true),
        lock: Lock { timeout: time(written.lock.and_then(|lock| lock.timeout)).unwrap_or(Duration::from_secs(60)) },
        lock_timeout: time(written.lock_timeout),
        statement_timeout: time(written.statement_timeout),
        retries: written.retries.unwrap_or_default(),
        restore: restore(written.restore, written.backup.as_ref()),
        backup: backup(reading, kind, written.backup.unwrap_or_default()),
        auto: Auto {
            auto_migrate: auto.auto_migrate.unwrap_or_default(),
            create_revision: auto.create_revision.unwrap_or_default(),
        },
        cache: written.cache.unwrap_or(true),
        lint: written.lint,
        policy: written.policy,
        ledger: written.ledger,
        schema_file: paths::absolute(&reading.root, written.schema_file.as_deref().unwrap_or("schema.sql")),
        dump_after_migrate: written.dump_after_migrate.unwrap_or_default(),
    }
}

/// A backup that only the user can decrypt cannot be put back by shed.
fn restore(written: Option<Restore>, backup: Option<&written::Backup>) -> Restore {
    let one_way = backup.is_some_and(|backup| backup.pipe.is_some() && backup.unpipe.is_none());
    if one_way { Restore::Never } else { written.unwrap_or(Restore::Auto) }
}

fn backup(reading: &Reading<'_>, kind: Kind, written: written::Backup) -> Backup {
    Backup {
        before_migrate: written.before_migrate.unwrap_or(kind == Kind::Sqlite),
        keep: written.keep.unwrap_or(5),
        max_bytes: written.max_bytes.map(|size| size.0),
        location: paths::absolute(&reading.root, written.location.as_deref().unwrap_or(".shed/backups")),
        pipe: written.pipe,
        unpipe: written.unpipe,
    }
}
