//! Where an env.py without shed takes its URL from; no secret is written.

use std::path::Path;

use crate::settings::{Connection, Postgres, SqlitePath};

use super::super::scope::Chosen;
use super::{Written, from};

/// The variable of the URL, and the URL where that is not set.
pub struct Place {
    pub variable: String,
    pub default: Option<String>,
}

/// `${NAME}` stays that variable; others get a name, and a default that holds no password.
pub fn place(chosen: &Chosen<'_>, written: &Written, dir: &Path) -> Place {
    let connection = written.database.get("connection");
    let url = connection.and_then(|connection| connection.get("url")).and_then(|url| url.as_str()).unwrap_or_default();
    let named = url.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    let named = named.map(|name| name.split_once(":-").map_or(name, |(name, _)| name)).filter(|name| is_name(name));
    let database = chosen.database.as_ref();
    let own = || {
        let words = format!("{}_{}_URL", chosen.project.name, database.map_or("", |database| &database.name));
        words.to_uppercase().replace('-', "_")
    };
    let varies = connection.and_then(|connection| connection.as_mapping()).is_some_and(|connection| {
        let parts = connection.iter().filter(|(key, _)| !key.as_str().is_some_and(|key| key.starts_with("password")));
        parts.into_iter().any(|(_, value)| serde_yaml::to_string(value).unwrap_or_default().contains("${"))
    });
    let default =
        database.filter(|_| !varies).map(|database| default(&database.connection, database.driver.as_deref(), dir));
    Place { variable: named.map_or_else(own, str::to_owned), default }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn default(connection: &Connection, driver: Option<&str>, dir: &Path) -> String {
    let driver = driver.map(|driver| format!("+{driver}")).unwrap_or_default();
    match connection {
        Connection::Sqlite(sqlite) => match &sqlite.path {
            SqlitePath::Memory => format!("sqlite{driver}://"),
            SqlitePath::File(file) => format!("sqlite{driver}:///{}", from(dir, file)),
        },
        Connection::Postgres(postgres) => postgres_url(postgres, &driver),
    }
}

fn postgres_url(postgres: &Postgres, driver: &str) -> String {
    let is_folder = postgres.host.as_deref().is_some_and(|host| host.starts_with(['/', '@']));
    let user = postgres.user.as_deref().map(|user| format!("{}@", encoded(user))).unwrap_or_default();
    let host = postgres.host.as_deref().filter(|_| !is_folder).unwrap_or_default();
    let port = postgres.port.filter(|_| !is_folder).map(|port| format!(":{port}")).unwrap_or_default();
    let name = encoded(postgres.database.as_deref().unwrap_or_default());
    let mut query: Vec<(String, String)> = Vec::new();
    if is_folder {
        query.extend(postgres.host.clone().map(|host| ("host".to_owned(), host)));
        query.extend(postgres.port.map(|port| ("port".to_owned(), port.to_string())));
    }
    query.extend(postgres.options.clone());
    let query: Vec<String> = query.iter().map(|(key, value)| format!("{key}={}", encoded(value))).collect();
    let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
    format!("postgresql{driver}://{user}{host}{port}/{name}{query}")
}

fn encoded(text: &str) -> String {
    let sign = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(sign).collect()
}
