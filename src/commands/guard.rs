//! `shed guard`: whether a merge with another branch will leave two heads where each side has one.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use crate::error::{Error, Result};
use crate::output::Report;
use crate::revisions::git::Repository;
use crate::revisions::merged::{Sides, Unmerged};
use crate::revisions::{self, NotStatic};
use crate::settings::{Kind, Project, VersionsEntry};

use super::completions::TARGETS;
use super::scope::Needs;
use super::{Place, Scope};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// PROJECT, a pattern, or none: the project of this folder, or all
    #[arg(value_name = "TARGET", add = TARGETS())]
    target: Option<String>,
    /// The branch, tag or commit to be merged with
    #[arg(long, value_name = "REF", default_value = "origin/main")]
    against: String,
    #[command(flatten)]
    place: Place,
}

/// What the merge will leave of each project.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Guard {
    pub against: String,
    pub projects: Vec<Guarded>,
}

/// What it will leave of one.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Guarded {
    pub project: String,
    /// The heads after the merge; empty where there is none to be had.
    pub heads: Vec<String>,
    /// Those of them that part through the merge.
    pub fork: Vec<String>,
    /// Why the revisions do not hang together after it.
    pub broken: Option<String>,
}

/// Reads both sides from git; the working tree and the index stay as they are.
pub fn guard(scope: &Scope<'_>, args: &Args) -> Result<Guard> {
    let chosen = scope.targets(args.target.as_deref(), &args.place, Needs::Files)?;
    let mut projects: Vec<Guarded> = Vec::new();
    for target in scope.share(&chosen) {
        if projects.iter().any(|done| done.project == target.project.name) {
            continue;
        }
        for versions in places(target.project) {
            projects.push(guarded(scope, target.project, &versions, &args.against)?);
        }
    }
    Ok(Guard { against: args.against.clone(), projects })
}

/// The folders of each kind of database, once where they are the same.
fn places(project: &Project) -> Vec<Vec<VersionsEntry>> {
    let mut places = vec![project.versions_for(Kind::Sqlite), project.versions_for(Kind::Postgres)];
    places.dedup();
    places.retain(|place| !place.is_empty());
    places
}

fn guarded(scope: &Scope<'_>, project: &Project, versions: &[VersionsEntry], against: &str) -> Result<Guarded> {
    let unread = |NotStatic(why): NotStatic| {
        Error::usage(format!("{}: the revisions cannot be read without running them: {why}", project.name))
            .help("write `revision`, `down_revision`, `branch_labels` and `depends_on` as plain texts")
    };
    let folders = revisions::places(project, versions).map_err(unread)?;
    let repository = Repository::of(folders.first().unwrap_or(&project.folder), scope.environment)?;
    let points = repository.points(against)?;
    let folders = folders.iter().map(|folder| repository.within(folder)).collect::<Result<Vec<_>>>()?;
    let recursive = revisions::is_recursive(project);
    let sides = Sides {
        base: repository.files_of(&points.base, &folders, recursive)?,
        ours: repository.files_staged(&folders, recursive)?,
        theirs: repository.files_of(&points.theirs, &folders, recursive)?,
    };
    let names: Vec<&str> = sides.names().into_iter().collect();
    let contents = repository.contents(&names)?;
    let project = project.name.clone();
    match sides.merge(repository.root(), &contents) {
        Ok(merged) => Ok(Guarded { project, heads: merged.heads(), fork: merged.fork(), broken: None }),
        Err(Unmerged::Broken(why)) => {
            Ok(Guarded { project, heads: Vec::new(), fork: Vec::new(), broken: Some(why.to_string()) })
        }
        Err(Unmerged::NotStatic(why)) => Err(unread(why)),
    }
}

impl Guarded {
    fn is_good(&self) -> bool {
        self.fork.is_empty() && self.broken.is_none()
    }
}

impl fmt::Display for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for project in &self.projects {
            let (name, heads) = (&project.project, project.heads.join(", "));
            write!(f, "{name}: after the merge with {}: ", self.against)?;
            match (&project.broken, project.heads.len()) {
                (Some(why), _) => writeln!(f, "broken: {why}")?,
                _ if !project.is_good() => {
                    let help = format!("rebase one of them, or shed merge {name} after the merge");
                    writeln!(f, "a fork: {} ({help})", project.fork.join(", "))?;
                }
                (None, 0) => writeln!(f, "no revision")?,
                (None, 1) => writeln!(f, "one head, {heads}")?,
                (None, count) => writeln!(f, "{count} heads, as before: {heads}")?,
            }
        }
        Ok(())
    }
}

impl Report for Guard {
    fn ok(&self) -> bool {
        self.projects.iter().all(Guarded::is_good)
    }
}
