//! Which projects and databases a command means: names, patterns, the working directory.

use std::path::{Path, PathBuf};

use indexmap::IndexMap;

use crate::error::{Error, Result};

use super::{Database, Project, Settings, nearest_names};

/// The name under which development servers are reached.
const DEVELOPMENT: &str = "development";

/// A project, with one of its databases where the command needs one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub project: String,
    pub database: Option<String>,
}

/// What a command asks for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The name that was given.
    pub word: Option<&'a str>,
    /// `--all`.
    pub all: bool,
    /// Whether a database is needed, or the project's files are enough.
    pub database: bool,
    /// Without a name: take all of several (reading), choose (writing), or never infer (dangerous).
    pub without: Without,
    pub working_dir: &'a Path,
}

/// What happens where no target is given and there are several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Without {
    TakesAll,
    Chooses,
    Refuses,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selected {
    /// One target was meant.
    One(Target),
    /// A pattern: it may hold several, and protected ones are passed over when writing.
    Several(Vec<Target>),
    /// The name is not enough: one of these has to be chosen.
    Unclear { why: String, among: Vec<Target> },
}

impl Target {
    /// `billing.prod`, or `billing`.
    pub fn name(&self) -> String {
        match &self.database {
            Some(database) => format!("{}.{database}", self.project),
            None => self.project.clone(),
        }
    }
}

/// Finds what a command means.
pub fn select(settings: &Settings, wanted: &Wanted<'_>) -> Result<Selected> {
    match wanted.word {
        _ if wanted.all => Ok(Selected::Several(pattern(settings, "*", "*", wanted.database)?)),
        Some(word) => by_name(settings, word, wanted.database),
        None => inferred(settings, wanted),
    }
}

/// Whether this word names a target or is a pattern for some, so that it is no revision.
pub fn is_target(settings: &Settings, word: &str) -> Result<bool> {
    if word.contains('*') {
        return Ok(!by_pattern(settings, word, false)?.is_empty());
    }
    Ok(match word.split_once('.') {
        Some((DEVELOPMENT, server)) => settings.development().contains_key(split_server(server).0),
        Some((project, database)) => {
            settings.project(project)?.is_some_and(|project| project.db.contains_key(database))
        }
        None => settings.project(word)?.is_some(),
    })
}

/// A server of `development:` and, where it is given, a database on it: `development.pglocal/name`.
pub fn development<'s, 'w>(settings: &'s Settings, word: &'w str) -> Option<Result<(&'s Database, Option<&'w str>)>> {
    let (server, name) = split_server(word.strip_prefix("development.")?);
    let known = settings.development();
    Some(known.get(server).map(|database| (database, name)).ok_or_else(|| {
        let names = known.keys().map(|name| format!("{DEVELOPMENT}.{name}"));
        unknown("development server", &format!("{DEVELOPMENT}.{server}"), names.collect())
    }))
}

fn split_server(word: &str) -> (&str, Option<&str>) {
    match word.split_once('/') {
        Some((server, name)) => (server, Some(name)),
        None => (word, None),
    }
}

fn by_name(settings: &Settings, word: &str, needs_database: bool) -> Result<Selected> {
    if word.contains('*') {
        let found = by_pattern(settings, word, needs_database)?;
        return if found.is_empty() { Err(nothing_matches(settings, word)?) } else { Ok(Selected::Several(found)) };
    }
    let (project_name, database_name) = match word.split_once('.') {
        Some((project, database)) => (project, Some(database)),
        None => (word, None),
    };
    let Some(project) = settings.project(project_name)? else {
        return Err(unknown("project", project_name, settings.projects()?.keys().cloned().collect()));
    };
    match database_name {
        Some(database) if project.db.contains_key(database) => Ok(Selected::One(target(project, Some(database)))),
        Some(_) => Err(unknown_database(project, word)),
        None => of_project(project, needs_database),
    }
}

fn of_project(project: &Project, needs_database: bool) -> Result<Selected> {
    if let Some(database) = only_database(project) {
        return Ok(Selected::One(target(project, Some(&database.name))));
    }
    if !needs_database {
        return Ok(Selected::One(target(project, None)));
    }
    let among: Vec<Target> = project.db.keys().map(|name| target(project, Some(name))).collect();
    if among.is_empty() {
        return Err(Error::usage(format!("project {} has no database", project.name))
            .help(format!("add one: shed settings add database {}.NAME --type sqlite --db-path FILE", project.name)));
    }
    let why = format!("project {} has {} databases and none is marked `default: true`", project.name, among.len());
    Ok(Selected::Unclear { why, among })
}

/// The only database, or the one marked as default.
fn only_database(project: &Project) -> Option<&Database> {
    let mut databases = project.db.values();
    match (databases.next(), databases.next()) {
        (Some(only), None) => Some(only),
        _ => project.db.values().find(|database| database.default),
    }
}

fn by_pattern(settings: &Settings, word: &str, needs_database: bool) -> Result<Vec<Target>> {
    let (project, database) = word.split_once('.').unwrap_or((word, "*"));
    pattern(settings, project, database, needs_database)
}

fn pattern(settings: &Settings, project: &str, database: &str, needs_database: bool) -> Result<Vec<Target>> {
    let projects = settings.projects()?.values().filter(|candidate| matches(project, &candidate.name));
    Ok(projects.flat_map(|candidate| in_project(candidate, database, needs_database)).collect())
}

/// Commands about files run once per project.
fn in_project(project: &Project, database: &str, needs_database: bool) -> Vec<Target> {
    let mut names = project.db.keys().filter(|name| matches(database, name));
    if needs_database {
        return names.map(|name| target(project, Some(name))).collect();
    }
    if database != "*" && names.next().is_none() {
        return Vec::new();
    }
    vec![target(project, only_database(project).map(|database| database.name.as_str()))]
}

fn inferred(settings: &Settings, wanted: &Wanted<'_>) -> Result<Selected> {
    if wanted.without == Without::Refuses {
        return Err(Error::usage("this command needs a target").help("name it: PROJECT.DATABASE"));
    }
    let projects = settings.projects()?;
    if projects.is_empty() {
        return Err(Error::usage(format!("{} lists no projects", settings.path().display()))
            .help("add one: shed init NAME --module MODULE"));
    }
    let here = project_at(settings, wanted.working_dir)?;
    if let Some(project) = here.or_else(|| projects.values().next().filter(|_| projects.len() == 1)) {
        return match of_project(project, wanted.database)? {
            Selected::Unclear { .. } if wanted.without == Without::TakesAll => {
                Ok(Selected::Several(in_project(project, "*", wanted.database)))
            }
            selected => Ok(selected),
        };
    }
    let all = pattern(settings, "*", "*", wanted.database)?;
    if wanted.without == Without::TakesAll {
        return Ok(Selected::Several(all));
    }
    let why = format!("{} lists {} projects and none was named", settings.path().display(), projects.len());
    Ok(Selected::Unclear { why, among: all })
}

/// The project whose part of the tree holds this folder.
pub fn project_at<'s>(settings: &'s Settings, folder: &Path) -> Result<Option<&'s Project>> {
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf());
    let projects = settings.projects()?;
    let mut found: Vec<(PathBuf, &Project)> = projects
        .values()
        .map(|project| (territory(settings.root(), projects, project), project))
        .filter(|(territory, _)| folder.starts_with(territory))
        .collect();
    found.sort_by_key(|(territory, _)| std::cmp::Reverse(territory.components().count()));
    Ok(match found.as_slice() {
        [(first, _), (second, _), ..] if first == second => None,
        [(_, project), ..] => Some(project),
        [] => None,
    })
}

/// The widest folder around a project's models, below the root, that holds no other project's models.
fn territory(root: &Path, projects: &IndexMap<String, Project>, project: &Project) -> PathBuf {
    let others = projects.values().filter(|other| other.name != project.name);
    let others: Vec<&Path> = others.map(|other| other.folder.as_path()).collect();
    let free = |folder: &&Path| {
        folder.starts_with(root) && *folder != root && !others.iter().any(|other| other.starts_with(folder))
    };
    let widest = project.folder.ancestors().take_while(free).last();
    widest.unwrap_or(&project.folder).to_path_buf()
}

fn target(project: &Project, database: Option<&str>) -> Target {
    Target { project: project.name.clone(), database: database.map(str::to_owned) }
}

/// `*` stands for any run of characters.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((start, rest)) => name.strip_prefix(start).is_some_and(|tail| {
            (0..=tail.len()).filter(|&at| tail.is_char_boundary(at)).any(|at| matches(rest, &tail[at..]))
        }),
    }
}

/// The error for `project.database` where the project is known and the database is not.
pub fn unknown_database(project: &Project, word: &str) -> Error {
    let databases = project.db.keys().map(|name| format!("{}.{name}", project.name));
    unknown("database", word, databases.collect())
}

fn nothing_matches(settings: &Settings, word: &str) -> Result<Error> {
    let all: Vec<String> = pattern(settings, "*", "*", true)?.iter().map(Target::name).collect();
    Ok(Error::usage(format!("no target matches `{word}`")).help(format!("the targets are {}", all.join(", "))))
}

fn unknown(what: &str, name: &str, known: Vec<String>) -> Error {
    let error = Error::usage(format!("no {what} is named `{name}`"));
    if known.is_empty() {
        return error.help(format!("the settings list no {what}"));
    }
    let near = nearest_names(name, known.iter().map(String::as_str));
    if near.is_empty() {
        return error.help(format!("the settings have {}", known.join(", ")));
    }
    error
        .help(format!("did you mean {}?", near.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or ")))
}

#[cfg(test)]
#[path = "targets_tests.rs"]
mod tests;
