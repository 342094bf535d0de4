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
    /// A second database, which is only read.
    pub other: Option<Reach<'a>>,
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
    Prepare { snapshot: Option<Snapshot> },
    /// The SQL of a command from where the database stands.
    DryRun { argv: Vec<String> },
    /// Facts about revisions as data.
    Graph { question: &'static str, arguments: Map<String, Value> },
    /// Every table of the models, then Alembic's own `stamp heads`, verified.
    FromModels { force: bool },
    /// What the models are, and what is wrong with them as far as no database is needed.
    Models { wanted: ModelsWanted },
    /// The models' tables in a scratch database, compared with what it made of them.
    RoundTrip { wanted: ModelsWanted },
    /// What would make the database like the models, or like the one of `Plan::other`, whose keys these are.
    Diff { sql: bool, x: Vec<String>, other: Option<Map<String, Value>> },
    /// Versions of what is installed.
    Probe,
}

/// Which models are meant, and how they are told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModelsWanted {
    /// Every module of the package that stands in the place of the project's `module`.
    pub package: bool,
    /// Subclasses of this base alone, as `package.module:Base`.
    pub base: Option<String>,
    /// How types are written: `sqlite` or `postgresql`.
    pub dialect: &'static str,
    pub verify: bool,
    /// How many bytes a name may have.
    pub longest: Option<u32>,
    /// Where other projects have their models.
    pub others: Vec<PathBuf>,
}

/// Where a scratch database at its heads is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Snapshot {
    /// A file that tells of it.
    pub place: PathBuf,
    /// Of a server's: whether the database was filled from it.
    pub is_filled: Option<bool>,
}

impl Step {
    pub fn alembic<A: Into<String>>(argv: impl IntoIterator<Item = A>) -> Self {
        Self::Alembic { argv: argv.into_iter().map(Into::into).collect(), verify: false }
    }

    /// As [`Step::alembic`]; what was reached is read again over a new connection.
    pub fn verified<A: Into<String>>(argv: impl IntoIterator<Item = A>) -> Self {
        Self::Alembic { argv: argv.into_iter().map(Into::into).collect(), verify: true }
    }

    pub fn looks_at_models(&self) -> bool {
        matches!(self, Self::Models { .. }) || self.may_compare()
    }

    /// Whether models and database may be compared, which the other version tables of the database must be known for.
    pub fn may_compare(&self) -> bool {
        match self {
            Self::Alembic { argv, .. } | Self::DryRun { argv } => {
                argv.iter().any(|word| word == "check" || word == "--autogenerate")
            }
            Self::Compare { .. } | Self::Passthrough { .. } | Self::FromModels { .. } => true,
            Self::RoundTrip { .. } | Self::Diff { .. } => true,
            Self::Graph { .. } | Self::Prepare { .. } | Self::Models { .. } | Self::Probe => false,
        }
    }
}

impl<'a> Plan<'a> {
    /// Whether each step is written down in the database.
    pub fn keeps_ledger(&self) -> bool {
        self.options.as_ref().is_some_and(|options| self.project.keeps_ledger(options))
    }

    /// A plan that touches no database and imports nothing of the project.
    pub fn for_files(project: &'a Project, steps: Vec<Step>) -> Self {
        Self {
            project,
            target: project.name.clone(),
            reach: None,
            other: None,
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
