//! The settings of a target as they stand in the file, their variables not put in.

use serde_yaml::{Mapping, Value as Yaml};

use crate::error::Result;

use super::super::Scope;
use super::super::scope::Chosen;
use super::constants;

/// What the files say, or what says nothing outside shed.
const CARRIED: [&str; 28] = [
    "module",
    "metadata",
    "setup",
    "auto_discovery",
    "python",
    "pythonpath",
    "env",
    "format",
    "versions",
    "recursive",
    "script_template",
    "script_imports",
    "alembic",
    "configure",
    "hooks",
    "env_py",
    "version_table",
    "version_table_schema",
    "schemas",
    "include_tables",
    "exclude_tables",
    "schema",
    "schema_translate_map",
    "on_connect",
    "transactional",
    "lock_timeout",
    "statement_timeout",
    "db",
];
const OF_A_DATABASE: [&str; 6] = ["type", "default", "db_name", "connection", "driver", "pg_bin"];

/// The settings of the target as they are written, their variables not put in.
pub struct Written {
    pub project: Mapping,
    pub database: Mapping,
}

impl Written {
    pub(super) fn of(scope: &Scope<'_>, chosen: &Chosen<'_>) -> Result<Self> {
        let all = scope.settings.redacted()?;
        let map = |value: Option<&Yaml>| value.and_then(Yaml::as_mapping).cloned().unwrap_or_default();
        let project = map(all.get("projects").and_then(|projects| projects.get(&chosen.project.name)));
        let name = chosen.database.as_ref().map(|database| database.name.clone()).unwrap_or_default();
        let database = map(project.get("db").and_then(|databases| databases.get(&name)));
        Ok(Self { project, database })
    }

    /// A key as it is written, the database's own first.
    pub(super) fn get(&self, key: &str) -> Option<&Yaml> {
        self.database.get(key).or_else(|| self.project.get(key))
    }

    /// Whether its value comes from the environment, and may be a secret.
    pub(super) fn varies(&self, key: &str) -> bool {
        let text = self.get(key).and_then(|value| serde_yaml::to_string(value).ok()).unwrap_or_default();
        text.contains("${")
    }

    pub(super) fn left_out(&self) -> Vec<String> {
        let of_project = self.project.keys().filter_map(Yaml::as_str).filter(|key| *key != "cwd");
        let of_database = self.database.keys().filter_map(Yaml::as_str).filter(|key| !OF_A_DATABASE.contains(key));
        let mut keys: Vec<String> = of_project
            .chain(of_database)
            .filter(|key| !CARRIED.contains(key) || (constants::MAY_VARY.contains(key) && self.varies(key)))
            .map(str::to_owned)
            .collect();
        keys.sort();
        keys.dedup();
        keys
    }
}
