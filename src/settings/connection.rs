//! How a database is reached, as parts; a URL is taken apart here and nowhere else.

use std::path::{Path, PathBuf};

use indexmap::IndexMap;

use crate::secret::Secret;
use crate::settings::database::Kind;
use crate::settings::paths;

/// How a database is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Connection {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sqlite {
    pub path: SqlitePath,
    pub options: IndexMap<String, String>,
    pub driver: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SqlitePath {
    Memory,
    File(PathBuf),
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Postgres {
    /// Host name, or the folder of the socket.
    pub host: Option<String>,
    pub port: Option<u16>,
    pub user: Option<String>,
    pub password: Option<Password>,
    pub database: Option<String>,
    /// `sslmode` and its like included.
    pub options: IndexMap<String, String>,
    pub driver: Option<String>,
}

/// Where the password comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Password {
    Plain(Secret),
    /// The first line of this file.
    File(PathBuf),
    /// What this command prints.
    Command(String),
}

type Reason = String;

impl SqlitePath {
    pub(super) fn of(text: &str, root: &Path) -> Self {
        if text == ":memory:" { Self::Memory } else { Self::File(paths::absolute(root, text)) }
    }
}

impl Connection {
    pub fn kind(&self) -> Kind {
        match self {
            Self::Sqlite(_) => Kind::Sqlite,
            Self::Postgres(_) => Kind::Postgres,
        }
    }

    /// Takes a URL apart; the error is the reason and holds no password.
    pub fn from_url(url: &str, root: &Path) -> Result<Self, Reason> {
        let Some((scheme, rest)) = url.split_once("://") else {
            return Err("a URL has `://`, as in postgresql://user@host/name or sqlite:///file.db".to_owned());
        };
        let (dialect, driver) = match scheme.split_once('+') {
            Some((dialect, driver)) => (dialect, Some(driver.to_owned())),
            None => (scheme, None),
        };
        match kind_of_scheme(dialect) {
            Some(Kind::Sqlite) => sqlite(rest, driver, root).map(Self::Sqlite),
            Some(Kind::Postgres) => postgres(rest, driver).map(Self::Postgres),
            None => Err(format!(
                "`{}` is not known; shed knows sqlite and postgresql",
                crate::settings::parse::cut(dialect)
            )),
        }
    }
}

/// The engine that a URL's scheme tells, with or without a driver.
pub(super) fn kind_of_scheme(scheme: &str) -> Option<Kind> {
    match scheme.split('+').next().unwrap_or_default() {
        "sqlite" => Some(Kind::Sqlite),
        "postgresql" | "postgres" => Some(Kind::Postgres),
        _ => None,
    }
}

fn sqlite(rest: &str, driver: Option<String>, root: &Path) -> Result<Sqlite, Reason> {
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let path = match path {
        "" | "/" | "/:memory:" => SqlitePath::Memory,
        path => {
            let file = path.strip_prefix('/').ok_or("write sqlite:///relative.db or sqlite:////absolute.db")?;
            if file.starts_with("file:") {
                return Err("SQLite's own `file:` names are not taken; write the path".to_owned());
            }
            SqlitePath::of(file, root)
        }
    };
    Ok(Sqlite { path, options: options(query)?, driver })
}

fn postgres(rest: &str, driver: Option<String>) -> Result<Postgres, Reason> {
    let (before, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, database) = before.split_once('/').unwrap_or((before, ""));
    refuse_unencoded(rest, authority, database)?;
    let (account, place) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (user, password) = match account.split_once(':') {
        Some((user, password)) => (user, Some(password)),
        None => (account, None),
    };
    let (host, port) = host_and_port(place)?;
    let mut found = Postgres {
        host: some(decoded(host)?),
        port,
        user: some(decoded(user)?),
        password: password.map(decoded).transpose()?.map(|password| Password::Plain(Secret::new(password))),
        database: some(decoded(database)?),
        options: options(query)?,
        driver,
    };
    if found.options.contains_key("password") {
        return Err("a password in `?password=` ends up in logs; write it before the `@`, or beside the URL".to_owned());
    }
    take_parts_from_options(&mut found)?;
    Ok(found)
}

fn refuse_unencoded(rest: &str, authority: &str, database: &str) -> Result<(), Reason> {
    let encode = |sign: char, code: &str| Err(format!("percent-encode what is no separator: {sign} is {code}"));
    if authority.matches('@').count() > 1 {
        return encode('@', "%40");
    }
    if database.contains('@') && !authority.contains('@') {
        return encode('/', "%2F");
    }
    if database.contains('@') {
        return encode('@', "%40");
    }
    if rest.contains('#') {
        return encode('#', "%23");
    }
    // A `?` in a password leaves its `@` in what looks like the query.
    let query = rest.split_once('?').map_or("", |(_, query)| query);
    let first = query.split('&').next().unwrap_or_default();
    if !authority.contains('@') && first.contains('@') && !first.split('@').next().unwrap_or_default().contains('=') {
        return encode('?', "%3F");
    }
    Ok(())
}

fn host_and_port(place: &str) -> Result<(&str, Option<u16>), Reason> {
    let (host, port) = match place.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, rest)) => (host, rest.strip_prefix(':')),
        None => match place.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        },
    };
    match port {
        None | Some("") => Ok((host, None)),
        Some(port) => port.parse().map(|port| (host, Some(port))).map_err(|_| "the port is not a number".to_owned()),
    }
}

/// libpq and SQLAlchemy also take host, port, user and name as parameters.
fn take_parts_from_options(found: &mut Postgres) -> Result<(), Reason> {
    if let Some(host) = found.options.shift_remove("host") {
        found.host = some(host);
    }
    if let Some(port) = found.options.shift_remove("port") {
        found.port = Some(port.parse().map_err(|_| "the port is not a number".to_owned())?);
    }
    if let Some(user) = found.options.shift_remove("user") {
        found.user = some(user);
    }
    if let Some(name) = found.options.shift_remove("dbname") {
        found.database = some(name);
    }
    Ok(())
}

fn options(query: &str) -> Result<IndexMap<String, String>, Reason> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decoded(key)?, decoded(&value.replace('+', " "))?))
        })
        .collect()
}

fn decoded(text: &str) -> Result<String, Reason> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let two = tail.get(..2).filter(|two| two.iter().all(u8::is_ascii_hexdigit));
        let byte = two.and_then(|two| std::str::from_utf8(two).ok()).and_then(|two| u8::from_str_radix(two, 16).ok());
        bytes.push(byte.ok_or("percent-encode what is no separator: % is %25")?);
        rest = &tail[2..];
    }
    String::from_utf8(bytes).map_err(|_| "what is percent-encoded is not UTF-8".to_owned())
}

fn some(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

#[cfg(test)]
#[path = "connection_tests.rs"]
mod tests;
