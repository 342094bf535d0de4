//! `shed revision` where migrations are SQL files: dbmate's empty one, or both blocks from the models.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::alembic::{Step, Told};
use crate::commands::Scope;
use crate::commands::live::Live;
use crate::commands::planning::{Wishes, with_x};
use crate::commands::scope::{Chosen, Needs};
use crate::commands::wrote::Revised;
use crate::engine::backups::{digits, now};
use crate::error::{Error, Result};
use crate::revisions::sql::{self, Files, Written};
use crate::settings::Kind;

use super::Args;

/// Both blocks, as the worker tells them.
#[derive(Debug, Deserialize)]
struct Blocks {
    up: String,
    down: String,
}

pub fn revise(scope: &Scope<'_>, target: &Chosen<'_>, needs: Needs, args: &Args) -> Result<Revised> {
    refuse_flags(target, args)?;
    let kind = target.database_or_first().map_or(Kind::Sqlite, |database| database.kind);
    let versions = target.project.versions_for(kind);
    let files = sql::list(target.project, &versions)?;
    let version = version(&files, args.rev_id.as_deref())?;
    let folder = folder(scope, &files, sql::folders(target.project, &versions)?.first().copied(), args)?;
    let told = if args.autogenerate { compare(scope, target, needs, args)? } else { Told::default() };
    let blocks = told.results.first().map(|data| serde_json::from_value::<Blocks>(data.clone())).transpose();
    let blocks =
        blocks.map_err(|error| Error::failed(format!("{}: the worker told no blocks: {error}", target.name)))?;
    let mut revised = Revised {
        target: target.name.clone(),
        revision: None,
        path: None,
        differences: told.differences,
        source: None,
        text: String::new(),
        ok: !args.exit_code,
    };
    if args.autogenerate && blocks.is_none() {
        scope.out.line(&format!("{}: no differences; no migration was written", target.name));
        return Ok(revised);
    }
    let written = Written {
        version: &version,
        message: args.message.as_deref().unwrap_or_default(),
        statements: blocks.as_ref().map(|blocks| (blocks.up.as_str(), blocks.down.as_str())),
    };
    (revised.revision, revised.ok) = (Some(version.clone()), true);
    if args.dry_run {
        (revised.text, revised.source) = (written.text(), Some(written.text()));
        return Ok(revised);
    }
    let path = sql::write(&folder, &written)?;
    if let Some(later) = files.names().iter().find(|file| file.name > written.name()) {
        scope.out.warn(&format!("{}: {} comes before {}, by its name", target.name, written.name(), later.name));
    }
    revised.text = format!("Creating migration: {}\n", path.display());
    revised.path = Some(path.to_string_lossy().into_owned());
    Ok(revised)
}

fn refuse_flags(target: &Chosen<'_>, args: &Args) -> Result<()> {
    let flags = [
        ("--head", args.head.is_some()),
        ("--splice", args.splice),
        ("--branch-label", args.branch_label.is_some()),
        ("--depends-on", !args.depends_on.is_empty()),
        ("--sql", args.sql),
    ];
    match flags.iter().find(|(_, is_set)| *is_set) {
        Some((flag, _)) => Err(Error::usage(format!(
            "{flag} is for Python revisions, and the migrations of {} are SQL files",
            target.project.name
        ))
        .help("SQL files are run in the order of their names: leave it out")),
        None => Ok(()),
    }
}

/// The time, unless it is taken: two files may not have one version.
fn version(files: &Files, wanted: Option<&str>) -> Result<String> {
    let known: HashSet<&str> = files.names().iter().map(|file| file.version.as_str()).collect();
    if let Some(wanted) = wanted {
        if wanted.is_empty() || !wanted.chars().all(|c| c.is_ascii_digit()) {
            return Err(Error::usage(format!("--rev-id of a SQL file is its version: digits, not `{wanted}`")));
        }
        if known.contains(wanted) {
            return Err(Error::usage(format!("there is a file with the version {wanted} already")));
        }
        return Ok(wanted.to_owned());
    }
    let seconds = (0..).map(|second| digits(now() + second * 1000));
    let mut free = seconds.filter(|version| !known.contains(version.as_str()));
    free.next().ok_or_else(|| Error::failed("no version is free"))
}

/// `--version-path`, or beside the last one, or the first folder.
fn folder(scope: &Scope<'_>, files: &Files, first: Option<&Path>, args: &Args) -> Result<PathBuf> {
    let last = files.names().last().and_then(|file| file.path.parent());
    match (&args.version_path, last.or(first)) {
        (Some(path), _) => Ok(scope.environment.working_dir().join(path)),
        (None, Some(folder)) => Ok(folder.to_path_buf()),
        (None, None) => Err(Error::usage("there is no folder for migrations").help("set `versions` of the project")),
    }
}

fn compare(scope: &Scope<'_>, target: &Chosen<'_>, needs: Needs, args: &Args) -> Result<Told> {
    let wishes = Wishes {
        needs_models: true,
        models: args.models.as_deref(),
        allow_empty: args.allow_empty,
        terminal: args.place.tty,
        ..Wishes::default()
    };
    let argv = with_x(&args.place, vec!["revision".to_owned(), "--autogenerate".to_owned()]);
    let plan = scope.plan(target, needs, vec![Step::alembic(argv)], wishes)?;
    scope.say_missing(&plan);
    let mut live = Live::keeping(scope.out, &plan.target);
    Ok(scope.run(&plan, &mut live)?.good()?.told)
}
