//! The schema file of a project: kept in git, compared with the database, written after migrating.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;
use similar::TextDiff;

use crate::engine::{Content, Dumping, Engine, Identity};
use crate::error::{Error, Result};
use crate::settings::{Database, Project};

use super::dump::whole;
use super::outfile::Outfile;
use super::scope::{Chosen, Scope};

/// How a file and a database compare.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Stale {
    pub target: String,
    pub file: PathBuf,
    pub up_to_date: bool,
    /// Whether the file is not there.
    pub missing: bool,
    /// From the file to the database, as `diff -u` writes it.
    pub diff: String,
}

/// Compares the database's schema with a file, or with the project's own.
pub fn compare(scope: &Scope<'_>, chosen: &Chosen<'_>, engine: &Engine, file: Option<&Path>) -> Result<Stale> {
    let file = match file {
        Some(file) => scope.environment.working_dir().join(file),
        None => scope.schema_file(chosen)?,
    };
    let before = read(&file)?;
    let now = schema(scope, chosen, engine)?;
    let (target, missing) = (chosen.name.clone(), before.is_none());
    if missing {
        scope.out.line(&format!("{target}: {} is not there", file.display()));
    }
    let up_to_date = before.as_ref() == Some(&now);
    let diff = if up_to_date { String::new() } else { difference(&before.unwrap_or_default(), &now, &file, &target) };
    if !up_to_date {
        scope.out.note(&format!("help: write it anew: shed dump {target} -o {}", file.display()));
    }
    Ok(Stale { target, file, up_to_date, missing, diff })
}

/// Before the database is migrated: what [`after_migrate`] would refuse.
pub fn before_migrate(scope: &Scope<'_>, chosen: &Chosen<'_>) -> Result<()> {
    match &chosen.database {
        Some(database) if database.options.dump_after_migrate && scope.is_own(chosen) => {
            scope.schema_file(chosen).map(drop)
        }
        _ => Ok(()),
    }
}

/// After the database was migrated, where `dump_after_migrate` says so: the schema file is written if it changed.
/// A database that is not the settings' own entry, a copy or one behind a URL, leaves the repository's file alone.
pub fn after_migrate(scope: &Scope<'_>, chosen: &Chosen<'_>) -> Result<()> {
    let Some(database) = chosen.database.as_ref().filter(|database| database.options.dump_after_migrate) else {
        return Ok(());
    };
    if !scope.is_own(chosen) {
        return Ok(());
    }
    let engine = scope.engine(database)?;
    if engine.identity() == Identity::Memory {
        return Ok(());
    }
    write(scope, chosen, &engine).map_err(|error| match error.words() {
        Some(words) => {
            let what = format!("{} is migrated, but its schema file was not written: {}", chosen.name, words.what);
            error.clone().reworded(what)
        }
        None => error,
    })
}

fn write(scope: &Scope<'_>, chosen: &Chosen<'_>, engine: &Engine) -> Result<()> {
    let file = scope.schema_file(chosen)?;
    let now = schema(scope, chosen, engine)?;
    if read(&file)?.as_ref() == Some(&now) {
        return Ok(());
    }
    let mut out = Outfile::at(&file)?;
    out.write(&now)?;
    out.keep()?;
    scope.out.note(&format!("{}: {} written", chosen.name, file.display()));
    Ok(())
}

impl Scope<'_> {
    /// The project's schema file; two projects, or two engines that both write it, would overwrite each other's.
    pub fn schema_file(&self, chosen: &Chosen<'_>) -> Result<PathBuf> {
        let own = self.database_of(chosen)?;
        let file = own.options.schema_file.clone();
        let clashes = |project: &Project, other: &Database| {
            let both_write = own.options.dump_after_migrate && other.options.dump_after_migrate;
            other.options.schema_file == file
                && (project.name != chosen.project.name || (both_write && other.kind != own.kind))
        };
        let all = self.settings.projects()?.values();
        let mut all = all.flat_map(|project| project.db.values().map(move |other| (project, other)));
        match all.find(|(project, other)| clashes(project, other)) {
            Some((project, other)) => Err(Error::usage(format!(
                "{} is the schema file of {} and of {}.{}",
                file.display(),
                chosen.name,
                project.name,
                other.name
            ))
            .help("give each a `schema_file` of its own, in the project or in the database")),
            None => Ok(file),
        }
    }

    /// Every version table that may be in this database: its own, and those of others that share it.
    /// A copy may be anybody's.
    pub fn version_tables(&self, chosen: &Chosen<'_>, engine: &Engine) -> Result<Vec<(Option<String>, String)>> {
        let (here, is_own) = (Some(engine.identity()), self.is_own(chosen));
        let may_be_here = |database: &Database| !is_own || Engine::identity_of(database, self.environment) == here;
        self.tables_of_all(chosen, may_be_here, |project, database| {
            let (schema, table) = project.version_table(&database.options);
            (schema.or_else(|| database.options.schema.clone()), table)
        })
    }
}

fn schema(scope: &Scope<'_>, chosen: &Chosen<'_>, engine: &Engine) -> Result<Vec<u8>> {
    let tables = scope.version_tables(chosen, engine)?;
    let dumping = Dumping { content: Content::Schema, version_tables: &tables, rights: false };
    scope.watched(|watch| whole(engine, &dumping, watch))
}

fn read(file: &Path) -> Result<Option<Vec<u8>>> {
    match fs::read(file) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::environment(format!("could not read {}: {error}", file.display()))),
    }
}

fn difference(before: &[u8], now: &[u8], file: &Path, target: &str) -> String {
    let [before, now] = [before, now].map(String::from_utf8_lossy);
    let diff = TextDiff::from_lines(&*before, &*now);
    diff.unified_diff().context_radius(3).header(&file.display().to_string(), target).to_string()
}

impl fmt::Display for Stale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.up_to_date {
            return writeln!(f, "{}: {} is up to date", self.target, self.file.display());
        }
        f.write_str(&self.diff)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_file_is_shown_as_diff_writes_it() {
        let text = difference(b"a\nb\n", b"a\nc\n", Path::new("/r/schema.sql"), "app.main");
        assert_eq!(text, "--- /r/schema.sql\n+++ app.main\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n");
    }
}
