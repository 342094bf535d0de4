//! One project of the settings, with `defaults` merged in and its paths absolute.

use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::settings::database::{Database, Kind, Options};
use crate::settings::versions::{Versions, VersionsEntry};

/// One project: its models, its Python, its revisions, its databases.
#[derive(Debug, Clone)]
pub struct Project {
    pub name: String,
    /// The models, in the order to import them.
    pub module: Vec<Module>,
    /// Where the MetaData is; empty: it is looked for.
    pub metadata: Vec<String>,
    /// A callable to run first, as `module:function`.
    pub setup: Option<String>,
    /// Tables of these modules only.
    pub owned_modules: Vec<String>,
    /// Import every module of the package.
    pub auto_discovery: bool,
    /// Absent: it is looked for.
    pub python: Option<Python>,
    pub pythonpath: Vec<PathBuf>,
    /// Variables of the run; `{url}` stands for its URL.
    pub env: IndexMap<String, String>,
    /// The working directory of the run.
    pub cwd: PathBuf,
    pub format: Format,
    pub versions: Versions,
    pub recursive: bool,
    pub script_template: Option<PathBuf>,
    pub script_imports: Vec<String>,
    pub alembic: AlembicKeys,
    /// Keywords of `context.configure`.
    pub configure: serde_json::Map<String, serde_json::Value>,
    pub hooks: Option<Module>,
    /// The project's own env.py.
    pub env_py: Option<PathBuf>,
    pub db: IndexMap<String, Database>,
    /// The folder of the first module; the settings' root where that is a dotted name or absent.
    pub folder: PathBuf,
}

/// Models, or hooks: a file or package folder, or a dotted name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Module {
    Path(PathBuf),
    Name(String),
}

/// Which Python runs a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Python {
    /// An interpreter, or a venv folder.
    Path(PathBuf),
    Uv,
    Poetry,
    Pixi,
}

/// What revisions are written in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    #[default]
    Python,
    Sql,
}

/// Alembic's own keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlembicKeys {
    /// Key of `[alembic]` to its value, `%` as it is written.
    pub options: IndexMap<String, String>,
    /// Each with `name`, `type`, and what its type needs.
    pub post_write_hooks: Vec<IndexMap<String, String>>,
    /// Logger to level.
    pub log_levels: IndexMap<String, String>,
}

impl Module {
    /// A path where it looks like one or there is something of that name; else a dotted name.
    pub(super) fn of(text: &str, root: &Path) -> Self {
        let path = super::paths::absolute(root, text);
        if text.contains('/') || text.ends_with(".py") || path.exists() {
            Self::Path(path)
        } else {
            Self::Name(text.to_owned())
        }
    }

    /// The folder of a file, or the package folder itself.
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Self::Path(path) if path.extension().is_some_and(|extension| extension == "py") => path.parent(),
            Self::Path(path) => Some(path),
            Self::Name(_) => None,
        }
    }
}

impl Python {
    pub(super) fn of(text: &str, root: &Path) -> Self {
        match text {
            "uv" => Self::Uv,
            "poetry" => Self::Poetry,
            "pixi" => Self::Pixi,
            path => Self::Path(super::paths::absolute(root, path)),
        }
    }
}

impl Project {
    /// Where the revisions for this kind of database are.
    pub fn versions_for(&self, kind: Kind) -> Vec<VersionsEntry> {
        match (&self.versions, kind) {
            (Versions::List(list), _)
            | (Versions::PerDialect { sqlite: list, .. }, Kind::Sqlite)
            | (Versions::PerDialect { postgres: list, .. }, Kind::Postgres) => list.clone(),
            (Versions::Default, _) => vec![VersionsEntry::Folder(self.folder.join(match self.format {
                Format::Python => "versions",
                Format::Sql => "migrations",
            }))],
        }
    }

    /// The schema and the name of the table that tells which revisions a database holds.
    pub fn version_table(&self, options: &Options) -> (Option<String>, String) {
        let configured = |key: &str| self.configure.get(key).and_then(|value| value.as_str()).map(str::to_owned);
        let schema = options.version_table_schema.clone().or_else(|| configured("version_table_schema"));
        let name = options.version_table.clone().or_else(|| configured("version_table"));
        let usual = match self.format {
            Format::Python => "alembic_version",
            Format::Sql => "schema_migrations",
        };
        (schema, name.unwrap_or_else(|| usual.to_owned()))
    }

    /// Whether what is done to a database of this project is written down in it.
    pub fn keeps_ledger(&self, options: &Options) -> bool {
        options.ledger.unwrap_or(self.format == Format::Sql)
    }

    /// The places for each kind of database, once where they are the same.
    pub fn versions_of_each_kind(&self) -> Vec<Vec<VersionsEntry>> {
        let mut places = vec![self.versions_for(Kind::Sqlite), self.versions_for(Kind::Postgres)];
        places.dedup();
        places.retain(|place| !place.is_empty());
        places
    }
}
