//! `shed cache`: what is kept in the cache directory.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use crate::alembic::kept::{KeptTemplate, Store};
use crate::engine::Engine;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::keep;
use crate::output::{Output, Report};
use crate::settings::{self, Settings};

use super::own;

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
    /// Those of them that are on a server for copies.
    pub databases: Vec<Database>,
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

/// A scratch database that is kept on a server for copies.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Database {
    pub target: String,
    /// `development.pglocal`
    pub server: String,
    pub database: String,
}

/// Shows or clears it.
pub fn cache(args: &Args, flag: Option<&Path>, environment: &Environment, out: &Output) -> Result<Cache> {
    let folder = environment.cache_dir();
    let store = Store::of(environment);
    let entries = store.as_ref().map(Store::entries).unwrap_or_default();
    let kept = store.as_ref().map(Store::templates).unwrap_or_default();
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
    if let (true, Some(folder), Some(store)) = (cleared, &folder, &store) {
        demand_ours(&folder.join("v1"))?;
        drop_databases(&kept, &store.id(), flag, environment, out);
        clear(&folder.join("v1"))?;
    }
    let checks = entries.into_iter().map(check).collect();
    Ok(Cache {
        folder,
        checks,
        settings,
        revisions,
        snapshots,
        databases: kept.iter().map(database).collect(),
        cleared,
    })
}

fn database(kept: &KeptTemplate) -> Database {
    let server = format!("development.{}", kept.server);
    Database { target: kept.target.clone(), server, database: kept.template.name.clone() }
}

/// On each server of the settings where there are any; what stays is told, and goes by itself when nobody uses it.
fn drop_databases(kept: &[KeptTemplate], cache: &str, flag: Option<&Path>, environment: &Environment, out: &Output) {
    let mut servers: Vec<&str> = kept.iter().map(|kept| kept.server.as_str()).collect();
    servers.sort_unstable();
    servers.dedup();
    for server in servers {
        if let Err(error) = drop_on(server, cache, flag, environment, out) {
            let what = format!("the databases that are kept on development.{server} were not dropped: {error}");
            out.warn(&format!("{what}\na check on that server will drop them"));
        }
    }
}

fn drop_on(server: &str, cache: &str, flag: Option<&Path>, environment: &Environment, out: &Output) -> Result<()> {
    let settings = Settings::read(&Settings::find(flag, environment)?, environment)?;
    let Some(found) = settings.development().get(server) else {
        return Err(Error::usage(format!("{} has no such server", settings.path().display())));
    };
    settings.demand_development(server)?;
    let mut there = settings::Database { db_name: Some("postgres".to_owned()), ..found.clone() };
    let own =
        found.embedded.map(|own| own::started(&own::wanted(&settings, found, own), environment, out)).transpose()?;
    if let Some(own) = &own {
        there.connection = settings::Connection::Postgres(own.connection.clone());
        there.pg_bin = Some(own.bin.clone());
    }
    match Engine::of(&there, settings.root(), environment)? {
        Engine::Postgres(there) => there.drop_templates(cache, None),
        Engine::Sqlite(_) => Ok(()),
    }
}

fn demand_ours(all: &Path) -> Result<()> {
    match keep::is_ours(all) {
        Err(error) if is_gone(&error) => Ok(()),
        Ok(true) => Ok(()),
        _ => Err(Error::environment(format!("{} is not ours to clear", all.display()))),
    }
}

fn is_gone(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::NotFound
}

fn clear(all: &Path) -> Result<()> {
    ["checks", "heads", "revisions", "settings"].iter().map(|part| all.join(part)).try_for_each(|folder| {
        match fs::remove_dir_all(&folder) {
            Err(error) if !is_gone(&error) => {
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
        for database in &self.databases {
            writeln!(f, "    {} ({} on {})", database.target, database.database, database.server)?;
        }
        writeln!(f, "  checks          {}", self.checks.len())?;
        self.checks.iter().try_for_each(|check| writeln!(f, "    {} ({})", check.target, check.kind))
    }
}

impl Report for Cache {}
