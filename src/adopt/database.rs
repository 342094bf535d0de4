//! A URL of an alembic.ini or an env.py as an entry under `db`; no password is written.

use std::path::Path;

use serde_yaml::{Mapping, Value as Yaml};

use crate::settings::{Connection, Kind, Password, Postgres, SqlitePath, relative};

use super::value::{Piece, Value};

/// What a URL is read for.
pub struct Around<'a> {
    /// Relative files begin here.
    pub base: &'a Path,
    /// The settings' root.
    pub root: &'a Path,
    /// The beginning of variables that shed has to name: `BILLING`.
    pub prefix: String,
    /// What a variable is set to: in the environment, or in an `.env` that shed reads.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    /// What it is set to in an `.env` that shed does not read, and which that is.
    pub elsewhere: &'a dyn Fn(&str) -> Option<(String, String)>,
    /// The engine, where only the drivers that are imported tell it.
    pub likely: Kind,
}

/// An entry, and what has to be said of it.
#[derive(Debug, Default)]
pub struct Entry {
    pub keys: Mapping,
    pub remarks: Vec<String>,
}

/// The entry of a database.
pub fn entry(url: Option<&Value>, around: &Around<'_>) -> Entry {
    match url {
        Some(Value::Text(pieces)) => of_text(pieces, around),
        Some(Value::Unknown(code)) => {
            let named = variable(around, "DATABASE_URL");
            placeholder(around, format!("the URL is computed ({code}): set {named} to it"))
        }
        _ => placeholder(around, format!("no URL was found: set {}", variable(around, "DATABASE_URL"))),
    }
}

fn of_text(pieces: &[Piece], around: &Around<'_>) -> Entry {
    if let Some(url) = Value::Text(pieces.to_vec()).plain() {
        return of_plain(&url, around);
    }
    if let [Piece::Variable { name, default }] = pieces {
        return of_variable(name, default.as_deref(), around);
    }
    let written = Value::Text(pieces.to_vec()).written().unwrap_or_default();
    let kind = kind_of(&written);
    let mut entry = Entry::default();
    let Some(kind) = kind.or_else(|| written.contains("://").then_some(around.likely)) else {
        return placeholder(
            around,
            format!("the URL is put together from parts: set {}", variable(around, "DATABASE_URL")),
        );
    };
    entry.keys.insert("type".into(), kind.as_str().into());
    let (url, secret) = without_password(&written, &variable(around, "PASSWORD"));
    if secret {
        entry.remarks.push(password_remark(around, "env.py"));
    }
    connection(&mut entry.keys, "url", url);
    entry
}

/// `${NAME}`, with what stands in for it where it is not set.
fn of_variable(name: &str, default: Option<&[Piece]>, around: &Around<'_>) -> Entry {
    let default = default.and_then(|pieces| Value::Text(pieces.to_vec()).plain()).filter(|url| !is_example(url));
    let value = (around.variable)(name);
    if value.is_none()
        && let Some((value, file)) = (around.elsewhere)(name)
    {
        let mut entry = of_plain(&value, around);
        entry.remarks.push(format!("from {name} in {file}, which shed does not read"));
        return entry;
    }
    let kind = value.as_deref().and_then(kind_of).or(default.as_deref().and_then(kind_of));
    let mut entry = Entry::default();
    if kind.is_none() {
        entry.remarks.push(format!("{name} is not set: `type` is a guess"));
    }
    entry.keys.insert("type".into(), kind.unwrap_or(around.likely).as_str().into());
    let default = default.map(|url| rebased(&url, around));
    let url = match default {
        Some(url) if has_password(&url) => {
            entry
                .remarks
                .push(format!("the URL that env.py has without {name} holds a password, and is not written here"));
            format!("${{{name}}}")
        }
        Some(url) if !url.contains(['$', '}']) => format!("${{{name}:-{url}}}"),
        _ => format!("${{{name}}}"),
    };
    connection(&mut entry.keys, "url", url);
    entry
}

fn of_plain(url: &str, around: &Around<'_>) -> Entry {
    // What the ini leaves to whoever reads it.
    let named = url.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    let named = named.or_else(|| url.strip_prefix("%(").and_then(|rest| rest.strip_suffix(")s")));
    if let Some(name) = named.filter(|name| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')) {
        return of_variable(name, None, around);
    }
    if is_example(url) {
        return placeholder(around, format!("the URL is Alembic's example: set {}", variable(around, "DATABASE_URL")));
    }
    match Connection::from_url(url, around.base) {
        Ok(Connection::Sqlite(sqlite)) => {
            let mut entry = Entry::default();
            entry.keys.insert("type".into(), "sqlite".into());
            if let Some(driver) = sqlite.driver.filter(|driver| driver != "pysqlite") {
                entry.keys.insert("driver".into(), driver.into());
            }
            let path = match &sqlite.path {
                SqlitePath::Memory => ":memory:".to_owned(),
                SqlitePath::File(file) => relative(file, around.root),
            };
            let mut parts = Mapping::from_iter([("db_path".into(), plain(&path))]);
            options(&mut parts, &sqlite.options);
            entry.keys.insert("connection".into(), Yaml::Mapping(parts));
            entry
        }
        Ok(Connection::Postgres(postgres)) => of_postgres(&postgres, around),
        Err(why) => {
            let named = variable(around, "DATABASE_URL");
            placeholder(around, format!("the URL cannot be used ({why}): set {named} to another"))
        }
    }
}

fn of_postgres(postgres: &Postgres, around: &Around<'_>) -> Entry {
    let mut entry = Entry::default();
    entry.keys.insert("type".into(), "postgres".into());
    let name = postgres.database.as_ref().or(postgres.user.as_ref());
    entry.keys.insert("db_name".into(), plain(name.map_or("postgres", String::as_str)));
    if let Some(driver) = &postgres.driver {
        entry.keys.insert("driver".into(), driver.as_str().into());
    }
    let mut parts = Mapping::new();
    if let Some(host) = &postgres.host {
        parts.insert("host".into(), plain(host));
    }
    if let Some(port) = postgres.port {
        parts.insert("port".into(), port.into());
    }
    if let Some(user) = &postgres.user {
        parts.insert("user".into(), plain(user));
    }
    if let Some(Password::Plain(_)) = &postgres.password {
        parts.insert("password".into(), format!("${{{}}}", variable(around, "PASSWORD")).into());
        entry.remarks.push(password_remark(around, "the URL"));
    }
    let mut others = postgres.options.clone();
    if let Some(schema) = others.shift_remove("search_path") {
        entry.keys.insert("schema".into(), plain(&schema));
    }
    options(&mut parts, &others);
    entry.keys.insert("connection".into(), Yaml::Mapping(parts));
    entry
}

fn placeholder(around: &Around<'_>, remark: String) -> Entry {
    let mut entry = Entry { remarks: vec![remark], ..Entry::default() };
    entry.keys.insert("type".into(), around.likely.as_str().into());
    connection(&mut entry.keys, "url", format!("${{{}}}", variable(around, "DATABASE_URL")));
    entry
}

fn connection(keys: &mut Mapping, key: &str, value: String) {
    keys.insert("connection".into(), Yaml::Mapping(Mapping::from_iter([(key.into(), value.into())])));
}

fn options(parts: &mut Mapping, options: &indexmap::IndexMap<String, String>) {
    if !options.is_empty() {
        let pairs = options.iter().map(|(key, value)| (key.as_str().into(), plain(value)));
        parts.insert("options".into(), Yaml::Mapping(pairs.collect()));
    }
}

/// In the settings a `$` starts a variable.
fn plain(text: &str) -> Yaml {
    text.replace('$', "$$").into()
}

fn variable(around: &Around<'_>, what: &str) -> String {
    format!("{}_{what}", around.prefix)
}

fn password_remark(around: &Around<'_>, place: &str) -> String {
    format!("{place} holds a password, which is not written here: set {}", variable(around, "PASSWORD"))
}

fn is_example(url: &str) -> bool {
    url.starts_with("driver://") || url.contains("user:pass@localhost/dbname")
}

fn kind_of(url: &str) -> Option<Kind> {
    let scheme = url.split("://").next().filter(|scheme| scheme.len() < url.len())?;
    match scheme.split('+').next() {
        Some("sqlite") => Some(Kind::Sqlite),
        Some("postgres" | "postgresql") => Some(Kind::Postgres),
        _ => None,
    }
}

/// A relative file, as the settings' root sees it.
fn rebased(url: &str, around: &Around<'_>) -> String {
    match (Connection::from_url(url, around.base), url.split_once("://")) {
        (Ok(Connection::Sqlite(sqlite)), Some((scheme, _))) => match &sqlite.path {
            SqlitePath::File(file) => format!("{scheme}:///{}", relative(file, around.root)),
            SqlitePath::Memory => url.to_owned(),
        },
        _ => url.to_owned(),
    }
}

/// Where the password of a URL stands.
fn password_of(url: &str) -> Option<std::ops::Range<usize>> {
    let from = url.find("://")? + 3;
    let end = url[from..].find('/').map_or(url.len(), |at| from + at);
    let at = from + url[from..end].rfind('@')?;
    // `${NAME:-x}` has a colon of its own.
    let mut depth = 0;
    for (place, c) in url[from..at].char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ':' if depth == 0 => return Some(from + place + 1..at),
            _ => {}
        }
    }
    None
}

fn has_password(url: &str) -> bool {
    password_of(url).is_some_and(|place| !url[place].is_empty())
}

/// A password that is no variable gives way to one.
fn without_password(url: &str, variable: &str) -> (String, bool) {
    match password_of(url) {
        Some(place) if !url[place.clone()].starts_with("${") && !place.is_empty() => {
            (format!("{}${{{variable}}}{}", &url[..place.start], &url[place.end..]), true)
        }
        _ => (url.to_owned(), false),
    }
}

#[cfg(test)]
#[path = "database_tests.rs"]
mod tests;
