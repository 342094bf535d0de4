//! The files that a run of Alembic reads, once for all runs of a command that have them alike.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::render::Workspace;
use crate::settings::Settings;

use super::context::Context;
use super::ini::Values;
use super::plan::Plan;
use super::worker;

/// What was rendered for this command; it is removed when this is dropped.
#[derive(Default)]
pub struct Rendered {
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// By the values that the templates are rendered with, and a template of the project's own.
    folders: HashMap<(String, Option<PathBuf>), Arc<Workspace>>,
    /// The worker's file.
    worker: Option<PathBuf>,
}

/// The context of one run, in a file that is gone when this is dropped.
pub struct Written(PathBuf);

impl Rendered {
    /// The folder with the rendered files for this plan.
    pub fn folder(&self, plan: &Plan<'_>, settings: &Settings) -> Result<Arc<Workspace>> {
        let template = plan.project.script_template.as_deref();
        let values = serde_json::to_string(&Values::of(plan, settings, Path::new(""))?).unwrap_or_default();
        let key = (values, template.map(Path::to_path_buf));
        let mut known = self.locked();
        if let Some(found) = known.folders.get(&key) {
            return Ok(Arc::clone(found));
        }
        let workspace = Arc::new(Workspace::new()?);
        render(&workspace, &Values::of(plan, settings, workspace.path())?, template)?;
        known.folders.insert(key, Arc::clone(&workspace));
        Ok(workspace)
    }

    /// The worker's file, written where its bytecode can stay.
    pub fn worker(&self, environment: &Environment, workspace: &Workspace) -> Result<PathBuf> {
        let mut known = self.locked();
        if let Some(found) = &known.worker {
            return Ok(found.clone());
        }
        let found = worker::place(environment, workspace)?.join("worker.py");
        Ok(known.worker.insert(found).clone())
    }

    fn locked(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Written {
    pub fn context(workspace: &Workspace, run: &str, context: &Context<'_>) -> Result<Self> {
        let json = serde_json::to_vec(context)
            .map_err(|error| Error::failed(format!("could not write the run's context: {error}")))?;
        workspace.write(&format!("context-{run}.json"), &json).map(Self)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn render(workspace: &Workspace, values: &Values<'_>, template: Option<&Path>) -> Result<()> {
    let Some(path) = template else {
        return workspace.render(&["alembic.ini", "env.py", "script.py.mako"], values);
    };
    workspace.render(&["alembic.ini", "env.py"], values)?;
    let missing = |error| Error::usage(format!("script_template {}: {error}", path.display()));
    workspace.write("script.py.mako", &fs::read(path).map_err(missing)?).map(drop)
}
