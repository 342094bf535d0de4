//! The ledger in a database, `shed_history`: what python/shed_db/ledger.py wrote down, read without Python.

use std::collections::HashMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Result;

use super::Engine;

/// The table, in the schema of the version table.
pub const TABLE: &str = "shed_history";

/// One step that was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Step {
    /// UTC, as `2026-11-21T06:39:39.123Z`.
    pub done_at: String,
    /// `upgrade`, `downgrade` or `stamp`.
    pub direction: String,
    pub revision: String,
    /// How long it took.
    pub milliseconds: i64,
    /// The user of the operating system.
    pub os_user: Option<String>,
    pub host: Option<String>,
    /// What was checked out where the revision files are.
    pub git_commit: Option<String>,
    pub shed_version: Option<String>,
    pub alembic_version: Option<String>,
    /// Of the revision file, as it was then.
    pub file_sha256: Option<String>,
    /// The backup that was taken first.
    pub backup: Option<String>,
}

/// A revision to the SHA-256 of its file.
pub type Digests = HashMap<String, String>;

/// Which steps: those of one version table, whose name and schema these are.
#[derive(Debug, Clone, Copy)]
pub struct Of<'a> {
    pub schema: Option<&'a str>,
    pub version_table: &'a str,
}

impl Engine {
    /// The last steps, newest first; `None` where there is no ledger. Nothing is ever created.
    pub fn ledger(&self, of: Of<'_>, most: Option<u32>) -> Result<Option<Vec<Step>>> {
        match self {
            Self::Sqlite(file) => file.ledger(of.version_table, most),
            Self::Postgres(server) => server.ledger(of, most),
        }
    }
}

/// Of each revision whose last step, newest first, applied it: the digest of its file then.
pub fn digests(steps: Vec<Step>) -> Digests {
    let mut last: HashMap<String, Step> = HashMap::new();
    for step in steps {
        last.entry(step.revision.clone()).or_insert(step);
    }
    let applied = last.into_iter().filter(|(_, step)| step.direction == "upgrade");
    applied.filter_map(|(revision, step)| Some((revision, step.file_sha256?))).collect()
}

impl fmt::Display for Step {
    /// One line, without the name that it goes by in a table.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let when: String = self.done_at.replace('T', " ").chars().take(19).collect();
        let who = [self.os_user.as_deref(), self.host.as_deref()].into_iter().flatten().collect::<Vec<_>>().join("@");
        write!(f, "{when}  {:9}  {}  {} ms  {who}", self.direction, self.revision, self.milliseconds)?;
        if let Some(commit) = &self.git_commit {
            write!(f, "  git {}", commit.chars().take(12).collect::<String>())?;
        }
        match &self.backup {
            Some(backup) => write!(f, "  backup {backup}"),
            None => Ok(()),
        }
    }
}
