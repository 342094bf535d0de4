//! One chain of revisions, as Alembic's files tell of it, as a project of the settings.

use std::path::{Path, PathBuf};

use serde_yaml::Mapping;

use crate::environment::Environment;
use crate::settings::{Addition, normal, relative};

use super::config::Config;
use super::env_py::{self, EnvPy};
use super::modules::Roots;
use super::python::Python;
use super::writing::Writing;

/// What the sections of one chain have in common.
pub struct Chain {
    pub config: Config,
    /// Sections with the same scripts: each is a database.
    pub others: Vec<Config>,
    /// Where Alembic is run.
    pub base: PathBuf,
    pub scripts: PathBuf,
    /// As `package:folder`, where `script_location` says so and it is not the project's own.
    pub package: Option<String>,
    pub name: String,
}

/// What holds for everything that is found.
pub struct Surroundings<'a> {
    pub root: &'a Path,
    pub environment: &'a Environment,
}

/// Why a chain cannot be taken.
pub type Refused = String;

impl Chain {
    /// Where the revisions are, as the settings write it.
    pub fn versions(&self, root: &Path) -> Vec<String> {
        let listed = self.config.paths("version_locations");
        if listed.is_empty() {
            return match &self.package {
                Some(package) => vec![format!("{package}/versions")],
                None => vec![relative(&self.scripts.join("versions"), root)],
            };
        }
        let one = |text: &String| match text.split_once(':') {
            Some((package, _)) if !package.contains('/') => text.clone(),
            _ => relative(&normal(&self.base.join(text)), root),
        };
        listed.iter().map(one).collect()
    }

    /// The project.
    pub fn addition(&self, around: &Surroundings<'_>) -> Result<Addition, Refused> {
        let env_py = self.scripts.join("env.py");
        let mut writing = Writing { chain: self, around, keys: Mapping::new(), remarks: Vec::new() };
        writing.remark(None, format!("from {}", self.shown(around.root)));
        if !env_py.is_file() {
            writing.remark(None, "there is no env.py: shed's own runs; name the models in `module`");
            return Ok(writing.without_env(&EnvPy::default(), &self.roots(around, &[])));
        }
        let python =
            Python::read(&env_py).map_err(|why| format!("{} cannot be read: {why}", relative(&env_py, around.root)))?;
        if let Some(constants) = super::ejected::read(&python) {
            return Ok(writing.ejected(&constants));
        }
        let roots = self.roots(around, &[]);
        let first = env_py::read(&python, &self.config, &self.base, &roots);
        let roots = self.roots(around, &first.sys_path);
        let found = env_py::read(&python, &self.config, &self.base, &roots);
        Ok(match found.reasons.is_empty() {
            true => writing.without_env(&found, &roots),
            false if found.is_flask => {
                writing.remark(
                    None,
                    "env.py asks a Flask application, which only `flask db` sets up: shed's own env.py runs",
                );
                writing.remark(None, "name the models in `module`, or migrations run without them");
                writing.without_env(&EnvPy { url: found.url, ..EnvPy::default() }, &roots)
            }
            false => writing.with_env(&found, &env_py),
        })
    }

    fn shown(&self, root: &Path) -> String {
        let file = relative(&self.config.file, root);
        match self.config.section.as_str() {
            "alembic" => file,
            section => format!("{file}, section {section}"),
        }
    }

    /// Where imports begin: what the ini and env.py put on sys.path, the folder itself, its environment.
    fn roots(&self, around: &Surroundings<'_>, of_env: &[String]) -> Roots {
        let mut roots = Roots::default();
        self.python_path(of_env).into_iter().for_each(|folder| roots.add(folder));
        roots.add(self.base.clone());
        roots.add(self.base.join("src"));
        let environment = self.environment(around.root).or_else(|| around.environment.path("VIRTUAL_ENV"));
        if let Some(environment) = environment {
            roots.add_environment(&environment);
        }
        roots
    }

    pub fn python_path(&self, of_env: &[String]) -> Vec<PathBuf> {
        let own = self.config.paths("prepend_sys_path");
        let mut folders: Vec<PathBuf> = Vec::new();
        for text in own.iter().chain(of_env) {
            let folder = normal(&self.base.join(text));
            if !folders.contains(&folder) {
                folders.push(folder);
            }
        }
        folders
    }

    /// The nearest environment from the folder upwards.
    pub fn environment(&self, root: &Path) -> Option<PathBuf> {
        let folders =
            self.base.ancestors().take_while(|folder| folder.starts_with(root) || !self.base.starts_with(root));
        folders.map(|folder| folder.join(".venv")).find(|environment| environment.join("bin/python").exists())
    }
}
