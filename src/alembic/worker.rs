//! The Python side, compiled into the binary and written where its bytecode can stay.

use std::path::{Path, PathBuf};

use crate::environment::Environment;
use crate::error::Result;
use crate::keep::{self, private_folder, state_dir};
use crate::render::Workspace;

/// Every file of `python/shed_db/` (a test compares the list with the folder).
const FILES: &[(&str, &str)] = &[
    ("__init__.py", include_str!("../../python/shed_db/__init__.py")),
    ("autogenerate.py", include_str!("../../python/shed_db/autogenerate.py")),
    ("blame.py", include_str!("../../python/shed_db/blame.py")),
    ("boot.py", include_str!("../../python/shed_db/boot.py")),
    ("carry.py", include_str!("../../python/shed_db/carry.py")),
    ("commands.py", include_str!("../../python/shed_db/commands.py")),
    ("database.py", include_str!("../../python/shed_db/database.py")),
    ("differences.py", include_str!("../../python/shed_db/differences.py")),
    ("drivers.py", include_str!("../../python/shed_db/drivers.py")),
    ("engine.py", include_str!("../../python/shed_db/engine.py")),
    ("env.py", include_str!("../../python/shed_db/env.py")),
    ("events.py", include_str!("../../python/shed_db/events.py")),
    ("failure.py", include_str!("../../python/shed_db/failure.py")),
    ("filters.py", include_str!("../../python/shed_db/filters.py")),
    ("foreign_keys.py", include_str!("../../python/shed_db/foreign_keys.py")),
    ("fork.py", include_str!("../../python/shed_db/fork.py")),
    ("from_models.py", include_str!("../../python/shed_db/from_models.py")),
    ("graph.py", include_str!("../../python/shed_db/graph.py")),
    ("guard.py", include_str!("../../python/shed_db/guard.py")),
    ("hook.py", include_str!("../../python/shed_db/hook.py")),
    ("imports.py", include_str!("../../python/shed_db/imports.py")),
    ("logs.py", include_str!("../../python/shed_db/logs.py")),
    ("metadata.py", include_str!("../../python/shed_db/metadata.py")),
    ("models.py", include_str!("../../python/shed_db/models.py")),
    ("modules.py", include_str!("../../python/shed_db/modules.py")),
    ("own_env.py", include_str!("../../python/shed_db/own_env.py")),
    ("probe.py", include_str!("../../python/shed_db/probe.py")),
    ("progress.py", include_str!("../../python/shed_db/progress.py")),
    ("redact.py", include_str!("../../python/shed_db/redact.py")),
    ("refusal.py", include_str!("../../python/shed_db/refusal.py")),
    ("runs.py", include_str!("../../python/shed_db/runs.py")),
    ("session.py", include_str!("../../python/shed_db/session.py")),
    ("settings.py", include_str!("../../python/shed_db/settings.py")),
    ("snapshot.py", include_str!("../../python/shed_db/snapshot.py")),
    ("steps.py", include_str!("../../python/shed_db/steps.py")),
    ("sql.py", include_str!("../../python/shed_db/sql.py")),
    ("sql_run.py", include_str!("../../python/shed_db/sql_run.py")),
    ("sql_text.py", include_str!("../../python/shed_db/sql_text.py")),
    ("sql_types.py", include_str!("../../python/shed_db/sql_types.py")),
    ("sql_write.py", include_str!("../../python/shed_db/sql_write.py")),
    ("url.py", include_str!("../../python/shed_db/url.py")),
    ("verify.py", include_str!("../../python/shed_db/verify.py")),
    ("versions.py", include_str!("../../python/shed_db/versions.py")),
    ("witness.py", include_str!("../../python/shed_db/witness.py")),
    ("worker.py", include_str!("../../python/shed_db/worker.py")),
];

/// The folder of the Python side: in the state directory, once per version of it, so that Python compiles it
/// only once; in the run's own directory where there is no such place.
pub fn place(environment: &Environment, workspace: &Workspace) -> Result<PathBuf> {
    let kept = state_dir(environment).map(|state| state.join("v1/python")).and_then(|all| put(&all).ok());
    if let Some(folder) = kept {
        return Ok(folder);
    }
    for (name, source) in FILES {
        workspace.write(&format!("shed_db/{name}"), source.as_bytes())?;
    }
    Ok(workspace.path().join("shed_db"))
}

/// Written aside and renamed, so that no run ever sees half of it; never into a folder that others may write to.
fn put(all: &Path) -> std::io::Result<PathBuf> {
    let folder = all.join(format!("{:016x}", keep::digest(FILES.iter().flat_map(|(name, source)| [*name, *source]))));
    private_folder(all)?;
    if !keep::is_ours(all)? {
        return Err(std::io::ErrorKind::PermissionDenied.into());
    }
    if folder.join("worker.py").is_file() {
        return Ok(folder);
    }
    let aside = tempfile::Builder::new().prefix("new-").tempdir_in(all)?;
    for (name, source) in FILES {
        std::fs::write(aside.path().join(name), source)?;
    }
    match std::fs::rename(aside.path(), &folder) {
        Err(error) if !folder.join("worker.py").is_file() => Err(error),
        _ => Ok(folder),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_python_side_is_carried() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/python/shed_db");
        let mut found: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.ends_with(".py"))
            .collect();
        found.sort();
        let carried: Vec<&str> = FILES.iter().map(|(name, _)| *name).collect();
        assert_eq!(carried, found);
    }

    #[test]
    fn the_python_side_is_written_once() {
        let all = tempfile::tempdir().unwrap();
        let first = put(all.path()).unwrap();
        std::fs::write(first.join("mark"), "").unwrap();
        assert!(put(all.path()).unwrap().join("mark").exists());
        assert_eq!(std::fs::read_dir(all.path()).unwrap().count(), 1);
    }
}
