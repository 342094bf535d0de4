//! `shed doctor`: what is there, what is missing, what to do about it.

use std::fmt;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::alembic::{Interpreter, Plan, Step, interpreter};
use crate::engine::{self, programs::Installed};
use crate::error::{Error, Result};
use crate::output::Report;
use crate::process::{self, Tool};
use crate::settings::{Kind, Project};

use super::live::Live;
use super::{Scope, namesake, own};

#[derive(Debug, clap::Args)]
pub struct Args {}

/// What every part of a run needs, as it was found.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Examined {
    pub settings: PathBuf,
    pub projects: Vec<ProjectFound>,
    pub tools: Vec<ToolFound>,
    /// The PostgreSQL servers that could be started here, the newest first.
    pub servers: Vec<Installed>,
    /// The private servers of the settings that can be started.
    pub embedded: Vec<Startable>,
    /// What is needed and missing, with what to do about it.
    pub missing: Vec<String>,
    /// What is worth knowing.
    pub notes: Vec<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct ProjectFound {
    pub project: String,
    /// The interpreter and how it was found.
    pub python: Option<PathBuf>,
    pub found: Option<String>,
    pub versions: Option<Versions>,
}

/// What the interpreter says of itself.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Versions {
    pub python: Option<String>,
    pub alembic: Option<String>,
    pub sqlalchemy: Option<String>,
    pub sqlmodel: Option<String>,
    pub drivers: indexmap::IndexMap<String, Option<String>>,
    pub sqlite: Option<String>,
    /// The version of PyPI's formatter `shed`, where it is installed too.
    pub formatter: Option<String>,
    pub problems: Vec<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct ToolFound {
    pub tool: &'static str,
    pub path: Option<PathBuf>,
    pub version: Option<String>,
}

/// A private server, and what it would be started with.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Startable {
    pub server: String,
    #[serde(flatten)]
    pub with: Installed,
}

/// Asks each interpreter once, looks for the programs, and judges.
pub fn doctor(scope: &Scope<'_>, _: &Args) -> Result<Examined> {
    let mut missing = Vec::new();
    let mut asked: Vec<(PathBuf, Option<Versions>)> = Vec::new();
    let mut projects = Vec::new();
    for project in scope.settings.projects()?.values() {
        match scope
            .settings
            .demand_project(&project.name)
            .and_then(|()| interpreter::find(scope.settings, project, scope.environment))
        {
            Ok(found) => projects.push(examine(scope, project, found, &mut asked, &mut missing)?),
            Err(error) => {
                missing.push(format!("{}: {error}", project.name));
                projects.push(ProjectFound {
                    project: project.name.clone(),
                    python: None,
                    found: None,
                    versions: None,
                });
            }
        }
    }
    let embedded = startable(scope, &mut missing);
    Ok(Examined {
        settings: scope.settings.path().to_path_buf(),
        tools: tools(scope),
        servers: engine::programs::servers(None, scope.environment),
        embedded,
        notes: notes(scope, &projects)?,
        projects,
        missing,
    })
}

fn examine(
    scope: &Scope<'_>,
    project: &Project,
    interpreter: Interpreter,
    asked: &mut Vec<(PathBuf, Option<Versions>)>,
    missing: &mut Vec<String>,
) -> Result<ProjectFound> {
    if !asked.iter().any(|(program, _)| *program == interpreter.program) {
        let versions = probe(scope, project)?;
        asked.push((interpreter.program.clone(), versions));
    }
    let known = asked.iter().find(|(program, _)| *program == interpreter.program);
    let versions = known.and_then(|(_, versions)| versions.clone());
    match &versions {
        Some(versions) => missing.extend(needed(project, &interpreter.program, versions)),
        None => missing.push(format!("{}: {} does not run", project.name, interpreter.program.display())),
    }
    Ok(ProjectFound {
        project: project.name.clone(),
        python: Some(interpreter.program),
        found: Some(interpreter.found),
        versions,
    })
}

/// What an interpreter lacks for a project, each with the line that mends it.
fn needed(project: &Project, python: &Path, versions: &Versions) -> Vec<String> {
    let name = &project.name;
    let pip = format!("{} -m pip install", python.display());
    let mut missing: Vec<String> = versions.problems.iter().map(|problem| format!("{name}: {problem}")).collect();
    for database in project.db.values() {
        let found = |driver: &str| versions.drivers.get(driver).is_some_and(Option::is_some);
        match (&database.driver, database.kind) {
            (Some(driver), Kind::Postgres) if !found(driver) => {
                missing.push(format!("{name}.{}: the driver {driver} is not installed: {pip} {driver}", database.name));
            }
            (None, Kind::Postgres) if !["psycopg", "psycopg2", "pg8000", "asyncpg"].into_iter().any(found) => {
                missing.push(format!("{name}.{}: no PostgreSQL driver: {pip} \"psycopg[binary]\"", database.name));
            }
            _ => {}
        }
    }
    missing
}

fn probe(scope: &Scope<'_>, project: &Project) -> Result<Option<Versions>> {
    let plan = Plan::for_files(project, vec![Step::Probe]);
    let mut live = Live::keeping(scope.out, &plan.target);
    match scope.run(&plan, &mut live) {
        Ok(ended) => Ok(ended.told.results.into_iter().next().and_then(|value| serde_json::from_value(value).ok())),
        Err(error @ Error::Interrupted(_)) => Err(error),
        Err(_) => Ok(None),
    }
}

fn tools(scope: &Scope<'_>) -> Vec<ToolFound> {
    let programs = engine::programs::path(None, scope.environment);
    ["psql", "pg_dump", "pg_restore", "sqlite3"]
        .map(|tool| {
            let path = process::find(tool, Some(&programs), scope.environment.working_dir());
            let version = path.as_ref().and_then(|path| version(path));
            ToolFound { tool, path, version }
        })
        .into()
}

/// The private servers that could be started now; the others are missing something.
fn startable(scope: &Scope<'_>, missing: &mut Vec<String>) -> Vec<Startable> {
    let servers = scope.settings.development().values();
    let private = servers.filter_map(|server| Some((server, server.embedded?)));
    let examined = private.filter_map(|(server, embedded)| {
        let wanted = own::wanted(scope.settings, server, embedded);
        match engine::embedded::startable(&wanted, scope.environment) {
            Ok(with) => Some(Startable { server: format!("development.{}", server.name), with }),
            Err(error) => {
                missing.push(error.to_string().replace("\nhelp: ", ": "));
                None
            }
        }
    });
    examined.collect()
}

/// The first word of `--version` that begins with a digit.
fn version(path: &Path) -> Option<String> {
    let captured = Tool::new(path).arg("--version").capture().ok()?;
    let said = String::from_utf8_lossy(&captured.stdout).into_owned();
    said.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit())).map(str::to_owned)
}

fn notes(scope: &Scope<'_>, found: &[ProjectFound]) -> Result<Vec<String>> {
    let mut notes = namesake::notes(scope, found);
    for project in scope.settings.projects()?.values().filter(|project| runs_its_own(project)) {
        notes.push(format!(
            "{}: its own env.py runs, without transactional SQLite, filters, differences as data and revision events",
            project.name
        ));
    }
    let folder = scope.settings.folder();
    if folder.join(".shed").is_dir() && is_tracked(scope, folder) {
        notes.push(format!("{}/.shed is tracked by git: git rm -r --cached .shed", folder.display()));
    }
    Ok(notes)
}

/// Whether its env.py does without shed's, which it may call.
fn runs_its_own(project: &Project) -> bool {
    let text = project.env_py.as_deref().map(std::fs::read_to_string);
    text.is_some_and(|text| !text.is_ok_and(|text| text.contains("shed_db.env")))
}

fn is_tracked(scope: &Scope<'_>, folder: &Path) -> bool {
    let git = process::find("git", scope.environment.os("PATH"), folder);
    let listed = git.and_then(|git| Tool::new(git).args(["ls-files", "--", ".shed"]).dir(folder).capture().ok());
    listed.is_some_and(|captured| captured.status.success() && !captured.stdout.is_empty())
}

impl fmt::Display for Examined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "settings  {}", self.settings.display())?;
        for project in &self.projects {
            writeln!(f, "project   {project}")?;
        }
        for tool in &self.tools {
            writeln!(f, "tool      {tool}")?;
        }
        for Installed { version, bin, .. } in &self.servers {
            writeln!(f, "server    PostgreSQL {version} at {}", bin.display())?;
        }
        for Startable { server, with } in &self.embedded {
            writeln!(f, "private   {server}: PostgreSQL {} can be started", with.version)?;
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "note      {note}"))?;
        self.missing.iter().try_for_each(|missing| writeln!(f, "missing   {missing}"))
    }
}

impl fmt::Display for ProjectFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Some(python), Some(found)) = (&self.python, &self.found) else {
            return write!(f, "{}: no Python", self.project);
        };
        let version = |version: &Option<String>| version.clone().unwrap_or_else(|| "missing".into());
        let versions = self.versions.clone().unwrap_or_default();
        writeln!(f, "{}: Python {} at {} ({found})", self.project, version(&versions.python), python.display())?;
        write!(f, "          Alembic {}, SQLAlchemy {}", version(&versions.alembic), version(&versions.sqlalchemy))?;
        for (name, version) in [("sqlmodel".to_owned(), &versions.sqlmodel), ("SQLite".to_owned(), &versions.sqlite)] {
            version.iter().try_for_each(|version| write!(f, ", {name} {version}"))?;
        }
        versions
            .drivers
            .iter()
            .try_for_each(|(driver, version)| version.iter().try_for_each(|version| write!(f, ", {driver} {version}")))
    }
}

impl fmt::Display for ToolFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.path {
            Some(path) => write!(f, "{} {} at {}", self.tool, self.version.as_deref().unwrap_or("?"), path.display()),
            None => write!(f, "{}: not found", self.tool),
        }
    }
}

impl Report for Examined {
    /// Something needed is missing: an environment fault.
    fn code(&self) -> u8 {
        if self.missing.is_empty() { 0 } else { 3 }
    }
}
