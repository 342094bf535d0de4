//! Warm interpreters for several targets: one for each Python that more than one of them runs on.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::environment::Environment;
use crate::error::Result;
use crate::process::{Forks, SOCKET, START, Tool};
use crate::settings::{Project, Settings};

use super::interpreter::{self, Interpreter};
use super::rendered::Rendered;

/// Variables that are read when the interpreter, the system's loader or a library starts: no child can have others.
const READ_AT_START: [&str; 8] =
    ["PYTHON", "DISABLE_SQLALCHEMY_CEXT", "LD_", "DYLD_", "LC_", "LANG", "MALLOC_", "OPENSSL_"];

/// The interpreters of one command, and who is still to use them.
#[derive(Default)]
pub struct Warm {
    known: Mutex<Known>,
    /// The files that they read.
    pub(super) rendered: Rendered,
}

#[derive(Default)]
struct Known {
    /// The projects of the targets that are not counted yet.
    expected: Vec<String>,
    /// By project.
    interpreters: HashMap<String, Interpreter>,
    groups: HashMap<Key, Group>,
}

/// What one warm interpreter serves: the program, its variables, and the folder where that matters.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    program: PathBuf,
    variables: Vec<(String, String)>,
    cwd: Option<PathBuf>,
}

#[derive(Default)]
struct Group {
    /// Targets that are not done.
    left: usize,
    shared: bool,
    forks: Option<Arc<Forks>>,
}

impl Warm {
    /// These projects have a target each that is to come. Who runs no Python is not asked for one.
    pub fn expect(&self, projects: impl Iterator<Item = String>) {
        self.locked().expected.extend(projects);
    }

    /// A target of this project is done; the last one ends the interpreter.
    pub fn leave(&self, project: &Project, environment: &Environment) {
        let mut known = self.locked();
        if let Some(at) = known.expected.iter().position(|name| *name == project.name) {
            known.expected.swap_remove(at);
        } else if let Some(interpreter) = known.interpreters.get(&project.name) {
            let key = Key::of(interpreter, project, environment);
            if let Some(group) = known.groups.get_mut(&key) {
                group.left = group.left.saturating_sub(1);
                group.forks.take_if(|_| group.left == 0);
            }
        }
    }

    /// The project's interpreter, looked for once.
    pub(super) fn interpreter(
        &self,
        settings: &Settings,
        project: &Project,
        environment: &Environment,
    ) -> Result<Interpreter> {
        let mut known = self.locked();
        known.count(settings, environment);
        known.interpreter(settings, project, environment)
    }

    /// The one that forks for this project, started where it is the first to need it by `tool`.
    pub(super) fn forks(
        &self,
        interpreter: &Interpreter,
        project: &Project,
        environment: &Environment,
        tool: impl FnOnce() -> Tool,
    ) -> Option<Arc<Forks>> {
        let mut known = self.locked();
        let group = known.groups.get_mut(&Key::of(interpreter, project, environment)).filter(|group| group.shared)?;
        if group.forks.is_none() {
            let start = serde_json::json!({ "jobs": SOCKET, "targets": group.left }).to_string();
            group.forks = Forks::start(tool().env(START, start)).ok().map(Arc::new);
            group.shared = group.forks.is_some();
        }
        group.forks.clone()
    }

    fn locked(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// Who shares an interpreter; what is wrong with a project's Python is said when it runs.
    fn count(&mut self, settings: &Settings, environment: &Environment) {
        for name in std::mem::take(&mut self.expected) {
            let Ok(Some(project)) = settings.project(&name) else { continue };
            let Ok(interpreter) = self.interpreter(settings, project, environment) else { continue };
            let group = self.groups.entry(Key::of(&interpreter, project, environment)).or_default();
            group.left += 1;
            // The system's own libraries do not outlive a fork on macOS.
            group.shared |= group.left > 1 && cfg!(target_os = "linux");
        }
    }

    fn interpreter(
        &mut self,
        settings: &Settings,
        project: &Project,
        environment: &Environment,
    ) -> Result<Interpreter> {
        if let Some(found) = self.interpreters.get(&project.name) {
            return Ok(found.clone());
        }
        let found = interpreter::find(settings, project, environment)?;
        self.interpreters.insert(project.name.clone(), found.clone());
        Ok(found)
    }
}

impl Key {
    fn of(interpreter: &Interpreter, project: &Project, environment: &Environment) -> Self {
        let early = |name: &str| READ_AT_START.iter().any(|start| name.starts_with(start));
        let own = project.env.iter().filter(|(name, _)| early(name));
        let mut variables: Vec<_> = own.map(|(name, value)| (name.clone(), value.clone())).collect();
        variables.sort();
        let path = project.env.get("PYTHONPATH").map(String::as_str).or_else(|| environment.text("PYTHONPATH"));
        let relative = path.is_some_and(|path| path.split(':').any(|part| !part.starts_with('/')));
        Self { program: interpreter.program.clone(), variables, cwd: relative.then(|| project.cwd.clone()) }
    }
}
