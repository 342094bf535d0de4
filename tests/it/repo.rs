//! A repository of a test: a temporary folder with settings, models and revisions, and the runs of shed in it.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use assert_fs::TempDir;
use assert_fs::prelude::*;

use crate::call::{Call, path_with};
use crate::database::Database;

pub struct Repo {
    temp: TempDir,
    /// The repository's own folder, within the temporary one.
    root: PathBuf,
    environment: String,
}

/// The newest Alembic, with SQLAlchemy 2.1, SQLModel and every driver.
pub const NEW: &str = "new";
/// The oldest Alembic that shed supports, with SQLAlchemy 2.0 and psycopg2.
pub const OLD: &str = "old";
/// The newest Alembic with optuna and jupyterhub.
pub const PROJECTS: &str = "projects";

impl Repo {
    pub fn new() -> Self {
        Self::named("repo")
    }

    /// A repository in a folder of this name: quotes, spaces, percent signs.
    pub fn named(name: &str) -> Self {
        let temp = TempDir::new().unwrap();
        for folder in [name, "home", "tmp", "elsewhere"] {
            temp.child(folder).create_dir_all().unwrap();
        }
        let root = temp.path().canonicalize().unwrap().join(name);
        Self { temp, root, environment: NEW.into() }
    }

    /// Runs on another of the Python environments of tests/requirements.
    pub fn on(mut self, environment: &str) -> Self {
        self.environment = environment.into();
        self
    }

    /// Writes `shed.yaml`.
    pub fn settings(self, text: &str) -> Self {
        self.file("shed.yaml", text)
    }

    /// Writes a file, with its folders.
    pub fn file(self, path: &str, text: &str) -> Self {
        self.write(path, text);
        self
    }

    /// As [`Repo::file`], on a repository that is already in use.
    pub fn write(&self, path: &str, text: &str) {
        let file = self.path(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, text).unwrap();
    }

    /// Writes a program.
    pub fn program(&self, path: &str, text: &str) {
        self.write(path, text);
        std::fs::set_permissions(self.path(path), PermissionsExt::from_mode(0o755)).unwrap();
    }

    /// Writes a revision that runs these lines of Python upwards and those downwards; `after` is `""` for the first one.
    pub fn revision(self, folder: &str, id: &str, after: &str, upgrade: &str, downgrade: &str) -> Self {
        self.write(&format!("{folder}/{id}_.py"), &revision_text(id, after, upgrade, downgrade));
        self
    }

    /// The repository's folder, or a path in it.
    pub fn path(&self, path: &str) -> PathBuf {
        if path.is_empty() { self.root.clone() } else { self.root.join(path) }
    }

    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Removes a file or a folder.
    pub fn remove(&self, path: &str) {
        let path = self.path(path);
        if path.is_dir() { std::fs::remove_dir_all(path).unwrap() } else { std::fs::remove_file(path).unwrap() }
    }

    /// All files below a folder of the repository, sorted, without Python's caches.
    pub fn files(&self, folder: &str) -> Vec<String> {
        let start = self.path(folder);
        let mut files = Vec::new();
        walk(&start, &mut files);
        files.retain(|file| !file.to_string_lossy().contains("__pycache__"));
        let mut names: Vec<_> =
            files.iter().map(|file| file.strip_prefix(&start).unwrap().display().to_string()).collect();
        names.sort();
        names
    }

    /// A SQLite database in a file of the repository, which this does not make.
    pub fn sqlite(&self, path: &str) -> Database {
        Database::sqlite(self.path(path))
    }

    /// shed with these arguments: in an unrelated folder, with the settings named by the environment.
    pub fn shed<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Call {
        self.call(env!("CARGO_BIN_EXE_shed")).args(args)
    }

    /// A line for `sh`, where `shed` is on PATH.
    pub fn sh(&self, line: &str) -> Call {
        self.call("sh").args(["-c", line])
    }

    /// Any program, in the surroundings that shed gets.
    pub fn call(&self, program: impl AsRef<OsStr>) -> Call {
        let shed = Path::new(env!("CARGO_BIN_EXE_shed")).parent().unwrap().to_path_buf();
        Call::new(program, self.names())
            .dir(self.beside("elsewhere"))
            .env("HOME", self.beside("home"))
            .env("TMPDIR", self.beside("tmp"))
            .env("SHED_STATE_DIR", self.beside("state"))
            .env("SHED_SETTINGS", self.path("shed.yaml"))
            .env("VIRTUAL_ENV", environment(&self.environment))
            .env("PATH", path_with(&[shed]))
    }

    /// shed on a terminal: whenever the first text of a pair appears, the second is typed. `stdout` is what the terminal showed.
    pub fn shed_on_terminal<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>, typed: &[(&str, &str)]) -> Call {
        self.shed(args).on_terminal(&self.python(), typed)
    }

    /// The interpreter that the runs find.
    pub fn python(&self) -> PathBuf {
        environment(&self.environment).join("bin/python")
    }

    /// A folder beside the repository: `home`, `tmp`, `state`, `elsewhere`.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.temp.path().canonicalize().unwrap().join(name)
    }

    /// Folders that differ from run to run, the longer ones first.
    fn names(&self) -> Vec<(String, String)> {
        let environments = environment("").display().to_string();
        let named = |path: PathBuf, name: &str| (path.display().to_string(), name.to_owned());
        vec![
            named(self.path(""), "$REPO"),
            named(self.beside("home"), "$HOME"),
            named(self.beside("tmp"), "$TMPDIR"),
            named(self.beside("state"), "$STATE"),
            named(self.beside("elsewhere"), "$ELSEWHERE"),
            (environments.trim_end_matches('/').to_owned(), "$ENVIRONMENTS".to_owned()),
        ]
    }
}

impl Drop for Repo {
    /// No run leaves a temporary file behind, whatever it did.
    fn drop(&mut self) {
        let mut left = Vec::new();
        walk(&self.beside("tmp"), &mut left);
        if !std::thread::panicking() {
            assert!(left.is_empty(), "temporary files were left behind: {left:?}");
        }
    }
}

/// One of the Python environments that tests/run.sh makes.
pub fn environment(name: &str) -> PathBuf {
    let folder = std::env::var_os("SHED_TEST_ENVIRONMENTS").map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join(".venv-tests"));
    let environment = folder.join(name);
    assert!(environment.exists(), "there is no {}: run tests/run.sh, which makes it", environment.display());
    environment
}

/// A virtual environment that holds nothing but these packages of the newest one.
pub fn bare_environment(repo: &Repo, name: &str, packages: &[&str]) {
    repo.call(repo.python()).args(["-m", "venv", "--without-pip"]).arg(repo.path(name)).ok();
    let site = site_packages(&repo.path(name));
    for package in packages {
        std::os::unix::fs::symlink(site_packages(&environment("new")).join(package), site.join(package)).unwrap();
    }
}

/// Where an environment keeps its packages.
pub fn site_packages(environment: &Path) -> PathBuf {
    let lib = std::fs::read_dir(environment.join("lib")).unwrap().flatten().next().unwrap();
    lib.path().join("site-packages")
}

/// A revision file.
pub fn revision_text(id: &str, after: &str, upgrade: &str, downgrade: &str) -> String {
    let after = if after.is_empty() { "None".to_owned() } else { format!("{after:?}") };
    let indented = |lines: &str| lines.lines().map(|line| format!("    {line}\n")).collect::<String>();
    format!(
        "\"\"\"{id}\"\"\"\n\nimport sqlalchemy as sa\nfrom alembic import op\n\nrevision = {id:?}\ndown_revision = {after}\n\n\n\
         def upgrade():\n    pass\n{}\n\ndef downgrade():\n    pass\n{}",
        indented(upgrade),
        indented(downgrade)
    )
}

/// Copies a folder without what git ignores there.
pub fn copy_tree(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        match entry.file_name().to_str().unwrap() {
            ".venv" | ".shed" | "data" | "__pycache__" => {}
            _ if source.is_dir() => copy_tree(&source, &target),
            _ => std::fs::copy(&source, &target).map(drop).unwrap(),
        }
    }
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() && !path.is_symlink() { walk(&path, files) } else { files.push(path) }
    }
}
