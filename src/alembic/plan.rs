//! One run, decided: which project and database, which steps, what the worker may touch.

use std::path::PathBuf;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::engine::Engine;
use crate::revisions::sql::Read;
use crate::settings::{Database, Module, Options, Project, VersionsEntry};

/// Everything that one start of the worker does.
pub struct Plan<'a> {
    pub project: &'a Project,
    /// The target in words: `billing.prod`, or `billing` where no database is needed.
    pub target: String,
    /// The database, where the steps need one.
    pub reach: Option<Reach<'a>>,
    pub steps: Vec<Step>,
    /// Whether the database may be written to.
    pub writes: bool,
    pub needs_models: bool,
    /// `--models`: instead of the project's `module`.
    pub models: Option<Vec<Module>>,
    pub versions: Vec<VersionsEntry>,
    /// The migrations of `format: sql`.
    pub sql: Option<Sql>,
    /// The keys that may stand in project or database, of the database where there is one.
    pub options: Option<Options>,
    /// Version tables that other projects keep in the same database, where a step may compare.
    pub other_version_tables: Vec<(Option<String>, String)>,
    /// `--allow-empty`: an empty revision is written.
    pub allow_empty: bool,
    pub verbose: bool,
    /// The worker gets the terminal (`edit`, `--tty`).
    pub terminal: bool,
}

/// The SQL files of a project, in the order of their names.
#[derive(Debug, Serialize)]
pub struct Sql {
    pub files: Vec<Read>,
    /// A file that comes before an applied one is refused.
    pub strict: bool,
}

/// A database and the way to it.
pub struct Reach<'a> {
    pub database: &'a Database,
    pub engine: Engine,
}

/// What the worker does in one interpreter, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Step {
    /// Alembic's own command line.
    Alembic { argv: Vec<String>, verify: bool },
    /// The same, its streams and exit code untouched.
    Passthrough { argv: Vec<String> },
    /// Alembic's `check` after a step that wrote: the lock is given back before it.
    Compare { argv: Vec<String> },
    /// All migrations, on a database that is thrown away: what they print is no part of the answer.
    /// `snapshot`: where the database at its heads is kept.
    Prepare { snapshot: Option<PathBuf> },
    /// The SQL of a command from where the database stands.
    DryRun { argv: Vec<String> },
    /// Facts about revisions as data.
    Graph { question: &'static str, arguments: Map<String, Value> },
    /// Every table of the models, then Alembic's own `stamp heads`, verified.
    FromModels { force: bool },
    /// Versions of what is installed.
    Probe,
}

impl Step {
    pub fn alembic<A: Into<String>>(argv: impl IntoIterator<Item = A>) -> Self {
        Self::Alembic { argv: argv.into_iter().map(Into::into).collect(), verify: false }
    }

    /// As [`Step::alembic`]; what was reached is read again over a new connection.
    pub fn verified<A: Into<String>>(argv: impl IntoIterator<Item = A>) -> Self {
        Self::Alembic { argv: argv.into_iter().map(Into::into).collect(), verify: true }
    }

    /// Whether models and database may be compared, which the other version tables of the database must be known for.
    pub fn may_compare(&self) -> bool {
        match self {
            Self::Alembic { argv, .. } | Self::DryRun { argv } => {
                argv.iter().any(|word| word == "check" || word == "--autogenerate")
            }
            Self::Compare { .. } | Self::Passthrough { .. } | Self::FromModels { .. } => true,
            Self::Graph { .. } | Self::Prepare { .. } | Self::Probe => false,
        }
    }
}

impl<'a> Plan<'a> {
    /// A plan that touches no database and imports nothing of the project.
    pub fn for_files(project: &'a Project, steps: Vec<Step>) -> Self {
        Self {
            project,
            target: project.name.clone(),
            reach: None,
            steps,
            writes: false,
            needs_models: false,
            models: None,
            versions: Vec::new(),
            sql: None,
            options: None,
            other_version_tables: Vec::new(),
            allow_empty: false,
            verbose: false,
            terminal: false,
        }
    }
}
