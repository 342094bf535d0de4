//! The settings file: found, read, checked, shown, saved.

mod add;
mod alembic_keys;
mod connection;
mod connection_read;
mod cut;
mod database;
mod database_read;
mod de;
mod de_walk;
mod edit;
mod fault;
mod find;
mod kept;
mod layout;
mod mask;
mod merge;
mod missing;
mod names;
mod nearest;
mod outline;
mod parse;
mod parse_map;
mod parts;
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

pub use add::{Addition, Remark};
pub use connection::{Connection, Password, Postgres, Sqlite, SqlitePath};
pub use database::{Backup, Database, Embedded, Kind, Options, Restore};
pub use names::usable;
pub use nearest::{nearest, nearest_names};
pub use paths::{normal, relative};
pub use project::{AlembicKeys, Format, Module, Project, Python};
pub use save::Edit;
pub use schema::schema;
pub use units::duration;
pub use variables::env_file;
pub use versions::VersionsEntry;

#[cfg(test)]
use versions::Versions;

use kept::Kept;
use outline::Outline;
use parts::{Origin, Parts};
use read::{Content, Trees};
use source::Source;
use variables::Variables;

/// The settings, read and checked. They know the file that they were read from.
pub struct Settings {
    path: PathBuf,
    folder: PathBuf,
    source: Source,
    variables: Variables,
    content: Known,
}

/// What has been read.
enum Known {
    Whole(Box<Content>),
    /// As much as was asked for, of a text that was found sound by an earlier run.
    Parts(Box<Parts>),
}

/// A key that is set, checked, and does nothing yet.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
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
        let name = shown(path, environment);
        let bytes = bytes(&environment.working_dir().join(path), &name)?;
        Ok(Self::of_source(path, Source::decode(&name, &bytes)?, environment)?.0)
    }

    /// As [`Settings::read`], for the rest of the process: freeing the trees would cost a tenth of reading them.
    /// What an earlier run found sound is read piece by piece.
    pub fn read_for_good(path: &Path, environment: &Environment) -> Result<&'static Self> {
        let name = shown(path, environment);
        let bytes = bytes(&environment.working_dir().join(path), &name)?;
        let source = Source::decode(&name, &bytes)?;
        let folder = folder_of(path, environment);
        let kept = Kept::of(&source.text, &folder, environment);
        if let Some(outline) = kept.as_ref().and_then(|kept| kept.read(&source.text)) {
            return Ok(Box::leak(Box::new(Self::in_parts(path, source, outline, environment)?)));
        }
        let (settings, trees) = Self::of_source(path, source, environment)?;
        if let Some(kept) = kept
            && let Some(outline) = Outline::of(&settings.source.text, &trees)
        {
            kept.write(&outline);
        }
        std::mem::forget(trees);
        Ok(Box::leak(Box::new(settings)))
    }

    fn in_parts(path: &Path, source: Source, outline: Outline, environment: &Environment) -> Result<Self> {
        let folder = folder_of(path, environment);
        let variables = Variables::read(&folder, environment);
        let parts = Parts::of(outline, Origin { source: &source, folder: &folder, variables: &variables })?;
        Ok(Self {
            path: environment.working_dir().join(path),
            folder,
            source,
            variables,
            content: Known::Parts(Box::new(parts)),
        })
    }

    fn of_source(path: &Path, source: Source, environment: &Environment) -> Result<(Self, Trees)> {
        let folder = folder_of(path, environment);
        let variables = Variables::read(&folder, environment);
        let (content, trees) = read::read(&source, &folder, &variables)?;
        let path = environment.working_dir().join(path);
        Ok((Self { path, folder, source, variables, content: Known::Whole(Box::new(content)) }, trees))
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
        &self.frame().root
    }

    /// All projects; where one is enough, [`Settings::project`] is much cheaper.
    pub fn projects(&self) -> Result<&IndexMap<String, Project>> {
        Ok(&self.whole()?.projects)
    }

    /// The project of this name, if there is one.
    pub fn project(&self, name: &str) -> Result<Option<&Project>> {
        Ok(self.with(name)?.projects.get(name))
    }

    /// Every project that has a protected database, perhaps with others.
    pub fn protected_projects(&self) -> Result<impl Iterator<Item = &Project>> {
        let content = match &self.content {
            Known::Whole(content) => content,
            Known::Parts(parts) => parts.with_protected(self.origin())?,
        };
        Ok(content.projects.values())
    }

    /// Servers and folders for copies.
    pub fn development(&self) -> &IndexMap<String, Database> {
        &self.frame().development
    }

    /// An error where a variable that this project needs is missing; its databases aside.
    pub fn demand_project(&self, project: &str) -> Result<()> {
        self.demand(self.with(project)?, project)
    }

    /// An error where a variable that this database needs is missing.
    pub fn demand_database(&self, project: &str, database: &str) -> Result<()> {
        self.demand(self.with(project)?, &format!("{project}.{database}"))
    }

    /// An error where a variable that this development server needs is missing.
    pub fn demand_development(&self, name: &str) -> Result<()> {
        self.demand(self.frame(), &format!("development.{name}"))
    }

    fn demand(&self, content: &Content, part: &str) -> Result<()> {
        match content.missing.first(part) {
            Some(trouble) => Err(self.source.error(trouble.clone())),
            None => Ok(()),
        }
    }

    /// The keys that are checked and do nothing yet.
    pub fn unused_keys(&self) -> Result<Vec<UnusedKey>> {
        let place = |key: &unused::Unused| {
            let (line, column) = self.source.position(key.span.start);
            UnusedKey { path: key.path.clone(), line, column }
        };
        Ok(self.whole()?.unused.iter().map(place).collect())
    }

    /// The settings as written, merged with `defaults`, every password masked.
    pub fn redacted(&self) -> Result<serde_yaml::Value> {
        show::redacted(&self.source)
    }

    fn whole(&self) -> Result<&Content> {
        match &self.content {
            Known::Whole(content) => Ok(content),
            Known::Parts(parts) => parts.whole(self.origin()),
        }
    }

    /// What has this project in it.
    fn with(&self, project: &str) -> Result<&Content> {
        match &self.content {
            Known::Whole(content) => Ok(content),
            Known::Parts(parts) => parts.with(project, self.origin()),
        }
    }

    /// What has everything in it but the projects.
    fn frame(&self) -> &Content {
        match &self.content {
            Known::Whole(content) => content,
            Known::Parts(parts) => parts.frame(),
        }
    }

    fn origin(&self) -> Origin<'_> {
        Origin { source: &self.source, folder: &self.folder, variables: &self.variables }
    }
}

/// The folder of the file, which relative paths hang on.
fn folder_of(path: &Path, environment: &Environment) -> PathBuf {
    let path = environment.working_dir().join(path);
    let folder = path.parent().unwrap_or(Path::new("/"));
    folder.canonicalize().unwrap_or_else(|_| paths::normal(folder))
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
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let length = file.metadata().map_or(0, |metadata| usize::try_from(metadata.len()).unwrap_or(0));
    let mut bytes = Vec::with_capacity(length.min(parse::LARGEST) + 1);
    file.take(parse::LARGEST as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() > parse::LARGEST {
        return Err(Error::usage(format!("{name}:1:1: the settings are larger than 1 MiB")));
    }
    Ok(bytes)
}
