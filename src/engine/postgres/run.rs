//! Statements from files, the terminal, and the end of a database.

use std::path::Path;

use crate::engine::Watch;
use crate::error::{Error, Result};
use crate::process::Tool;

use super::{Server, identifier, in_place};

impl Server {
    /// One transaction, stopped by the first error.
    pub fn run_file(&self, path: &Path, watch: &Watch<'_>) -> Result<()> {
        if !path.is_file() {
            return Err(Error::usage(format!("there is no file {}", path.display())));
        }
        if let Some(script) = self.script() {
            return in_place::append(script, path);
        }
        self.run(self.psql(&self.name)?.args(["-1", "-f"]).arg(path), watch).map(drop)
    }

    pub fn shell(&self, statement: Option<&str>) -> Result<Tool> {
        let tool = self.with_variables(Tool::new(self.psql_path()?), &self.name);
        Ok(match statement {
            Some(statement) => tool.args(["-X", "-w", "-v", "ON_ERROR_STOP=1", "-c", statement]),
            None => tool.arg("-w"),
        })
    }

    pub fn drop_database(&self, force: bool) -> Result<()> {
        if force {
            return self.drop_forcibly(&self.facts()?);
        }
        self.refuse_sessions()?;
        self.administer(&format!("drop database {}", identifier(&self.name))).map(drop)
    }
}
