//! `shed adopt`: what is there already, as projects of the settings.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use crate::adopt;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::output::{Output, Report};
use crate::settings::{Addition, Edit, Settings, VersionsEntry, relative, usable};

use super::init;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// An alembic.ini, a pyproject.toml, or a folder with either or with db/migrations in it or below it
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// The name of the project, where there is one [default: of pyproject.toml, else of the folder]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Print what would be written
    #[arg(long)]
    dry_run: bool,
}

/// What was found, and what of it is in the settings now.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Adopted {
    /// The settings file.
    pub settings: PathBuf,
    pub dry_run: bool,
    pub projects: Vec<Project>,
    /// Chains of revisions that the settings have already.
    pub known: Vec<Known>,
    /// What is not taken, and why.
    pub refused: Vec<String>,
    /// The lines that were added, or would be.
    pub text: String,
}

/// A project that was added.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Project {
    pub project: String,
    /// The file or folder that it comes from.
    pub from: String,
    /// Whether the project's own env.py goes on running.
    pub env_py: bool,
    /// What is left to look at: the comments of its entry.
    pub remarks: Vec<String>,
}

/// A project that is there.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Known {
    pub project: String,
    pub from: String,
}

/// Writes an entry for each project that is found; runs nothing of theirs.
pub fn adopt(args: &Args, flag: Option<&Path>, environment: &Environment, out: &Output) -> Result<Adopted> {
    let path = environment.working_dir().join(&args.path);
    let start = path.canonicalize().map_err(|error| {
        Error::usage(format!("could not read {}: {error}", args.path.display())).help("name a file or a folder")
    })?;
    let from = if start.is_dir() { start.as_path() } else { start.parent().unwrap_or(&start) };
    let file = init::repository_settings(flag, from, environment);
    let is_new = !file.exists();
    let settings = match is_new {
        true => Settings::of_text(&file, &init::bare()?, environment)?,
        false => Settings::read(&file, environment)?,
    };
    let found = adopt::look(&start, settings.root(), environment)?;
    let adopted = Adopted {
        settings: file.clone(),
        dry_run: args.dry_run,
        projects: Vec::new(),
        known: Vec::new(),
        refused: found.refused.clone(),
        text: String::new(),
    };
    if found.projects.is_empty() {
        return Err(Error::usage(found.refused.join("\n")).help("nothing was written"));
    }
    for why in &found.refused {
        out.warn(&format!("not adopted: {why}"));
    }
    let (new, adopted) = apart(found.projects, args.name.as_deref(), &settings, adopted)?;
    if new.is_empty() {
        return Ok(adopted);
    }
    let edit = settings.add_projects(&new)?;
    let before = if is_new { String::new() } else { fs::read_to_string(&file).unwrap_or_default() };
    let adopted = Adopted { text: added_lines(&before, edit.text()), ..adopted };
    if !args.dry_run {
        write(settings, edit, is_new, &file)?;
    }
    Ok(adopted)
}

/// What is to be added, apart from what the settings have.
fn apart(
    found: Vec<adopt::Project>,
    name: Option<&str>,
    settings: &Settings,
    mut adopted: Adopted,
) -> Result<(Vec<Addition>, Adopted)> {
    if let (Some(name), true) = (name, found.len() > 1) {
        let names: Vec<&str> = found.iter().map(|project| project.addition.name.as_str()).collect();
        return Err(Error::usage(format!("--name {name} is for one project, and there are {}", names.join(", ")))
            .help("name the alembic.ini of the one that is meant"));
    }
    let mut new: Vec<Addition> = Vec::new();
    for project in found {
        let mut addition = project.addition;
        if let Some(known) = owner(&project.versions, settings)? {
            adopted.known.push(Known { project: known, from: project.from });
            continue;
        }
        addition.name = name.map_or_else(|| addition.name.clone(), str::to_owned);
        let taken = |name: &str| -> Result<bool> {
            Ok(settings.project(name)?.is_some() || new.iter().any(|other| other.name == name))
        };
        if name.is_some() && taken(&addition.name)? {
            return Err(
                Error::usage(format!("there is a project `{}` already", addition.name)).help("give another --name")
            );
        }
        let plain = usable(&addition.name);
        let mut count = 2;
        while name.is_none() && taken(&addition.name)? {
            addition.name = format!("{plain}_{count}");
            count += 1;
        }
        adopted.projects.push(Project {
            project: addition.name.clone(),
            from: project.from,
            env_py: addition.keys.contains_key("env_py"),
            remarks: addition.remarks.iter().skip(1).map(|remark| remark.text.clone()).collect(),
        });
        new.push(addition);
    }
    Ok((new, adopted))
}

/// The project of the settings that has these revisions.
fn owner(versions: &[String], settings: &Settings) -> Result<Option<String>> {
    let root = settings.root();
    let written = |entry: VersionsEntry| match entry {
        VersionsEntry::Folder(folder) => relative(&folder, root),
        VersionsEntry::Package(package) => package,
    };
    let has = |places: Vec<VersionsEntry>| places.into_iter().map(written).any(|place| versions.contains(&place));
    let owner = settings.projects()?.values().find(|project| project.versions_of_each_kind().into_iter().any(has));
    Ok(owner.map(|project| project.name.clone()))
}

fn write(mut settings: Settings, edit: Edit, is_new: bool, file: &Path) -> Result<()> {
    if !is_new {
        return settings.save(edit);
    }
    let unwritable = |error| Error::environment(format!("could not write {}: {error}", file.display()));
    let mut made = fs::OpenOptions::new().write(true).create_new(true).open(file).map_err(unwritable)?;
    std::io::Write::write_all(&mut made, edit.text().as_bytes()).map_err(unwritable)?;
    init::write_schema(settings.root());
    Ok(())
}

/// The lines of `after` that `before` has not, which stand together.
fn added_lines(before: &str, after: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let first = old.iter().zip(&new).take_while(|(one, other)| one == other).count();
    let last = old[first..].iter().rev().zip(new[first..].iter().rev()).take_while(|(one, other)| one == other).count();
    new[first..new.len() - last].iter().map(|line| format!("{line}\n")).collect()
}

impl fmt::Display for Adopted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.settings.display();
        for known in &self.known {
            writeln!(f, "{}: project {} has it already", known.from, known.project)?;
        }
        if self.dry_run {
            return f.write_str(&self.text);
        }
        for project in &self.projects {
            writeln!(f, "{file}: project {} is added, from {}", project.project, project.from)?;
            project.remarks.iter().try_for_each(|remark| writeln!(f, "  {remark}"))?;
        }
        Ok(())
    }
}

impl Report for Adopted {
    /// No, where something was found that could not be taken.
    fn ok(&self) -> bool {
        self.refused.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_lines_that_are_new_are_shown() {
        assert_eq!(added_lines("a\nb\n", "a\nx\ny\nb\n"), "x\ny\n");
        assert_eq!(added_lines("", "a\n"), "a\n");
        assert_eq!(added_lines("a\n", "a\n"), "");
    }
}
