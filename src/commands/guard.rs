//! `shed guard`: whether a merge with another branch will leave two heads where each side has one.

use std::fmt;
use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use crate::error::Result;
use crate::output::Report;
use crate::revisions::git::{self, Repository};
use crate::revisions::merged::{Side, Sides, Unmerged};
use crate::revisions::{self, sql};
use crate::settings::{Format, Project, VersionsEntry};

use super::completions::TARGETS;
use super::scope::Needs;
use super::{Place, Scope};

/// What makes revisions readable.
const AS_TEXTS: &str = "write `revision`, `down_revision`, `branch_labels` and `depends_on` as plain texts there";

#[derive(Debug, clap::Args)]
pub struct Args {
    /// PROJECT, patterns, files (their projects), or none: the project of this folder, or all
    #[arg(value_name = "TARGET|FILE", add = TARGETS())]
    words: Vec<String>,
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
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Guarded {
    pub project: String,
    /// The heads after the merge; empty where there is none to be had.
    pub heads: Vec<String>,
    /// Those of them that part through the merge.
    pub fork: Vec<String>,
    /// Why the revisions do not hang together after it.
    pub broken: Option<String>,
    /// Why the revisions of a side cannot be told without running them: with file and line.
    pub unread: Option<String>,
}

/// Reads both sides from git; the working tree and the index stay as they are.
pub fn guard(scope: &Scope<'_>, args: &Args) -> Result<Guard> {
    let chosen = scope.targets_or_files(&args.words, &args.place, Needs::Files)?;
    let mut projects: Vec<Guarded> = Vec::new();
    for target in &chosen {
        if projects.iter().any(|done| done.project == target.project.name) {
            continue;
        }
        for versions in target.project.versions_of_each_kind() {
            projects.push(guarded(scope, target.project, &versions, &args.against)?);
        }
    }
    Ok(Guard { against: args.against.clone(), projects })
}

fn guarded(scope: &Scope<'_>, project: &Project, versions: &[VersionsEntry], against: &str) -> Result<Guarded> {
    let mut found = Guarded { project: project.name.clone(), ..Guarded::default() };
    let folders = match project.format {
        Format::Python => revisions::places(project, versions),
        Format::Sql => Ok(sql::folders(project, versions)?.into_iter().map(Path::to_path_buf).collect()),
    };
    let folders = match folders {
        Ok(folders) => folders,
        Err(why) => {
            found.unread = Some(why.to_string());
            return Ok(found);
        }
    };
    let repository = Repository::of(folders.first().unwrap_or(&project.folder), scope.environment)?;
    let points = repository.points(against)?;
    let place = git::Place {
        folders: folders.iter().map(|folder| repository.within(folder)).collect::<Result<_>>()?,
        recursive: revisions::is_recursive(project),
        is_one: match project.format {
            Format::Python => revisions::is_revision,
            Format::Sql => sql::is_one,
        },
    };
    let sides = Sides {
        base: repository.files_of(&points.base, &place)?,
        ours: repository.files_staged(&place)?,
        theirs: repository.files_of(&points.theirs, &place)?,
    };
    match project.format {
        Format::Python => found.merged(&sides, &repository, against)?,
        Format::Sql => found.merged_sql(&sides),
    }
    Ok(found)
}

impl Guarded {
    fn merged(&mut self, sides: &Sides, repository: &Repository, against: &str) -> Result<()> {
        let names: Vec<&str> = sides.names().into_iter().collect();
        match sides.merge(&repository.contents(&names)?) {
            Ok(merged) => (self.heads, self.fork) = (merged.heads(), merged.fork()),
            Err(Unmerged::Broken(why)) => self.broken = Some(why.to_string()),
            Err(Unmerged::NotStatic(Side::Ours, why)) => self.unread = Some(format!("here, {why}; {AS_TEXTS}")),
            Err(Unmerged::NotStatic(Side::Theirs, why)) => {
                self.unread = Some(format!("in {against}, {why}; {AS_TEXTS}"));
            }
        }
        Ok(())
    }

    /// Each SQL file stands for itself: whatever is merged is one chain again, unless two have one version.
    fn merged_sql(&mut self, sides: &Sides) {
        match sql::Files::of_paths(sides.paths()) {
            Ok(files) => self.heads = files.names().last().map(|file| file.version.clone()).into_iter().collect(),
            Err(error) => {
                self.broken = Some(error.words().map_or_else(|| error.to_string(), |words| words.what.clone()))
            }
        }
    }
}

impl Guarded {
    fn is_good(&self) -> bool {
        self.fork.is_empty() && self.broken.is_none() && self.unread.is_none()
    }
}

impl fmt::Display for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for project in &self.projects {
            let (name, heads) = (&project.project, project.heads.join(", "));
            write!(f, "{name}: after the merge with {}: ", self.against)?;
            if let Some(why) = &project.unread {
                writeln!(f, "it cannot be told: {why}")?;
                continue;
            }
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
    fn code(&self) -> u8 {
        let unread = self.projects.iter().any(|project| project.unread.is_some());
        let good = self.projects.iter().all(Guarded::is_good);
        if unread { 2 } else { u8::from(!good) }
    }
}
