//! The version tables of many databases of one server, by one `psql` that goes from database to database.

use std::fmt::Write as _;

use serde::Deserialize;

use crate::engine::Engine;
use crate::engine::ledger::{Digests, TABLE};
use crate::engine::standing::{Asked, Rows};
use crate::error::{Error, Result};
use crate::process::{Captured, Interrupts};

use super::answers::{PATIENCE, reason};
use super::{Server, identifier, literal};

/// What libpq says, in its own words, where the server as a whole is out of reach.
const NO_SERVER: [&str; 7] = [
    "Connection refused",
    "timeout expired",
    "No such file or directory",
    "could not translate host name",
    "No route to host",
    "Network is unreachable",
    "Connection timed out",
];
/// The cluster's identifier, which not everybody may ask for.
const SYSTEM: &str = "case when has_function_privilege('pg_control_system()', 'execute') \
     then (select system_identifier::text from pg_control_system()) else '' end";

#[derive(Deserialize)]
struct Answer {
    heads: Option<Vec<String>>,
    system: String,
    digests: Option<Digests>,
}

impl Server {
    /// Whether both are databases of one server, reached in the same way.
    pub fn shares_way_with(&self, other: &Self) -> bool {
        let secret = |server: &Self| server.password.as_ref().map(|secret| secret.expose().to_owned());
        (&self.host, self.port, &self.user, &self.options, &self.pg_bin)
            == (&other.host, other.port, &other.user, &other.options, &other.pg_bin)
            && secret(self) == secret(other)
    }

    /// Reads databases that share this one's way, in order. psql stops at the first fault, which is the next one's;
    /// the others are asked by another.
    pub fn rows_of(&self, asked: &[Asked<'_>], interrupts: &Interrupts) -> Vec<Result<Rows>> {
        let mut answers: Vec<Result<Rows>> = Vec::new();
        while let Some(rest) = asked.get(answers.len()..).filter(|rest| !rest.is_empty()) {
            let (found, fault) = match self.round(rest, interrupts) {
                Ok(round) => round,
                Err(error) => (Vec::new(), Some(Fault::Everywhere(error))),
            };
            answers.extend(found.into_iter().map(Ok));
            match fault {
                Some(Fault::Here(error)) => answers.push(Err(error)),
                Some(Fault::Everywhere(error)) => answers.resize(asked.len(), Err(error)),
                None => {}
            }
        }
        answers
    }

    /// As many answers as one psql gives, and why it gives no more.
    fn round(&self, asked: &[Asked<'_>], interrupts: &Interrupts) -> Result<(Vec<Rows>, Option<Fault>)> {
        let servers: Vec<&Self> = asked.iter().filter_map(|one| one.server()).collect();
        let Some(first) = servers.first() else { return Ok((Vec::new(), None)) };
        let script: String = asked.iter().enumerate().map(|(at, one)| questions(one, at > 0)).collect();
        // libpq's own words are compared below.
        let mut psql = first.psql(&first.name)?.env("LC_ALL", "C");
        if !first.options.contains_key("connect_timeout") {
            psql = psql.env("PGCONNECT_TIMEOUT", PATIENCE);
        }
        let before = asked.first().map(|one| one.on_connect).unwrap_or_default();
        let before = before.iter().flat_map(|statement| ["-c".to_owned(), statement.clone()]);
        let captured = psql.args(before).args(["-f", "-"]).input(script).watched(interrupts, &mut || {})?;
        if let Some(signal) = interrupts.seen() {
            return Err(Error::Interrupted(signal));
        }
        let found = answers(&captured, asked.len());
        let fault = servers.get(found.len()).map(|server| server.fault(&captured));
        Ok((found, fault))
    }

    /// Why psql had no answer for this database.
    fn fault(&self, captured: &Captured) -> Fault {
        let said = String::from_utf8_lossy(&captured.stderr).trim().to_owned();
        let reason = reason(&said);
        let reason = reason.split_once("ERROR:").map_or(reason.as_str(), |(_, reason)| reason.trim());
        let error = Error::database(format!("{} cannot be read: {reason}", self.place()));
        let is_missing = said.contains("database \"") && said.contains("does not exist");
        let error = match said.as_str() {
            _ if is_missing => error.help("`shed create` makes it"),
            said if said.contains("password") => error.help("check the user and the password of the connection"),
            _ => error,
        };
        if NO_SERVER.iter().any(|words| said.contains(words)) {
            return Fault::Everywhere(error.help("is the server running, and are host and port right?"));
        }
        Fault::Here(error)
    }
}

/// What keeps an answer back.
enum Fault {
    /// Of this database.
    Here(Error),
    /// Of the server: the others would wait for nothing.
    Everywhere(Error),
}

impl<'a> Asked<'a> {
    fn server(&self) -> Option<&'a Server> {
        match self.engine {
            Engine::Postgres(server) => Some(server),
            Engine::Sqlite(_) => None,
        }
    }
}

/// A line of JSON for each database, read in a transaction that cannot write.
fn questions(asked: &Asked<'_>, connects: bool) -> String {
    let schema = asked.schema.map(|schema| format!("{}.", identifier(schema))).unwrap_or_default();
    let ledger = format!("{schema}{TABLE}");
    let table = schema + &identifier(asked.table);
    let system = if asked.wants_name { SYSTEM } else { "''" };
    let mut script = String::new();
    if let (true, Some(server)) = (connects, asked.server()) {
        let _ = writeln!(
            script,
            "\\connect -reuse-previous=off {}",
            psql_word(&format!("dbname={}", quoted(&server.name)))
        );
    }
    let heads = format!("select coalesce(json_agg(version::text), '[]') from {table} as t(version)");
    let digests = if asked.wants_ledger { digests(&ledger, asked.table) } else { "\\set digests null\n".to_owned() };
    let _ = writeln!(
        script,
        "begin transaction read only;\n\
         set local statement_timeout = '{PATIENCE}s';\n\
         select to_regclass({}) is not null as there, {system} as system \\gset\n\
         {digests}\\if :there\n\
         select json_build_object('heads', ({heads}), 'system', :'system', 'digests', :'digests'::json);\n\
         \\else\n\
         select json_build_object('heads', null, 'system', :'system');\n\
         \\endif\n\
         commit;",
        literal(&table)
    );
    script
}

/// Puts into a variable what the ledger says of each revision whose last step applied it.
fn digests(ledger: &str, version_table: &str) -> String {
    let (there, version_table) = (literal(ledger), literal(version_table));
    let last = format!("select max(id) from {ledger} where version_table = {version_table} group by revision");
    format!(
        "\\set digests null\n\
         select to_regclass({there}) is not null as kept \\gset\n\
         \\if :kept\n\
         select coalesce(json_object_agg(revision, file_sha256), '{{}}') as digests from {ledger} \
         where id in ({last}) and direction = 'upgrade' and file_sha256 is not null \\gset\n\
         \\endif\n"
    )
}

fn answers(captured: &Captured, most: usize) -> Vec<Rows> {
    let text = String::from_utf8_lossy(&captured.stdout);
    // What `on_connect` printed is no answer.
    let read = |line: &str| serde_json::from_str::<Answer>(line).ok();
    let rows = text.lines().filter_map(read).map(|Answer { heads, system, digests }| Rows {
        heads: heads.map(|mut heads| {
            heads.sort();
            heads
        }),
        system: Some(system).filter(|system| !system.is_empty()),
        digests: digests.unwrap_or_default(),
    });
    rows.take(most).collect()
}

/// A value of a connection string.
fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// An argument of `\connect`, which ends with its line and is stripped of double quotes as a name is.
fn psql_word(word: &str) -> String {
    let word = word.replace('\\', "\\\\").replace('\'', "''").replace('\n', "\\n").replace('"', "\"\"\"\"");
    format!("'{word}'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_of_a_database_is_quoted_twice_over() {
        let word = psql_word(&format!("dbname={}", quoted("it's \\ \n\"")));
        assert_eq!(word, r#"'dbname=''it\\''s \\\\ \n""""'''"#);
    }
}
