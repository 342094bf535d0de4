//! `shed cache`: what is kept in the cache directory.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use crate::alembic::kept::Store;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::keep;
use crate::output::Report;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Show what is kept, and where
    #[command(after_help = "Example:\n  shed cache show --format json")]
    Show,
    /// Remove all that is kept; the next run begins anew
    #[command(after_help = "Example:\n  shed cache clear")]
    Clear,
}

/// What the cache directory holds, or held before it was cleared.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Cache {
    /// `null` where there is no home for it.
    pub folder: Option<PathBuf>,
    pub checks: Vec<Check>,
    /// Settings files whose outline is kept.
    pub settings: usize,
    /// Versions folders whose revisions are kept.
    pub revisions: usize,
    /// Scratch databases that are kept at their heads.
    pub snapshots: usize,
    pub cleared: bool,
}

/// A check without a database whose answer was "in order".
#[derive(Debug, Serialize, JsonSchema)]
pub struct Check {
    pub target: String,
    /// `sqlite`, `postgres`
    pub kind: String,
    pub bytes: u64,
}

/// Shows or clears it.
pub fn cache(args: &Args, environment: &Environment) -> Result<Cache> {
    let folder = environment.cache_dir();
    let entries = Store::of(environment).map(|store| store.entries()).unwrap_or_default();
    let check =
        |(entry, bytes): (crate::alembic::kept::Entry, u64)| Check { target: entry.target, kind: entry.kind, bytes };
    let count = |part: &str, ending: &str| {
        let files = folder.as_deref().and_then(|folder| fs::read_dir(folder.join(part)).ok());
        files
            .into_iter()
            .flatten()
            .flatten()
            .filter(|file| file.file_name().to_string_lossy().ends_with(ending))
            .count()
    };
    let (settings, snapshots) = (count("v1/settings", ""), count("v1/heads", ".json"));
    let revisions = count(crate::revisions::kept::FOLDER, "");
    let cleared = matches!(args.verb, Verb::Clear);
    if let (true, Some(folder)) = (cleared, &folder) {
        clear(&folder.join("v1"))?;
    }
    Ok(Cache { folder, checks: entries.into_iter().map(check).collect(), settings, revisions, snapshots, cleared })
}

fn clear(all: &Path) -> Result<()> {
    let gone = |error: &std::io::Error| error.kind() == std::io::ErrorKind::NotFound;
    match keep::is_ours(all) {
        Err(error) if gone(&error) => return Ok(()),
        Ok(true) => {}
        _ => return Err(Error::environment(format!("{} is not ours to clear", all.display()))),
    }
    ["checks", "heads", "revisions", "settings"].iter().map(|part| all.join(part)).try_for_each(|folder| {
        match fs::remove_dir_all(&folder) {
            Err(error) if !gone(&error) => {
                Err(Error::environment(format!("could not remove {}: {error}", folder.display())))
            }
            _ => Ok(()),
        }
    })
}

impl fmt::Display for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(folder) = &self.folder else {
            return writeln!(f, "there is no home for a cache: set SHED_CACHE_DIR");
        };
        let done = if self.cleared { " (cleared)" } else { "" };
        writeln!(f, "{}{done}", folder.display())?;
        writeln!(f, "  settings files  {}", self.settings)?;
        writeln!(f, "  revisions       {}", self.revisions)?;
        writeln!(f, "  snapshots       {}", self.snapshots)?;
        writeln!(f, "  checks          {}", self.checks.len())?;
        self.checks.iter().try_for_each(|check| writeln!(f, "    {} ({})", check.target, check.kind))
    }
}

impl Report for Cache {}
