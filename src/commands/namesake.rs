//! Another program called `shed`: PyPI has a formatter whose distribution, command and import name that is.

use std::path::{Path, PathBuf};

use crate::process;

use super::Scope;
use super::doctor::ProjectFound;

/// What is worth knowing of it: in the projects' environments, and on PATH before this program.
pub fn notes(scope: &Scope<'_>, projects: &[ProjectFound]) -> Vec<String> {
    let mut told: Vec<&PathBuf> = Vec::new();
    let mut notes = Vec::new();
    for project in projects {
        let version = project.versions.as_ref().and_then(|versions| versions.formatter.as_ref());
        let (Some(version), Some(python)) = (version, &project.python) else { continue };
        if !told.contains(&python) {
            told.push(python);
            notes.push(format!(
                "{}: the formatter shed {version} is installed in its Python, and its command is `shed` too: {} -m pip uninstall shed",
                project.project,
                python.display()
            ));
        }
    }
    notes.extend(first_on_path(scope).map(|other| {
        let what = if is_script(&other) { "the formatter" } else { "another program" };
        format!("`shed` is {what} {} on PATH, not this one", other.display())
    }));
    notes
}

/// The `shed` of PATH, where it is not this program.
fn first_on_path(scope: &Scope<'_>) -> Option<PathBuf> {
    let found = process::find("shed", scope.environment.os("PATH"), scope.environment.working_dir())?;
    let own = scope.environment.executable()?.canonicalize().ok()?;
    (found.canonicalize().ok()? != own).then_some(found)
}

/// The formatter's command is a script of Python's; this program may be wrapped in one of the shell's.
fn is_script(path: &Path) -> bool {
    std::fs::read(path)
        .is_ok_and(|text| text.starts_with(b"#!") && String::from_utf8_lossy(&text).contains("from shed"))
}
