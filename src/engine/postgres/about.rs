//! What a server says of itself.

use super::Server;

impl Server {
    /// Its version; `None` where it does not answer.
    pub fn version(&self) -> Option<String> {
        self.ask("show server_version").ok().map(|answer| answer.trim().to_owned())
    }

    /// Its version, and its cluster's own name; each is `None` where it may not be asked.
    pub fn about(&self) -> (Option<String>, Option<String>) {
        let ask = |statement: &str| self.ask(statement).ok().map(|answer| answer.trim().to_owned());
        (ask("show server_version"), ask("select system_identifier from pg_control_system()"))
    }
}
