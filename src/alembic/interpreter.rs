//! The Python that a project's Alembic lives in.

use std::path::{Path, PathBuf};

use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::process::{self, Tool};
use crate::settings::{Project, Python, Settings};

/// An interpreter and how it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interpreter {
    pub program: PathBuf,
    /// For people: `python: of billing`, `.venv beside the models`, `VIRTUAL_ENV`, …
    pub found: String,
}

/// Finds the interpreter: the project's setting, `.venv` from the models upwards, the active environment, PATH.
pub fn find(settings: &Settings, project: &Project, environment: &Environment) -> Result<Interpreter> {
    if let Some(python) = &project.python {
        return of_setting(python, project, environment);
    }
    if let Some(found) = beside(&project.folder, settings.folder()) {
        return Ok(found);
    }
    for variable in ["VIRTUAL_ENV", "CONDA_PREFIX"] {
        if let Some(program) = environment.path(variable).and_then(|folder| inside(&folder)) {
            return Ok(Interpreter { program, found: variable.to_owned() });
        }
    }
    for name in ["python3", "python"] {
        if let Some(program) = process::find(name, environment.os("PATH"), environment.working_dir()) {
            return Ok(Interpreter { program, found: "PATH".to_owned() });
        }
    }
    Err(Error::environment(format!("no Python was found for project {}", project.name))
        .help(format!("set projects.{}.python to an interpreter or a virtual environment", project.name)))
}

fn of_setting(python: &Python, project: &Project, environment: &Environment) -> Result<Interpreter> {
    let asked = |program: &str, arguments: &[&str]| ask(program, arguments, project, environment);
    match python {
        Python::Path(path) => of_path(path, project),
        Python::Uv => asked("uv", &["run", "--no-sync", "--quiet", "python", "-c", PRINT]),
        Python::Poetry => asked("poetry", &["env", "info", "--executable"]),
        Python::Pixi => asked("pixi", &["run", "--frozen", "--quiet", "python", "-c", PRINT]),
    }
}

const PRINT: &str = "import sys; print(sys.executable)";

fn of_path(path: &Path, project: &Project) -> Result<Interpreter> {
    let found = format!("`python` of {}", project.name);
    let program = if path.is_dir() { inside(path) } else { path.is_file().then(|| path.to_path_buf()) };
    program.map(|program| Interpreter { program, found }).ok_or_else(|| {
        let what = if path.is_dir() { "has no bin/python" } else { "is not there" };
        Error::environment(format!("projects.{}.python: {} {what}", project.name, path.display()))
            .help("make the environment, or name another interpreter or virtual environment")
    })
}

/// Asks a tool that manages environments; its own folder rules hold, so it runs where the models are.
fn ask(program: &str, arguments: &[&str], project: &Project, environment: &Environment) -> Result<Interpreter> {
    let Some(path) = process::find(program, environment.os("PATH"), environment.working_dir()) else {
        return Err(Error::environment(format!(
            "projects.{}.python is `{program}`, which was not found",
            project.name
        ))
        .help(format!("install {program}, or name the interpreter itself")));
    };
    let folder = nearest_folder(&project.folder);
    let tool = Tool::new(path).args(arguments.iter().copied()).dir(folder);
    let command = tool.command_line();
    let captured = tool.capture()?;
    let said = String::from_utf8_lossy(&captured.stdout);
    let program_found = said.lines().last().map(PathBuf::from).filter(|path| path.is_file());
    program_found.map(|found| Interpreter { program: found, found: program.to_owned() }).ok_or_else(|| {
        Error::environment(format!("`{command}` named no interpreter for project {}", project.name))
            .detail(String::from_utf8_lossy(&captured.stderr).trim().to_owned())
            .help(format!("run it in {}, or name the interpreter itself", folder.display()))
    })
}

fn nearest_folder(folder: &Path) -> &Path {
    folder.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("/"))
}

/// `.venv` (or pixi's environment) from the models' folder upwards to the settings file's.
fn beside(from: &Path, to: &Path) -> Option<Interpreter> {
    let inside_settings = from.starts_with(to);
    let folders = from.ancestors().take_while(|folder| !inside_settings || folder.starts_with(to));
    let folders = folders.take(if inside_settings { usize::MAX } else { 1 }).chain(std::iter::once(to));
    for folder in folders {
        for name in [".venv", ".pixi/envs/default"] {
            let environment = folder.join(name);
            if let Some(program) = inside(&environment) {
                return Some(Interpreter { program, found: environment.display().to_string() });
            }
        }
    }
    None
}

fn inside(environment: &Path) -> Option<PathBuf> {
    ["bin/python", "bin/python3"].iter().map(|name| environment.join(name)).find(|program| program.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn environment_at(folder: &Path) {
        fs::create_dir_all(folder.join("bin")).unwrap();
        fs::write(folder.join("bin/python"), "").unwrap();
    }

    #[test]
    fn the_nearest_environment_above_the_models_wins() {
        let root = tempfile::tempdir().unwrap();
        let models = root.path().join("services/billing/billing");
        fs::create_dir_all(&models).unwrap();
        environment_at(&root.path().join(".venv"));
        assert_eq!(beside(&models, root.path()).unwrap().program, root.path().join(".venv/bin/python"));
        environment_at(&root.path().join("services/billing/.venv"));
        let found = beside(&models, root.path()).unwrap().program;
        assert_eq!(found, root.path().join("services/billing/.venv/bin/python"));
    }

    #[test]
    fn environments_above_the_settings_are_not_taken() {
        let root = tempfile::tempdir().unwrap();
        environment_at(&root.path().join(".venv"));
        let settings = root.path().join("repository");
        fs::create_dir_all(settings.join("models")).unwrap();
        assert_eq!(beside(&settings.join("models"), &settings), None);
    }
}
