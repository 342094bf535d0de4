//! `shed load`: a dump into an empty database, all or nothing.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use crate::alembic::event::heads_in_words;
use crate::engine::{Engine, Lock, Watch};
use crate::error::{Error, Result};
use crate::output::Report;

use super::Scope;
use super::completions::TARGETS;
use super::scope::Chosen;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// PROJECT.DATABASE or development.SERVER/NAME
    #[arg(value_name = "TARGET", add = TARGETS())]
    target: String,
    /// What `shed dump` wrote: SQL, or a file or folder in PostgreSQL's own formats [default: the project's `schema_file`]
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Say what would be done; load nothing
    #[arg(long)]
    dry_run: bool,
}

/// What was loaded.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Loaded {
    pub target: String,
    pub database: String,
    pub file: PathBuf,
    /// Whether the database was made for it.
    pub created: bool,
    pub loaded: bool,
    /// The revisions that it holds now.
    pub heads: Vec<String>,
}

/// The kinds of files that can be loaded.
enum Kind {
    Sql,
    Archive,
}

/// Fills an empty database, made where it is missing; a failure leaves nothing of the file in it.
pub fn load(scope: &Scope<'_>, args: &Args) -> Result<Loaded> {
    let mut chosen = vec![scope.named(&args.target, "load")?];
    if !args.dry_run {
        chosen = scope.allow_writing(chosen)?;
    }
    let Some(chosen) = chosen.first() else { return Err(Error::usage("no target is left")) };
    let engine = scope.reach(chosen)?;
    scope.refuse_memory(chosen, &engine)?;
    let file = match &args.file {
        Some(file) => scope.environment.working_dir().join(file),
        None => scope.schema_file(chosen)?,
    };
    let kind = kind(&file)?;
    let there = engine.exists()?;
    if there {
        refuse_content(chosen, &engine)?;
    }
    let mut report = Loaded {
        target: chosen.name.clone(),
        database: engine.place(),
        file,
        created: !there,
        loaded: false,
        heads: Vec::new(),
    };
    if args.dry_run {
        return Ok(report);
    }
    scope.confirm(&format!("load {} into {} ({})?", report.file.display(), chosen.name, engine.place()))?;
    report.created = scope.watched(|watch| load_locked(scope, chosen, &engine, (&report.file, kind), watch))?;
    report.loaded = true;
    report.heads = heads(scope, chosen, &engine);
    Ok(report)
}

/// Whether the database had to be made.
fn load_locked(
    scope: &Scope<'_>,
    chosen: &Chosen<'_>,
    engine: &Engine,
    (file, kind): (&Path, Kind),
    watch: &Watch<'_>,
) -> Result<bool> {
    engine.make_room()?;
    let mut held = scope.hold(chosen, engine, "load", watch)?;
    let made = !engine.exists()?;
    if made {
        engine.create()?;
        scope.out.note(&format!("{}: {} created", chosen.name, engine.place()));
    } else {
        refuse_content(chosen, engine)?;
    }
    let filled = match kind {
        Kind::Sql => engine.run_file(file, watch),
        Kind::Archive => engine.load_archive(file, watch),
    };
    if filled.is_err() && made {
        if let Lock::Session(session) = &mut held.lock {
            session.leave_target();
        }
        engine.drop_database(false)?;
        scope.out.note(&format!("{}: {} removed again", chosen.name, engine.place()));
    }
    match filled {
        // One transaction leaves nothing, unless the file itself ends it.
        Err(error) if !made && !engine.is_empty().unwrap_or(true) => {
            Err(error.remark("the file ends its transaction by itself (COMMIT): what it made until then is there"))
        }
        filled => filled.map(|()| made),
    }
}

fn refuse_content(chosen: &Chosen<'_>, engine: &Engine) -> Result<()> {
    if engine.is_empty()? {
        return Ok(());
    }
    let name = &chosen.name;
    Err(Error::usage(format!("{name}: {} is not empty", engine.place()))
        .help(format!("shed drop {name} removes it; shed clone SOURCE {name} replaces what it holds")))
}

fn kind(file: &Path) -> Result<Kind> {
    if file.join("toc.dat").is_file() {
        return Ok(Kind::Archive);
    }
    let mut beginning = Vec::new();
    let read = File::open(file).and_then(|file| file.take(16).read_to_end(&mut beginning));
    if let Err(error) = read {
        return Err(Error::usage(format!("could not read {}: {error}", file.display()))
            .help("name what `shed dump TARGET -o FILE` wrote"));
    }
    match beginning.as_slice() {
        [b'P', b'G', b'D', b'M', b'P', ..] => Ok(Kind::Archive),
        b"SQLite format 3\0" => Err(Error::usage(format!("{} is a SQLite database, not a dump", file.display()))
            .help("`shed clone` copies databases")),
        _ => Ok(Kind::Sql),
    }
}

/// Loaded is loaded, whether they can be read or not.
fn heads(scope: &Scope<'_>, chosen: &Chosen<'_>, engine: &Engine) -> Vec<String> {
    let tables = scope.version_tables(chosen, engine).unwrap_or_default();
    let rows = tables.iter().filter_map(|(schema, table)| engine.heads(schema.as_deref(), table).ok().flatten());
    rows.flatten().collect()
}

impl fmt::Display for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display();
        match (self.loaded, self.created) {
            (true, _) if self.heads.is_empty() => writeln!(f, "{}: {file} loaded", self.target),
            (true, _) => writeln!(f, "{}: {file} loaded, at {}", self.target, heads_in_words(&self.heads)),
            (false, false) => writeln!(f, "{}: {file} would be loaded into {}", self.target, self.database),
            (false, true) => {
                writeln!(f, "{}: {} would be created, and {file} loaded into it", self.target, self.database)
            }
        }
    }
}

impl Report for Loaded {}
