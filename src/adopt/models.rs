//! Which modules hold the models, and where in them the MetaData is.

use std::path::{Path, PathBuf};

use crate::settings::relative;

use super::env_py::EnvPy;
use super::modules::{Roots, name_by_path};
use super::value::Reference;

/// `module` and `metadata` of the settings.
#[derive(Debug, Default)]
pub struct Models {
    pub modules: Vec<String>,
    pub metadata: Vec<String>,
    pub remarks: Vec<String>,
}

/// Bases that every model of a program may hang on.
const SHARED: [&str; 2] = ["sqlmodel", "sqlalchemy"];

/// What an env.py imports for its models.
pub fn of(found: &EnvPy, roots: &Roots, python_path: &[PathBuf], root: &Path) -> Models {
    let known: Vec<String> = found.for_effect.iter().map(|reference| reference.module.clone()).collect();
    let metadata: Vec<Reference> = found.metadata.iter().map(|reference| roots.resolved(reference, &known)).collect();
    let mut names: Vec<String> = Vec::new();
    let mut add = |name: &str| {
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    };
    for reference in &metadata {
        if !SHARED.contains(&reference.module.split('.').next().unwrap_or_default()) {
            add(&reference.module);
        }
    }
    for reference in found.discovered.iter().chain(&found.for_effect) {
        let reference = roots.resolved(reference, &known);
        if roots.own(&reference.module).is_some() {
            add(&reference.module);
        }
    }
    let mut models = Models::default();
    if names.is_empty() {
        if !metadata.is_empty() {
            models.remarks.push("which modules hold the models cannot be told: name them in `module`".to_owned());
        }
        return models;
    }
    models.metadata = metadata.iter().map(|reference| written(reference, &names)).collect();
    models.modules = names.iter().map(|name| place(name, roots, python_path, root)).collect();
    models
}

/// In one module its own names are enough.
fn written(reference: &Reference, modules: &[String]) -> String {
    let names = reference.names.join(".");
    if modules == [reference.module.clone()] { names } else { format!("{}:{names}", reference.module) }
}

/// The file or package folder, where shed imports it by the same name; else the name.
fn place(name: &str, roots: &Roots, python_path: &[PathBuf], root: &Path) -> String {
    let found = roots.own(name).filter(|place| place.path.is_file() && place.path.starts_with(root));
    let Some(found) = found.filter(|place| name_by_path(&place.path, python_path) == name) else {
        return name.to_owned();
    };
    let path = if found.path.ends_with("__init__.py") {
        found.path.parent().unwrap_or(root).to_path_buf()
    } else {
        found.path
    };
    let path = relative(&path, root);
    // Without a slash a package folder looks like a name, and is found as a folder all the same.
    path
}
