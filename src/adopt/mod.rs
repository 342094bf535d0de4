//! What people arrive with, as projects of the settings: Alembic's configuration and env.py, dbmate's folders.

mod chain;
mod config;
mod database;
mod dbmate;
mod ejected;
mod env_py;
mod filters;
mod foreign;
mod ini;
mod models;
mod modules;
mod names;
mod python;
mod repository;
mod value;
mod writing;

use std::path::{Path, PathBuf};

use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::settings::{Addition, normal, relative, usable};

use chain::{Chain, Surroundings};
use config::Config;

/// What was found below a path.
#[derive(Debug, Default)]
pub struct Found {
    pub projects: Vec<Project>,
    /// What is not taken, and why.
    pub refused: Vec<String>,
}

/// A project that can be added.
#[derive(Debug)]
pub struct Project {
    pub addition: Addition,
    /// The file or folder that it comes from, from the settings' root.
    pub from: String,
    /// Its revisions, as the settings write their places.
    pub versions: Vec<String>,
}

/// Looks at a file, a folder, or everything below it; paths are written from `root` on.
pub fn look(path: &Path, root: &Path, environment: &Environment) -> Result<Found> {
    let path =
        path.canonicalize().map_err(|error| Error::usage(format!("could not read {}: {error}", path.display())))?;
    let sources = repository::sources(&path)?;
    let around = Surroundings { root, environment };
    let mut found = Found::default();
    for source in &sources {
        match source {
            repository::Source::Alembic(file) => of_alembic(file, &path, &around, &mut found)?,
            repository::Source::Dbmate(folder) => {
                let dbmate = dbmate::project(folder, &around);
                found.projects.push(dbmate);
            }
        }
    }
    if found.projects.is_empty() && found.refused.is_empty() {
        return Err(Error::usage(format!("nothing to adopt in {}", path.display())).help(
            "name an alembic.ini, a pyproject.toml with [tool.alembic], or a folder with either or with db/migrations",
        ));
    }
    name_apart(&mut found.projects);
    Ok(found)
}

/// The chains that one configuration tells of; sections with the same scripts are databases of one project.
fn of_alembic(file: &Path, top: &Path, around: &Surroundings<'_>, found: &mut Found) -> Result<()> {
    let is_ini = file.extension().is_some_and(|extension| extension == "ini");
    let configs = if is_ini { Config::of_ini(file)? } else { Config::of_pyproject(file)?.into_iter().collect() };
    let sections: Vec<String> = configs.iter().map(|config| config.section.clone()).collect();
    let engines: Vec<String> = configs.iter().flat_map(|config| config.engines(&sections)).collect();
    let mut chains: Vec<Chain> = Vec::new();
    for config in configs {
        let section = config.section.clone();
        if engines.contains(&section) {
            continue;
        }
        let own_engines = config.engines(&sections);
        if !own_engines.is_empty() {
            let which = own_engines.join(", ");
            found.refused.push(format!(
                "{}, [{section}]: its env.py migrates several databases in one run ({which}), and a run of shed has one: go on with `alembic` for it",
                relative(file, around.root)
            ));
            continue;
        }
        match place(config, top, around) {
            Ok(chain) => {
                let same = chains.iter_mut().find(|known| {
                    known.scripts == chain.scripts && known.versions(around.root) == chain.versions(around.root)
                });
                match same {
                    Some(known) => known.others.push(chain.config),
                    None => chains.push(chain),
                }
            }
            Err(why) => found.refused.push(format!("{}, [{section}]: {why}", relative(file, around.root))),
        }
    }
    for chain in chains {
        let versions = chain.versions(around.root);
        match chain.addition(around) {
            Ok(addition) => found.projects.push(Project { addition, from: relative(file, around.root), versions }),
            Err(why) => found.refused.push(why),
        }
    }
    Ok(())
}

/// Where the scripts of a section are, and where Alembic is run for them: beside the ini, or in a folder above it.
fn place(config: Config, top: &Path, around: &Surroundings<'_>) -> std::result::Result<Chain, String> {
    let here = config.folder().to_path_buf();
    let Some(location) = config.text("script_location") else {
        // Flask-Migrate names no place: the scripts are beside the ini.
        if here.join("env.py").is_file() {
            let base = here.parent().unwrap_or(&here).to_path_buf();
            let name = name(&config, &base, around);
            return Ok(Chain { scripts: here, base, package: None, name, config, others: Vec::new() });
        }
        return Err("there is no script_location".to_owned());
    };
    let stop = if top.is_dir() { top } else { around.root };
    let bases = here
        .ancestors()
        .take_while(|folder| *folder == here || folder.starts_with(stop) || folder.starts_with(around.root));
    for base in bases {
        if let Some((package, folder)) = location.split_once(':').filter(|(package, _)| !package.contains('/')) {
            let below = package.replace('.', "/");
            let roots = [base.to_path_buf(), base.join("src")];
            let own = roots
                .iter()
                .chain(&extra_roots(&config, base))
                .map(|root| root.join(&below))
                .find(|folder| folder.is_dir());
            if let Some(own) = own {
                let name = name(&config, base, around);
                let scripts = own.join(folder);
                return Ok(Chain {
                    scripts,
                    base: base.to_path_buf(),
                    package: None,
                    name,
                    config,
                    others: Vec::new(),
                });
            }
        } else if normal(&base.join(&location)).is_dir() {
            let name = name(&config, base, around);
            let scripts = normal(&base.join(&location));
            return Ok(Chain { scripts, base: base.to_path_buf(), package: None, name, config, others: Vec::new() });
        }
    }
    if location.contains(':') && !location.contains('/') {
        let name = name(&config, &here, around);
        let scripts =
            installed(&location, &here, around).unwrap_or_else(|| here.join(location.replace([':', '.'], "/")));
        return Ok(Chain { scripts, base: here, package: Some(location), name, config, others: Vec::new() });
    }
    Err(format!("script_location is {location}, which is no folder"))
}

fn extra_roots(config: &Config, base: &Path) -> Vec<PathBuf> {
    config.paths("prepend_sys_path").iter().map(|text| normal(&base.join(text))).collect()
}

/// The folder of an installed package's scripts.
fn installed(location: &str, here: &Path, around: &Surroundings<'_>) -> Option<PathBuf> {
    let (package, folder) = location.split_once(':')?;
    let mut roots = modules::Roots::default();
    let beside = here.ancestors().map(|folder| folder.join(".venv")).find(|venv| venv.is_dir());
    if let Some(environment) = beside.or_else(|| around.environment.path("VIRTUAL_ENV")) {
        roots.add_environment(&environment);
    }
    let below = package.replace('.', "/");
    roots
        .own
        .iter()
        .chain(&roots.installed)
        .map(|root| root.join(&below))
        .find(|place| place.is_dir())
        .map(|place| place.join(folder))
}

/// Of pyproject.toml, else of the folder; a second ini or section adds its own.
fn name(config: &Config, base: &Path, around: &Surroundings<'_>) -> String {
    let mut name = usable(&folder_name(base, around));
    let file = config.file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let own = file.replace("alembic", "");
    let own = own.trim_matches(['_', '-', '.']);
    if !own.is_empty() && file != "pyproject" && own != name {
        name = format!("{name}_{}", usable(own));
    }
    if config.section != "alembic" {
        name = format!("{name}_{}", usable(&config.section.replace("alembic:", "")));
    }
    name
}

/// `[project] name`, or the folder's own.
fn folder_name(base: &Path, around: &Surroundings<'_>) -> String {
    let pyproject = config::pyproject(&base.join("pyproject.toml")).unwrap_or_default();
    let named = ["/project/name", "/tool/poetry/name"].iter().find_map(|place| pyproject.pointer(place)?.as_str());
    if let Some(name) = named {
        return name.to_owned();
    }
    let dull = ["src", "db", "database", "alembic", "migrations", "backend", "app"];
    let folders = base.ancestors().take_while(|folder| folder.starts_with(around.root) && *folder != around.root);
    let names: Vec<String> =
        folders.filter_map(|folder| folder.file_name()).map(|name| name.to_string_lossy().into_owned()).collect();
    let telling = names.iter().find(|name| !dull.contains(&name.as_str())).or(names.first()).cloned();
    telling.unwrap_or_else(|| around.root.file_name().unwrap_or_default().to_string_lossy().into_owned())
}

/// Names that two projects would have get their folder's, then a number.
fn name_apart(projects: &mut [Project]) {
    for at in 0..projects.len() {
        let (before, rest) = projects.split_at_mut(at);
        let own = &mut rest[0].addition.name;
        let mut count = 2;
        let plain = own.clone();
        while before.iter().any(|known| known.addition.name == *own) {
            *own = format!("{plain}_{count}");
            count += 1;
        }
    }
}
