//! Revision files read as Alembic reads them, without Python: what each one says, and how they hang together.
//!
//! [`read`] answers only where the answer is sure to be Alembic's. Everything else (computed ids, doubled ids, missing
//! parents, a file that is not Python) is [`NotStatic`]: then Alembic is asked.

mod applied;
mod doc;
mod facts;
mod files;
pub mod git;
mod graph;
pub mod kept;
mod labels;
mod load;
pub mod merged;
mod packed;
mod python;
mod range;
mod resolve;
mod sort;
pub mod sql;
mod text;

use std::fmt;
use std::path::PathBuf;

use crate::environment::Environment;
use crate::settings::{Format, Project, VersionsEntry};

pub use applied::{Chain, Link};
pub use files::is_revision;
pub use graph::Graph;
pub use text::Style;

/// One revision file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    pub id: String,
    /// `down_revision`; empty for the first one.
    pub parents: Vec<String>,
    /// `branch_labels` of this file alone, as they are written.
    pub labels: Vec<String>,
    /// `depends_on` as it is written: ids and labels.
    pub depends_on: Vec<String>,
    /// The first paragraph of the docstring.
    pub message: String,
    /// The docstring.
    pub doc: String,
    /// Whether Python 3.13 and older ones read the docstring differently (it is indented).
    pub doc_varies: bool,
    /// The file, symbolic links followed.
    pub path: PathBuf,
    /// `Create Date` of the docstring.
    pub create_date: Option<String>,
    /// Whether `downgrade` is missing or does nothing.
    pub empty_downgrade: bool,
}

/// Why the graph, or an answer about it, is Alembic's to give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotStatic(pub String);

impl NotStatic {
    fn because(why: impl Into<String>) -> Self {
        Self(why.into())
    }

    /// Of a Python that is told to drop docstrings.
    pub fn docstrings_dropped() -> Self {
        Self::because("PYTHONOPTIMIZE is set")
    }
}

impl fmt::Display for NotStatic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads the revisions of a project from these places ([`Project::versions_for`] gives them).
pub fn read(project: &Project, versions: &[VersionsEntry], environment: &Environment) -> Result<Graph, NotStatic> {
    let folders = places(project, versions)?;
    let files = files::list(&folders, is_recursive(project))?;
    Graph::of(load::revisions(files, &folders, environment)?)
}

/// The folders, where nothing but folders and nothing that changes the loading is asked for.
pub fn places(project: &Project, versions: &[VersionsEntry]) -> Result<Vec<PathBuf>, NotStatic> {
    if project.format != Format::Python {
        return Err(NotStatic::because("the revisions are not Python"));
    }
    let changing = ["sourceless", "revision_environment", "version_locations"];
    let set = |key: &&str| project.alembic.options.get(*key).is_some_and(|value| value != "false");
    if let Some(key) = changing.iter().find(|key| set(key)) {
        return Err(NotStatic::because(format!("`alembic: {key}` is set")));
    }
    // Without a folder of its own Alembic would look beside its configuration.
    if versions.is_empty() {
        return Err(NotStatic::because("there is no versions folder"));
    }
    let folder = |entry: &VersionsEntry| match entry {
        VersionsEntry::Folder(folder) => Ok(folder.clone()),
        VersionsEntry::Package(package) => Err(NotStatic::because(format!("{package} is found by Python"))),
    };
    versions.iter().map(folder).collect()
}

/// Whether folders within the versions folders are read too.
pub fn is_recursive(project: &Project) -> bool {
    let option = project.alembic.options.get("recursive_version_locations");
    project.recursive || option.is_some_and(|value| value == "true")
}

#[cfg(test)]
mod tests;
