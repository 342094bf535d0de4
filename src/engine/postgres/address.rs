//! Which server and database a connection leads to.

use std::path::Path;

use indexmap::IndexMap;

use crate::engine::Identity;
use crate::environment::Environment;
use crate::settings::{Database, Postgres};

const DEFAULT_PORT: u16 = 5432;

/// Host and port as libpq finds them: those of the settings, else, unless a service says them, those of the environment.
pub fn address<'a>(
    host: Option<&'a str>,
    port: Option<u16>,
    options: &IndexMap<String, String>,
    environment: &'a Environment,
) -> (Option<&'a str>, Option<u16>) {
    if options.contains_key("service") || environment.text("PGSERVICE").is_some() {
        return (host, port);
    }
    let port_there = || environment.text("PGPORT").and_then(|port| port.parse().ok());
    (host.or_else(|| environment.text("PGHOST")), port.or_else(port_there))
}

/// What database this is: the same server under its names for this machine is one.
pub fn identity(host: Option<&str>, port: Option<u16>, name: &str) -> Identity {
    let host = host.unwrap_or_default();
    let local = ["", "localhost", "127.0.0.1", "::1"].contains(&host);
    let host = match host {
        _ if local => "localhost".to_owned(),
        // The folder of a socket, by whatever links it is named.
        folder if folder.starts_with('/') => match Path::new(folder).canonicalize() {
            Ok(folder) => folder.to_string_lossy().into_owned(),
            Err(_) => folder.to_owned(),
        },
        name => name.to_lowercase(),
    };
    Identity::Server { host, port: port.unwrap_or(DEFAULT_PORT), name: name.to_owned() }
}

/// The place in words.
pub fn place(host: Option<&str>, port: Option<u16>, name: &str) -> String {
    format!("postgres {}:{}/{name}", host.unwrap_or("localhost"), port.unwrap_or(DEFAULT_PORT))
}

/// The name of the database on its server.
pub fn name_of<'a>(database: &'a Database, connection: &'a Postgres) -> Option<&'a str> {
    database.db_name.as_deref().or(connection.database.as_deref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_the_settings_leave_open_is_the_environment_s() {
        let environment = Environment::of(&[("PGHOST", "db.internal"), ("PGPORT", "5499")], Path::new("/"));
        let none = IndexMap::new();
        assert_eq!(address(None, None, &none, &environment), (Some("db.internal"), Some(5499)));
        assert_eq!(address(Some("here"), Some(1), &none, &environment), (Some("here"), Some(1)));
        let service = IndexMap::from([("service".to_owned(), "prod".to_owned())]);
        assert_eq!(address(None, None, &service, &environment), (None, None));
    }
}
