//! `shed revision`, also `new`: writes a revision file.

use crate::alembic::Step;
use crate::error::Result;
use crate::settings::Format;

use super::aside::Aside;
use super::completions::TARGETS;
use super::live::Live;
use super::planning::{Wishes, with_x};
use super::reports::Answer;
use super::scope::{Chosen, Needs};
use super::several::Way;
use super::wrote::{Revised, revised};
use super::{Place, Scope};

mod sql;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// PROJECT[.DATABASE]
    #[arg(value_name = "TARGET", add = TARGETS())]
    target: Option<String>,
    /// What the revision does, for its docstring and file name
    #[arg(short, long, value_name = "MESSAGE")]
    message: Option<String>,
    /// Write the difference between models and database
    #[arg(long, visible_alias = "auto")]
    autogenerate: bool,
    /// Models to look at instead of the project's `module`
    #[arg(long, value_name = "MODULE")]
    models: Option<String>,
    /// Write the file even where autogenerate finds nothing
    #[arg(long, requires = "autogenerate")]
    allow_empty: bool,
    /// Exit code 1 where autogenerate finds nothing
    #[arg(long, requires = "autogenerate")]
    exit_code: bool,
    /// The revision to build on: an id, or <branchname>@head
    #[arg(long, value_name = "HEAD")]
    head: Option<String>,
    /// Allow a revision that is no head as --head
    #[arg(long)]
    splice: bool,
    /// A branch label for the new revision
    #[arg(long, value_name = "LABEL")]
    branch_label: Option<String>,
    /// The versions folder to write to, where there are several
    #[arg(long, value_name = "FOLDER")]
    version_path: Option<String>,
    /// The id, instead of a random one
    #[arg(long, value_name = "ID")]
    rev_id: Option<String>,
    /// A revision that this one depends on; may be repeated
    #[arg(long, value_name = "REVISION")]
    depends_on: Vec<String>,
    /// Run env.py as for SQL output, without a database
    #[arg(long, conflicts_with = "autogenerate")]
    sql: bool,
    /// Print the file; write nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    place: Place,
}

/// Writes a revision file; with `--autogenerate` from the difference between models and database.
pub fn revision(scope: &Scope<'_>, args: &Args) -> Result<Answer<Revised>> {
    let needs = if args.autogenerate { Needs::Reading } else { Needs::Files };
    // A file is written, so the absence of a name does not mean all of them.
    let chosen = scope.target_to_write_files(args.target.as_deref(), &args.place, needs)?;
    scope.each(&chosen, Way::InOrder, |scope, target, several| revise(scope, target, several, needs, args))
}

fn revise(scope: &Scope<'_>, target: &Chosen<'_>, several: bool, needs: Needs, args: &Args) -> Result<Revised> {
    if target.project.format == Format::Sql {
        return sql::revise(scope, target, needs, args);
    }
    let wishes = Wishes {
        needs_models: args.autogenerate,
        models: args.models.as_deref(),
        allow_empty: args.allow_empty,
        terminal: args.place.tty,
        ..Wishes::default()
    };
    let mut plan = scope.plan(target, needs, vec![Step::alembic(argv(args))], wishes)?;
    let aside = if args.dry_run { Some(Aside::of(&mut plan)?) } else { None };
    if args.autogenerate {
        scope.say_missing(&plan);
    }
    let mut live = match &aside {
        Some(_) => Live::keeping(scope.out, &plan.target),
        None => Live::of(scope.out, &plan.target, several),
    };
    let told = scope.run(&plan, &mut live)?.good()?.told;
    if told.empty && told.wrote.is_empty() {
        scope.out.line(&format!("{}: no differences; no revision was written", target.name));
    }
    let source = aside.as_ref().and_then(|aside| aside.text(&told.wrote));
    let mut revised = revised(target, told, live.text());
    revised.ok = revised.revision.is_some() || !args.exit_code;
    if aside.is_some() {
        revised.path = None;
        revised.text = source.clone().unwrap_or_default();
        revised.source = source;
    }
    Ok(revised)
}

fn argv(args: &Args) -> Vec<String> {
    let mut argv = vec!["revision".to_owned()];
    let mut value = |name: &str, value: &Option<String>| {
        argv.extend(value.iter().map(|value| format!("--{name}={value}")));
    };
    value("message", &args.message);
    value("head", &args.head);
    value("branch-label", &args.branch_label);
    value("version-path", &args.version_path);
    value("rev-id", &args.rev_id);
    argv.extend(args.depends_on.iter().map(|revision| format!("--depends-on={revision}")));
    argv.extend(args.autogenerate.then(|| "--autogenerate".to_owned()));
    argv.extend(args.splice.then(|| "--splice".to_owned()));
    argv.extend(args.sql.then(|| "--sql".to_owned()));
    with_x(&args.place, argv)
}
