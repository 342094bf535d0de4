//! What a server says of itself.

use super::{MAINTENANCE, Server};

impl Server {
    /// Its version, and its cluster's own name; each is `None` where it may not be asked.
    pub fn about(&self) -> (Option<String>, Option<String>) {
        let ask = |statement: &str| self.ask_in(MAINTENANCE, statement).ok().map(|answer| answer.trim().to_owned());
        (ask("show server_version"), ask("select system_identifier from pg_control_system()"))
    }
}
