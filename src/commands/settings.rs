//! `shed settings`: where the settings are, what they say, changing them.

use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::output::Report;
use crate::settings::{self, Settings, UnusedKey};

use super::entry::{DatabaseKeys, ProjectKeys};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Print the path of the settings file
    #[command(after_help = "Example:\n  shed settings path")]
    Path,
    /// Print the settings merged with `defaults`, passwords masked
    #[command(after_help = "Example:\n  shed settings show")]
    Show,
    /// Look the settings over: errors with line and column, keys that are not used yet
    #[command(after_help = "Example:\n  shed settings check")]
    Check,
    /// Print the JSON Schema of the settings, for editors
    #[command(after_help = "Example:\n  shed settings schema > .shed/schema.json")]
    Schema,
    /// Set one key; all other lines stay as they are
    #[command(after_help = "Example:\n  shed settings set projects.billing.db.prod.protected true")]
    Set {
        /// Keys with dots between them
        path: String,
        /// A YAML value: text, number, true, [a, b], {a: b}
        value: String,
    },
    /// Add a project or a database
    #[command(
        subcommand,
        after_help = "Example:\n  shed settings add database billing.prod --type postgres --host db.internal"
    )]
    Add(Add),
    /// Remove a key with all that is under it
    #[command(after_help = "Example:\n  shed settings remove projects.billing.db.staging")]
    Remove {
        /// Keys with dots between them
        path: String,
    },
}

#[derive(Debug, clap::Subcommand)]
enum Add {
    /// Add a project
    #[command(after_help = "Example:\n  shed settings add project billing --module services/billing/models.py")]
    Project {
        name: String,
        #[command(flatten)]
        keys: ProjectKeys,
    },
    /// Add a database to a project, or to `development`
    #[command(after_help = "Example:\n  shed settings add database billing.local --type sqlite")]
    Database {
        /// PROJECT.DATABASE, or development.NAME
        name: String,
        #[command(flatten)]
        keys: DatabaseKeys,
    },
}

/// The answer of one of the subcommands.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Answer {
    Path { path: PathBuf },
    Shown(#[schemars(with = "serde_json::Value")] serde_yaml::Value),
    Checked(Checked),
    Schema(serde_json::Value),
    Changed { path: PathBuf, change: String },
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Checked {
    pub path: PathBuf,
    pub projects: usize,
    pub databases: usize,
    /// Keys that are checked and do nothing yet.
    pub not_used_yet: Vec<UnusedKey>,
}

/// Answers from the file, or changes it.
pub fn settings(args: &Args, flag: Option<&std::path::Path>, environment: &Environment) -> Result<Answer> {
    if matches!(args.command, Command::Schema) {
        return Ok(Answer::Schema(settings::schema()));
    }
    let path = Settings::find(flag, environment)?;
    if matches!(args.command, Command::Path) {
        return Ok(Answer::Path { path });
    }
    let mut settings = Settings::read(&path, environment)?;
    let (edit, change) = match &args.command {
        Command::Show => return settings.redacted().map(Answer::Shown),
        Command::Check => return Ok(Answer::Checked(checked(&settings)?)),
        Command::Set { path, value } => {
            let edit = settings.set(path, value)?;
            let change = format!("{path} is now {}", edit.value());
            (edit, change)
        }
        Command::Remove { path } => (settings.remove(path)?, format!("{path} is removed")),
        Command::Add(add) => added(&settings, add, environment)?,
        Command::Path | Command::Schema => return Ok(Answer::Path { path }),
    };
    settings.save(edit)?;
    Ok(Answer::Changed { path: settings.path().to_path_buf(), change })
}

fn added(settings: &Settings, add: &Add, environment: &Environment) -> Result<(settings::Edit, String)> {
    let (working_dir, root) = (environment.working_dir(), settings.root());
    match add {
        Add::Project { name, keys } => {
            Ok((settings.add_project(name, &keys.map(working_dir, root))?, format!("project {name} is added")))
        }
        Add::Database { name, keys } => {
            let Some((project, database)) = name.split_once('.') else {
                return Err(Error::usage(format!("`{name}` names no database")).help("write PROJECT.DATABASE"));
            };
            let map = keys.map(project, database, working_dir, root)?;
            Ok((settings.add_database(project, database, &map)?, format!("database {name} is added")))
        }
    }
}

fn checked(settings: &Settings) -> Result<Checked> {
    let projects = settings.projects()?;
    Ok(Checked {
        path: settings.path().to_path_buf(),
        projects: projects.len(),
        databases: projects.values().map(|project| project.db.len()).sum(),
        not_used_yet: settings.unused_keys()?,
    })
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path { path } => writeln!(f, "{}", path.display()),
            Self::Shown(value) => f.write_str(&serde_yaml::to_string(value).unwrap_or_default()),
            Self::Checked(checked) => checked.fmt(f),
            Self::Schema(schema) => writeln!(f, "{schema:#}"),
            Self::Changed { path, change } => writeln!(f, "{}: {change}", path.display()),
        }
    }
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counted = |count: usize, noun: &str| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
        let (projects, databases) = (counted(self.projects, "project"), counted(self.databases, "database"));
        writeln!(f, "{}: in order, {projects}, {databases}", self.path.display())?;
        self.not_used_yet.iter().try_for_each(|key| {
            writeln!(f, "{}:{}:{}: {} is not used yet", self.path.display(), key.line, key.column, key.path)
        })
    }
}

impl Report for Answer {}
