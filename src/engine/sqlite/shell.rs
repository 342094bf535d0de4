//! SQLite's own program on a database.

use crate::error::{Error, Result};
use crate::process::Tool;

use super::File;

impl File {
    pub fn shell(&self, statement: Option<&str>) -> Result<Tool> {
        let path = self.path()?;
        if !path.exists() {
            return Err(Error::database(format!("{} is not there", path.display()))
                .help("`shed migrate` or `shed create` makes it"));
        }
        let found = Tool::new("/bin/sh").args(["-c", "command -v sqlite3"]).capture()?;
        if !found.status.success() {
            return Err(Error::environment("the program sqlite3 is not installed")
                .help("install the package `sqlite3` (Alpine, Homebrew: `sqlite`)"));
        }
        let program = String::from_utf8_lossy(&found.stdout).trim().to_owned();
        // Nobody's ~/.sqliterc.
        let tool = Tool::new(program).args(["-init", "/dev/null"]).keeps_terminal();
        Ok(match statement {
            None => tool.arg(path),
            // A comment first would be taken for an option.
            Some(statement) => tool.args(["-batch", "-bail"]).arg(path).arg(format!(" {statement}")),
        })
    }
}
