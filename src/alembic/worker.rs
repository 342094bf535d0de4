//! The Python side, compiled into the binary and written where its bytecode can stay.

use std::path::{Path, PathBuf};

use crate::environment::Environment;
use crate::error::Result;
use crate::keep::{self, private_folder, state_dir};
use crate::render::Workspace;

/// Every file of `python/shed_db/` but those for applications, whose first line begins with `In the wheel alone`
/// (a test compares the list with the folder).
const FILES: &[(&str, &str)] = &[
    ("__init__.py", include_str!("../../python/shed_db/__init__.py")),
    ("autogenerate.py", include_str!("../../python/shed_db/autogenerate.py")),
    ("blame.py", include_str!("../../python/shed_db/blame.py")),
    ("boot.py", include_str!("../../python/shed_db/boot.py")),
    ("carry.py", include_str!("../../python/shed_db/carry.py")),
    ("commands.py", include_str!("../../python/shed_db/commands.py")),
    ("compare.py", include_str!("../../python/shed_db/compare.py")),
    ("database.py", include_str!("../../python/shed_db/database.py")),
    ("ddl.py", include_str!("../../python/shed_db/ddl.py")),
    ("diff.py", include_str!("../../python/shed_db/diff.py")),
    ("differences.py", include_str!("../../python/shed_db/differences.py")),
    ("drivers.py", include_str!("../../python/shed_db/drivers.py")),
    ("engine.py", include_str!("../../python/shed_db/engine.py")),
    ("env.py", include_str!("../../python/shed_db/env.py")),
    ("events.py", include_str!("../../python/shed_db/events.py")),
    ("failure.py", include_str!("../../python/shed_db/failure.py")),
    ("filters.py", include_str!("../../python/shed_db/filters.py")),
    ("findings.py", include_str!("../../python/shed_db/findings.py")),
    ("foreign_keys.py", include_str!("../../python/shed_db/foreign_keys.py")),
    ("fork.py", include_str!("../../python/shed_db/fork.py")),
    ("from_models.py", include_str!("../../python/shed_db/from_models.py")),
    ("given.py", include_str!("../../python/shed_db/given.py")),
    ("graph.py", include_str!("../../python/shed_db/graph.py")),
    ("guard.py", include_str!("../../python/shed_db/guard.py")),
    ("hook.py", include_str!("../../python/shed_db/hook.py")),
    ("imports.py", include_str!("../../python/shed_db/imports.py")),
    ("inventory.py", include_str!("../../python/shed_db/inventory.py")),
    ("ledger.py", include_str!("../../python/shed_db/ledger.py")),
    ("logs.py", include_str!("../../python/shed_db/logs.py")),
    ("metadata.py", include_str!("../../python/shed_db/metadata.py")),
    ("models.py", include_str!("../../python/shed_db/models.py")),
    ("modules.py", include_str!("../../python/shed_db/modules.py")),
    ("own_env.py", include_str!("../../python/shed_db/own_env.py")),
    ("places.py", include_str!("../../python/shed_db/places.py")),
    ("plain.py", include_str!("../../python/shed_db/plain.py")),
    ("probe.py", include_str!("../../python/shed_db/probe.py")),
    ("progress.py", include_str!("../../python/shed_db/progress.py")),
    ("redact.py", include_str!("../../python/shed_db/redact.py")),
    ("reflected.py", include_str!("../../python/shed_db/reflected.py")),
    ("refusal.py", include_str!("../../python/shed_db/refusal.py")),
    ("rehearsal.py", include_str!("../../python/shed_db/rehearsal.py")),
    ("round_trip.py", include_str!("../../python/shed_db/round_trip.py")),
    ("runs.py", include_str!("../../python/shed_db/runs.py")),
    ("session.py", include_str!("../../python/shed_db/session.py")),
    ("settings.py", include_str!("../../python/shed_db/settings.py")),
    ("snapshot.py", include_str!("../../python/shed_db/snapshot.py")),
    ("snapshot_server.py", include_str!("../../python/shed_db/snapshot_server.py")),
    ("sql.py", include_str!("../../python/shed_db/sql.py")),
    ("sql_run.py", include_str!("../../python/shed_db/sql_run.py")),
    ("sql_text.py", include_str!("../../python/shed_db/sql_text.py")),
    ("sql_types.py", include_str!("../../python/shed_db/sql_types.py")),
    ("sql_write.py", include_str!("../../python/shed_db/sql_write.py")),
    ("steps.py", include_str!("../../python/shed_db/steps.py")),
    ("unimported.py", include_str!("../../python/shed_db/unimported.py")),
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

    /// The files of the folder: whether each is for applications, and its text.
    fn found() -> Vec<(String, bool, String)> {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/python/shed_db"));
        let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| name.ends_with(".py")).collect();
        names.sort();
        let read = |name: String| {
            let text = std::fs::read_to_string(folder.join(&name)).unwrap();
            (name, text.starts_with("\"\"\"In the wheel alone: "), text)
        };
        names.into_iter().map(read).collect()
    }

    #[test]
    fn every_file_of_the_python_side_is_carried_but_those_for_applications() {
        let found = found();
        let needed: Vec<&str> = found.iter().filter(|(_, wheel, _)| !wheel).map(|(name, ..)| name.as_str()).collect();
        let carried: Vec<&str> = FILES.iter().map(|(name, _)| *name).collect();
        assert_eq!(carried, needed);
    }

    /// A name that stands in a branch for type checkers alone, or in `__getattr__`, is imported by nobody in a run.
    #[test]
    fn nothing_that_is_carried_imports_a_file_for_applications() {
        let found = found();
        let wheel: Vec<&str> =
            found.iter().filter(|(_, wheel, _)| *wheel).map(|(name, ..)| name.trim_end_matches(".py")).collect();
        for (name, ..) in FILES.iter().filter(|(name, _)| *name != "__init__.py") {
            let (.., text) = found.iter().find(|(found, ..)| found == name).unwrap();
            let imports = text.lines().map(str::trim).filter(|line| line.starts_with("from ."));
            let strangers: Vec<&str> = imports
                .filter(|line| line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| wheel.contains(&word)))
                .collect();
            assert!(strangers.is_empty(), "{name}: {strangers:?}");
        }
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
