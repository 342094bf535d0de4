//! Where the modules that env.py imports are, on disk.

use std::path::{Path, PathBuf};

use super::config::Config;
use super::names::Names;
use super::python::Python;
use super::value::{Reference, Value};

/// How far settings are followed from module to module.
const DEEPEST: usize = 4;

/// The folders that imports begin in.
#[derive(Debug, Default, Clone)]
pub struct Roots {
    /// The project's own.
    pub own: Vec<PathBuf>,
    /// Of installed packages.
    pub installed: Vec<PathBuf>,
}

/// A module that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// `a/b.py`, `a/b/__init__.py`, or the folder of a package without one.
    pub path: PathBuf,
    pub root: PathBuf,
}

impl Roots {
    pub fn add(&mut self, folder: PathBuf) {
        if !self.own.contains(&folder) {
            self.own.push(folder);
        }
    }

    /// An environment's packages; what it has "editable" is the project's own.
    pub fn add_environment(&mut self, environment: &Path) {
        let versions = std::fs::read_dir(environment.join("lib")).into_iter().flatten().flatten();
        let mut folders: Vec<PathBuf> = versions.map(|version| version.path().join("site-packages")).collect();
        folders.retain(|folder| folder.is_dir());
        folders.sort();
        for folder in folders {
            for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
                let is_list = entry.path().extension().is_some_and(|extension| extension == "pth");
                let text =
                    if is_list { std::fs::read_to_string(entry.path()).unwrap_or_default() } else { String::new() };
                text.lines()
                    .map(PathBuf::from)
                    .filter(|path| path.is_absolute() && path.is_dir())
                    .for_each(|path| self.add(path));
            }
            self.installed.push(folder);
        }
    }

    /// Where a module of the project is.
    pub fn own(&self, module: &str) -> Option<Place> {
        self.own.iter().find_map(|root| place(root, module))
    }

    fn any(&self, module: &str) -> Option<Place> {
        self.own(module).or_else(|| self.installed.iter().find_map(|root| place(root, module)))
    }

    /// The reference with as much of it as a module as there are modules; `known` ones are, wherever they may be.
    pub fn resolved(&self, reference: &Reference, known: &[String]) -> Reference {
        let mut found = reference.clone();
        while let Some(first) = found.names.first() {
            let longer = format!("{}.{first}", found.module);
            let starts_one = known.iter().any(|module| *module == longer || module.starts_with(&format!("{longer}.")));
            if !starts_one && self.any(&longer).is_none() {
                break;
            }
            found.module = longer;
            found.names.remove(0);
        }
        found
    }

    /// A text that a module of the project keeps: `settings.DATABASE_URL`, `DATABASE_URL`.
    pub fn text(&self, reference: &Reference, config: &Config, base: &Path, depth: usize) -> Option<Value> {
        let reference = self.resolved(reference, &[]);
        let name = reference.names.first().filter(|_| depth < DEEPEST)?;
        let place = self.own(&reference.module).filter(|place| place.path.is_file())?;
        let python = Python::read(&place.path).ok()?;
        let elsewhere = |inner: &Reference| self.text(inner, config, base, depth + 1);
        let mut names = Names {
            python: &python,
            config,
            base,
            values: Default::default(),
            functions: Default::default(),
            options: Default::default(),
            elsewhere: &elsewhere,
        };
        let package = if place.path.ends_with("__init__.py") {
            reference.module.as_str()
        } else {
            reference.module.rsplit_once('.').map_or("", |(package, _)| package)
        };
        let found = super::foreign::value(&mut names, package, name)?;
        let found = match reference.names.get(1..).unwrap_or_default() {
            [] => found,
            [field] => super::foreign::field(&mut names, &found, field)?,
            _ => return None,
        };
        matches!(found, Value::Text(_)).then_some(found)
    }
}

fn place(root: &Path, module: &str) -> Option<Place> {
    let stem = root.join(module.replace('.', "/"));
    let found = |path: PathBuf| Some(Place { path, root: root.to_path_buf() });
    let (package, file) = (stem.join("__init__.py"), PathBuf::from(format!("{}.py", stem.display())));
    if package.is_file() {
        return found(package);
    }
    if file.is_file() {
        return found(file);
    }
    if stem.is_dir() { found(stem) } else { None }
}

/// The name that shed would import this file by, as its Python side finds it.
pub fn name_by_path(path: &Path, python_path: &[PathBuf]) -> String {
    let stem = if path.ends_with("__init__.py") {
        path.parent().unwrap_or(path).to_path_buf()
    } else {
        path.with_extension("")
    };
    let is_word = |part: &str| {
        !part.is_empty()
            && !part.starts_with(|c: char| c.is_ascii_digit())
            && part.chars().all(|c| c.is_alphanumeric() || c == '_')
    };
    for root in python_path {
        let Ok(inside) = stem.strip_prefix(root) else { continue };
        let parts: Vec<String> =
            inside.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
        if !parts.is_empty() && parts.iter().all(|part| is_word(part)) {
            return parts.join(".");
        }
    }
    let mut parts = vec![stem.file_name().unwrap_or_default().to_string_lossy().into_owned()];
    let mut folder = stem.parent();
    while let Some(above) = folder.filter(|folder| folder.join("__init__.py").is_file()) {
        parts.insert(0, above.file_name().unwrap_or_default().to_string_lossy().into_owned());
        folder = above.parent();
    }
    parts.join(".")
}
