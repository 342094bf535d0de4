//! Where a server is asked about its databases, and where they are made, renamed and dropped.
//!
//! Never in template1 where another will do: as long as anybody is connected to it, nobody can create a database.

use std::sync::atomic::Ordering;

use serde::de::DeserializeOwned;

use crate::error::{Error, Result};

use super::Server;
use super::facts::Facts;

/// The database that is there for this.
pub(super) const MAINTENANCE: &str = "postgres";
/// The other one that every server has.
const OTHER: &str = "template1";
/// No other database would take the same connection.
const EVERYWHERE: [&str; 2] = ["authentication failed", "no password supplied"];

impl Server {
    /// Asks a question, or what may be said in any database: a role may be shut out of the maintenance database.
    pub(in crate::engine) fn ask(&self, statement: &str) -> Result<String> {
        self.ask_one_of(&[MAINTENANCE, &self.name, OTHER], statement)
    }

    /// The answer of one query, which is one JSON value.
    pub(super) fn answer<T: DeserializeOwned>(&self, query: &str) -> Result<T> {
        self.read_answer(&self.ask(query)?)
    }

    /// Makes, renames, closes or drops a database: nowhere in this one.
    pub(super) fn administer(&self, statement: &str) -> Result<String> {
        let places = if self.is_maintenance() { [OTHER].as_slice() } else { &[MAINTENANCE, OTHER] };
        self.ask_one_of(places, statement)
    }

    /// The maintenance database has refused us: from now on it is left alone, and nothing is built aside.
    pub(super) fn shut_out(&self) {
        self.is_shut_out.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_maintenance(&self) -> bool {
        self.name == MAINTENANCE
    }

    /// Why no other database can take this one's place; `None` where one can.
    pub(super) fn why_in_place(&self, facts: &Facts) -> Option<&'static str> {
        if !facts.createdb {
            return Some("the role may not create databases");
        }
        if self.is_maintenance() {
            return Some("others reach the server through this database");
        }
        self.is_shut_out.load(Ordering::Relaxed).then_some("the role may not connect to the database postgres")
    }

    /// In the first of these databases that takes us in.
    fn ask_one_of(&self, places: &[&str], statement: &str) -> Result<String> {
        let mut refusal = None;
        for (at, place) in places.iter().enumerate() {
            let refuses = *place == MAINTENANCE && self.is_shut_out.load(Ordering::Relaxed);
            if refuses || places[..at].contains(place) {
                continue;
            }
            match self.ask_in(place, statement) {
                // The refusal of its own database tells most.
                Err(error) if is_refusal(&error) => {
                    if refusal.is_none() || *place == self.name {
                        refusal = Some(error);
                    }
                }
                answered => {
                    if refusal.is_some() {
                        self.shut_out();
                    }
                    return answered;
                }
            }
        }
        let refusal = refusal.unwrap_or_else(|| Error::database(format!("{}: no database takes us in", self.place())));
        Err(refusal.help(format!("tried in {}: one of them must let the role in", places.join(", "))))
    }
}

/// Whether the server was reached and does not let us into that one database. psql's own name stands before the words of a
/// connection that failed, and two spaces behind the server's severity, in whatever language.
pub(super) fn is_refusal(error: &Error) -> bool {
    let said = error.words().and_then(|words| words.detail.as_deref()).unwrap_or_default();
    said.starts_with("psql: ") && said.contains(":  ") && !EVERYWHERE.iter().any(|words| said.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_the_server_s_word_about_one_database() {
        let is = |said: &str| is_refusal(&Error::database("psql could not run `select 1`").detail(said));
        let psql = "psql: error: connection to server on socket \"/run/postgresql/.s.PGSQL.5432\" failed: ";
        for said in [
            "FATAL:  permission denied for database \"postgres\"\nDETAIL:  User does not have CONNECT privilege.",
            "FATAL:  no pg_hba.conf entry for host \"10.0.0.1\", user \"app\", database \"postgres\", no encryption",
            "FATAL:  database \"postgres\" does not exist",
        ] {
            assert!(is(&format!("{psql}{said}")), "{said}");
        }
        assert!(is(
            "psql: Fehler: Verbindung zum Server auf Socket »…« fehlgeschlagen: FATAL:  keine Berechtigung für Datenbank »postgres«"
        ));
        assert!(is("psql: FATAL:  permission denied for database \"postgres\""), "psql before 14");
        for said in [
            format!("{psql}No such file or directory\n\tIs the server running locally?"),
            format!("{psql}FATAL:  password authentication failed for user \"app\""),
            "ERROR:  permission denied for table invoice".into(),
            "psql:<stdin>:1: ERROR:  canceling statement due to lock timeout".into(),
        ] {
            assert!(!is(&said), "{said}");
        }
    }
}
