//! `connection` as written to connection parts.

use indexmap::IndexMap;

use crate::secret::Secret;
use crate::settings::connection::{Connection, Password, Postgres, Sqlite, SqlitePath};
use crate::settings::database::Kind;
use crate::settings::database_read::url_is_missing;
use crate::settings::paths;
use crate::settings::read::{Checked, Reading};
use crate::settings::source::Trouble;
use crate::settings::tree::{Entry, Node};
use crate::settings::units::Word;
use crate::settings::written;

/// The parts that a URL says already.
const PARTS: [&str; 4] = ["db_path", "host", "port", "user"];

pub(super) fn connection(
    reading: &Reading<'_>,
    entry: &Entry,
    kind: Kind,
    database: &mut written::Database,
) -> Checked<Connection> {
    let mut written = std::mem::take(&mut database.connection);
    refuse_url_and_parts(entry)?;
    let from_url = match written.url.take() {
        Some(url) => Some(url_of(reading, entry, "url", kind, &url)?),
        None => None,
    };
    let embedded = database.embedded == Some(true);
    match (kind, from_url) {
        (Kind::Sqlite, Some(Connection::Sqlite(sqlite))) => Ok(Connection::Sqlite(with_options(sqlite, written))),
        (Kind::Postgres, Some(Connection::Postgres(postgres))) => {
            postgres_parts(reading, entry, postgres, written, database.db_name.as_deref()).map(Connection::Postgres)
        }
        (Kind::Sqlite, _) => sqlite(reading, entry, written).map(Connection::Sqlite),
        (Kind::Postgres, _) if embedded => Ok(Connection::Postgres(Postgres::default())),
        (Kind::Postgres, _) => {
            let parts = Postgres::default();
            postgres_parts(reading, entry, parts, written, database.db_name.as_deref()).map(Connection::Postgres)
        }
    }
}

pub(super) fn migration_url(reading: &Reading<'_>, entry: &Entry, url: Option<String>) -> Checked<Option<Connection>> {
    url.map(|url| url_of(reading, entry, "migration_url", Kind::Postgres, &url)).transpose()
}

fn url_of(reading: &Reading<'_>, entry: &Entry, key: &str, kind: Kind, url: &str) -> Checked<Connection> {
    let place = entry.node().at(&["connection"]).and_then(|node| node.get(key)).or_else(|| entry.node().get(key));
    let span = place.map_or(entry.key_span, |place| place.item.span());
    let found = Connection::from_url(url, &reading.root)
        .map_err(|reason| Trouble::new(span, format!("`{key}` is no URL that can be used")).help(reason))?;
    if found.kind() == kind {
        return Ok(found);
    }
    let what = format!("`{key}` is of type {}, and `{}` is {}", found.kind().as_str(), entry.key, kind.as_str());
    Err(Trouble::new(span, what).help("change `type` or the URL"))
}

fn refuse_url_and_parts(entry: &Entry) -> Checked<()> {
    let Some(connection) = entry.node().at(&["connection"]) else {
        return Ok(());
    };
    let passwords: Vec<&Entry> =
        ["password", "password_file", "password_command"].iter().filter_map(|key| connection.get(key)).collect();
    if let [first, second, ..] = passwords.as_slice() {
        let what = format!("`{}` and `{}` both say the password", first.key, second.key);
        return Err(Trouble::new(second.key_span, what).help("keep one of them").also(first.key_span, "first here"));
    }
    let part = PARTS.iter().find_map(|key| connection.get(key));
    match (connection.get("url"), part) {
        (Some(url), Some(part)) => {
            let what = format!("`{}` stands beside a whole `url`", part.key);
            Err(Trouble::new(part.key_span, what).help("write the URL or the parts").also(url.key_span, "the URL"))
        }
        _ => Ok(()),
    }
}

fn words(options: IndexMap<String, Word>) -> impl Iterator<Item = (String, String)> {
    options.into_iter().map(|(key, Word(value))| (key, value))
}

fn with_options(mut sqlite: Sqlite, written: written::Connection) -> Sqlite {
    sqlite.options.extend(words(written.options));
    sqlite
}

fn sqlite(reading: &Reading<'_>, entry: &Entry, written: written::Connection) -> Checked<Sqlite> {
    let connection = entry.node().at(&["connection"]);
    let set = connection.is_some_and(|node| node.get("db_path").is_some()) || url_is_missing(reading, entry);
    let path = written.db_path.as_deref().unwrap_or_default();
    if path.is_empty() && !set {
        let what = format!("database `{}` has no `db_path`", entry.key);
        let help = "write `connection: {db_path: FILE}`, or `\":memory:\"`";
        return Err(Trouble::new(entry.key_span, what).help(help));
    }
    let sqlite = Sqlite { path: SqlitePath::of(path, &reading.root), options: IndexMap::new(), driver: None };
    Ok(with_options(sqlite, written))
}

fn postgres_parts(
    reading: &Reading<'_>,
    entry: &Entry,
    mut parts: Postgres,
    written: written::Connection,
    db_name: Option<&str>,
) -> Checked<Postgres> {
    let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
    parts.host = filled(written.host.clone()).or(parts.host);
    parts.port = written.port.or(parts.port);
    parts.user = filled(written.user.clone()).or(parts.user);
    parts.password = password(reading, entry, parts.password, &written)?;
    if let (Some(name), Some(of_url)) = (db_name, &parts.database)
        && name != of_url
    {
        let span = entry.node().get("db_name").map_or(entry.key_span, |name| name.item.span());
        let what = format!("`db_name` is `{name}`, and the URL says `{of_url}`");
        return Err(Trouble::new(span, what).help("keep one of them"));
    }
    parts.database = db_name.map(str::to_owned).or(parts.database);
    parts.options.extend(tls(reading, &written));
    parts.options.extend(words(written.options));
    if parts.options.contains_key("password") {
        let options = entry.node().at(&["connection", "options"]).and_then(|node| node.get("password"));
        let span = options.map_or(entry.key_span, |key| key.key_span);
        return Err(Trouble::new(span, "`password` has no place among the options").help("write it under `connection`"));
    }
    Ok(parts)
}

fn tls(reading: &Reading<'_>, written: &written::Connection) -> Vec<(String, String)> {
    let mode = written.sslmode.and_then(|mode| serde_json::to_value(mode).ok());
    let mode = mode.and_then(|mode| mode.as_str().map(|mode| ("sslmode".to_owned(), mode.to_owned())));
    let file = |key: &str, path: &Option<String>| {
        let path = path.as_deref()?;
        // libpq's word for the operating system's authorities.
        let path =
            if path == "system" { path.to_owned() } else { paths::absolute(&reading.root, path).display().to_string() };
        Some((key.to_owned(), path))
    };
    let files = [
        file("sslrootcert", &written.sslrootcert),
        file("sslcert", &written.sslcert),
        file("sslkey", &written.sslkey),
        file("sslcrl", &written.sslcrl),
    ];
    mode.into_iter().chain(files.into_iter().flatten()).collect()
}

fn password(
    reading: &Reading<'_>,
    entry: &Entry,
    of_url: Option<Password>,
    written: &written::Connection,
) -> Checked<Option<Password>> {
    let own = match (&written.password, &written.password_file, &written.password_command) {
        (Some(Word(password)), _, _) => Some(Password::Plain(Secret::new(password.as_str()))),
        (None, Some(file), _) => Some(Password::File(paths::absolute(&reading.root, file))),
        (None, None, Some(command)) => Some(Password::Command(command.clone())),
        (None, None, None) => None,
    };
    let key = entry
        .node()
        .at(&["connection"])
        .and_then(Node::map)
        .and_then(|map| map.entries.iter().find(|entry| entry.key.starts_with("password")));
    match (of_url, own, key) {
        (Some(_), Some(_), Some(key)) => {
            let what = format!("`{}` stands beside a URL that holds a password", key.key);
            Err(Trouble::new(key.key_span, what).help("keep one of them"))
        }
        (of_url, own, _) => Ok(own.or(of_url)),
    }
}
