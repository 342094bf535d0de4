//! Whether a PostgreSQL server takes connections, and whether waiting for it is of any use.

use crate::engine::{Ready, Watch};
use crate::error::{Error, Result};

use super::Server;

/// How long one attempt may take where the settings do not say: an address may swallow every packet.
pub(super) const PATIENCE: &str = "5";
/// What no waiting changes.
const FINAL: [&str; 7] = [
    "password authentication failed",
    "no password supplied",
    "authentication failed",
    "no pg_hba.conf entry",
    "is not permitted to log in",
    "certificate verify failed",
    "SSL was required",
];

impl Server {
    /// One attempt to connect.
    pub fn answers(&self, watch: &Watch<'_>) -> Result<Ready> {
        // libpq's own words are compared below.
        let mut psql = self.psql(&self.name)?.env("LC_ALL", "C").args(["-c", "select 1"]);
        if !self.options.contains_key("connect_timeout") {
            psql = psql.env("PGCONNECT_TIMEOUT", PATIENCE);
        }
        let captured = psql.watched(watch.interrupts, &mut || {})?;
        if let Some(signal) = watch.interrupts.seen() {
            return Err(Error::Interrupted(signal));
        }
        if captured.status.success() {
            return Ok(Ready::Yes);
        }
        let said = String::from_utf8_lossy(&captured.stderr).trim().to_owned();
        match judged(&said) {
            Some(ready) => Ok(ready),
            None => Err(Error::database(format!("{}: the server is up and refuses the connection", self.place()))
                .detail(said)
                .help("check the user and the password of the connection")),
        }
    }
}

/// What psql's words mean; `None` where no waiting helps.
fn judged(said: &str) -> Option<Ready> {
    let missing = |what: &str| said.contains(&format!("{what} \"")) && said.contains("does not exist");
    if missing("database") {
        return Some(Ready::Yes);
    }
    if missing("role") || FINAL.iter().any(|sign| said.contains(sign)) {
        return None;
    }
    Some(Ready::NotYet(reason(said)))
}

/// The part of libpq's sentence that tells something: one line, of the last address that was tried.
pub(super) fn reason(said: &str) -> String {
    let line = said.lines().rfind(|line| line.contains("failed: ")).or_else(|| said.lines().next()).unwrap_or_default();
    line.rsplit_once("failed: ").map_or(line, |(_, reason)| reason).trim_start_matches("FATAL:").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_libpq_says_is_up_not_yet_or_final() {
        let server = "psql: error: connection to server on socket \"/tmp/.s.PGSQL.5432\" failed: ";
        let judge = |words: &str| judged(&format!("{server}{words}"));
        assert_eq!(judge("FATAL:  database \"x\" does not exist"), Some(Ready::Yes));
        assert_eq!(
            judge("FATAL:  the database system is starting up"),
            Some(Ready::NotYet("the database system is starting up".into()))
        );
        assert_eq!(
            judge(
                "No such file or directory\n\tIs the server running locally and accepting connections on that socket?"
            ),
            Some(Ready::NotYet("No such file or directory".into()))
        );
        assert_eq!(judge("FATAL:  password authentication failed for user \"x\""), None);
        assert_eq!(judge("FATAL:  role \"x\" does not exist"), None);
        assert_eq!(judge("fe_sendauth: no password supplied"), None);
    }
}
