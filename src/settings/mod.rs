//! The settings file: found, read, checked, shown, saved.

mod alembic_keys;
mod connection;
mod connection_read;
mod database;
mod database_read;
mod de;
mod de_walk;
mod edit;
mod fault;
mod find;
mod layout;
mod mask;
mod merge;
mod missing;
mod names;
mod nearest;
mod parse;
mod parse_map;
mod paths;
mod project;
mod project_read;
mod read;
mod save;
mod schema;
mod show;
mod source;
pub mod targets;
mod tree;
mod units;
mod unused;
mod value;
mod variables;
mod versions;
mod written;

#[cfg(test)]
mod tests;

use std::io::Read;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;

use crate::environment::Environment;
use crate::error::{Error, Result};

pub use connection::{Connection, Password, Postgres, Sqlite, SqlitePath};
pub use database::{Backup, Database, Embedded, Kind, Options, Restore};
pub use nearest::nearest;
pub use project::{Module, Project, Python};
pub use save::Edit;
pub use schema::schema;
pub use units::duration;
pub use versions::VersionsEntry;

#[cfg(test)]
use {project::Format, versions::Versions};

use read::Content;
use source::Source;

/// The settings, read and checked. They know the file that they were read from.
pub struct Settings {
    path: PathBuf,
    folder: PathBuf,
    source: Source,
    environment: Environment,
    content: Content,
}

/// A key that is set, checked, and does nothing yet.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct UnusedKey {
    /// The dotted path of the key.
    pub path: String,
    pub line: usize,
    pub column: usize,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Settings {
    /// The settings file: the flag, `SHED_SETTINGS`, the nearest `shed.yaml`, the user's own.
    pub fn find(flag: Option<&Path>, environment: &Environment) -> Result<PathBuf> {
        find::find(flag, environment)
    }

    /// Reads and checks the file.
    pub fn read(path: &Path, environment: &Environment) -> Result<Self> {
        Ok(Self::of(path, environment)?.0)
    }

    /// As [`Settings::read`], for the rest of the process: freeing the trees would cost a tenth of reading them.
    pub fn read_for_good(path: &Path, environment: &Environment) -> Result<&'static Self> {
        let (settings, trees) = Self::of(path, environment)?;
        std::mem::forget(trees);
        Ok(Box::leak(Box::new(settings)))
    }

    fn of(path: &Path, environment: &Environment) -> Result<(Self, read::Trees)> {
        let name = shown(path, environment);
        let bytes = bytes(&environment.working_dir().join(path), &name)?;
        Self::of_source(path, Source::decode(&name, &bytes)?, environment)
    }

    fn of_source(path: &Path, source: Source, environment: &Environment) -> Result<(Self, read::Trees)> {
        let path = environment.working_dir().join(path);
        let folder = path.parent().unwrap_or(Path::new("/"));
        let folder = folder.canonicalize().unwrap_or_else(|_| paths::normal(folder));
        let (content, trees) = read::read(&source, &folder, environment)?;
        Ok((Self { path, folder, source, environment: environment.clone(), content }, trees))
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder of the file.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What relative paths hang on.
    pub fn root(&self) -> &Path {
        &self.content.root
    }

    pub fn projects(&self) -> &IndexMap<String, Project> {
        &self.content.projects
    }

    /// Servers and folders for copies.
    pub fn development(&self) -> &IndexMap<String, Database> {
        &self.content.development
    }

    /// An error where a variable that this project needs is missing; its databases aside.
    pub fn demand_project(&self, project: &str) -> Result<()> {
        self.demand(project)
    }

    /// An error where a variable that this database needs is missing.
    pub fn demand_database(&self, project: &str, database: &str) -> Result<()> {
        self.demand(&format!("{project}.{database}"))
    }

    /// An error where a variable that this development server needs is missing.
    pub fn demand_development(&self, name: &str) -> Result<()> {
        self.demand(&format!("development.{name}"))
    }

    fn demand(&self, part: &str) -> Result<()> {
        match self.content.missing.first(part) {
            Some(trouble) => Err(self.source.error(trouble.clone())),
            None => Ok(()),
        }
    }

    /// The keys that are checked and do nothing yet.
    pub fn unused_keys(&self) -> Vec<UnusedKey> {
        let place = |key: &unused::Unused| {
            let (line, column) = self.source.position(key.span.start);
            UnusedKey { path: key.path.clone(), line, column }
        };
        self.content.unused.iter().map(place).collect()
    }

    /// The settings as written, merged with `defaults`, every password masked.
    pub fn redacted(&self) -> Result<serde_yaml::Value> {
        show::redacted(&self.source)
    }
}

/// The path as errors show it: from the working directory where the file is below it.
fn shown(path: &Path, environment: &Environment) -> String {
    let path = environment.working_dir().join(path);
    path.strip_prefix(environment.working_dir()).unwrap_or(&path).display().to_string()
}

fn bytes(path: &Path, name: &str) -> Result<Vec<u8>> {
    let unreadable = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            Error::usage(format!("there is no settings file {name}")).help("`shed init` writes one")
        }
        std::io::ErrorKind::IsADirectory => {
            Error::usage(format!("{name} is a folder")).help(format!("name the file in it: {name}/shed.yaml"))
        }
        _ => Error::usage(format!("could not read {name}: {error}")),
    };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    file.take(parse::LARGEST as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() > parse::LARGEST {
        return Err(Error::usage(format!("{name}:1:1: the settings are larger than 1 MiB")));
    }
    Ok(bytes)
}
