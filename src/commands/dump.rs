//! `shed dump`: the schema, or all of a database, as SQL or in PostgreSQL's own formats.

use std::fmt;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use crate::engine::{Archive, Content, Dumping, Engine, Watch};
use crate::error::{Error, Result};
use crate::output::{Format, Report};
use crate::process::{self, Heard};
use crate::settings::targets::is_target;

use super::completions::TARGETS;
use super::outfile::{Outfile, Outfolder};
use super::schema_file::{Stale, compare};
use super::scope::Chosen;
use super::{Place, Scope};

pub use super::schema_file::{after_migrate, before_migrate};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// PROJECT[.DATABASE] or development.SERVER/NAME
    #[arg(value_name = "TARGET", add = TARGETS())]
    target: Option<String>,
    /// The rows, too
    #[arg(long)]
    data: bool,
    /// The format; custom and directory are PostgreSQL's
    #[arg(
        short = 'F',
        value_enum,
        default_value_t,
        hide_possible_values = true,
        value_name = "plain|custom|directory"
    )]
    form: Form,
    /// Write a file instead of stdout
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Compare with a file instead [default: the project's `schema_file`]; exit code 1 where they differ
    #[arg(long, value_name = "FILE", num_args = 0..=1, conflicts_with_all = ["data", "form", "output"])]
    check: Option<Option<PathBuf>>,
    /// PostgreSQL: keep owners and privileges, which are left out otherwise
    #[arg(long)]
    owners: bool,
    /// PostgreSQL: arguments for pg_dump itself, its streams and exit code untouched
    #[arg(last = true, value_name = "ARGUMENTS", conflicts_with_all = ["data", "form", "output", "check", "owners"])]
    arguments: Vec<String>,
    #[command(flatten)]
    place: Place,
}

/// The formats of a dump.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
enum Form {
    #[default]
    Plain,
    Custom,
    Directory,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Dumped {
    /// To stdout: at once as text, as a field in JSON.
    Printed { target: String, database: String, sql: Option<String> },
    /// To a file.
    Written { target: String, database: String, file: PathBuf, bytes: u64 },
    /// Compared with a file.
    Checked(Stale),
}

/// Shows the dump and gives the exit code; with arguments of pg_dump's own nothing is added to its streams.
pub fn dump(scope: &Scope<'_>, args: &Args) -> Result<u8> {
    let (word, check) = args.sorted(scope)?;
    let chosen = scope.one(word, &args.place)?;
    let engine = scope.reach(&chosen)?;
    if !args.arguments.is_empty() {
        return pass_through(scope, &engine, &args.arguments);
    }
    scope.demand_there(&chosen, &engine)?;
    let report = match check {
        Some(file) => Dumped::Checked(compare(scope, &chosen, &engine, file)?),
        None => args.dumped(scope, &chosen, &engine)?,
    };
    Ok(scope.out.show(&report))
}

impl Args {
    /// `dump --check billing` names a target and no file.
    fn sorted<'s>(&'s self, scope: &Scope<'_>) -> Result<(Option<&'s str>, Option<Option<&'s Path>>)> {
        let word = self.target.as_deref();
        let Some(check) = &self.check else { return Ok((word, None)) };
        match check.as_deref().and_then(Path::to_str) {
            Some(name) if word.is_none() && is_target(scope.settings, name)? => Ok((Some(name), Some(None))),
            _ => Ok((word, Some(check.as_deref()))),
        }
    }

    fn dumped(&self, scope: &Scope<'_>, chosen: &Chosen<'_>, engine: &Engine) -> Result<Dumped> {
        let tables = scope.version_tables(chosen, engine)?;
        let content = if self.data { Content::All } else { Content::Schema };
        let dumping = Dumping { content, version_tables: &tables, rights: self.owners };
        let (target, database) = (chosen.name.clone(), engine.place());
        let file = self.output.as_ref().map(|file| scope.environment.working_dir().join(file));
        scope.watched(|watch| match (file, self.form) {
            (None, Form::Plain) => {
                let sql = print(scope, engine, &dumping, watch)?;
                Ok(Dumped::Printed { target, database, sql })
            }
            (None, _) => {
                Err(Error::usage("the formats custom and directory are written to a file").help("name it: -o FILE"))
            }
            (Some(file), form) => {
                let bytes = write(engine, form, &dumping, &file, watch)?;
                Ok(Dumped::Written { target, database, file, bytes })
            }
        })
    }
}

fn print(scope: &Scope<'_>, engine: &Engine, dumping: &Dumping<'_>, watch: &Watch<'_>) -> Result<Option<String>> {
    if scope.out.format == Format::Json {
        return whole(engine, dumping, watch).map(|sql| Some(String::from_utf8_lossy(&sql).into_owned()));
    }
    engine.dump_sql(dumping, watch, &mut |bytes| {
        scope.out.write(bytes);
        Ok(())
    })?;
    Ok(None)
}

/// The dump, all of it in memory.
pub(super) fn whole(engine: &Engine, dumping: &Dumping<'_>, watch: &Watch<'_>) -> Result<Vec<u8>> {
    let mut sql = Vec::new();
    engine.dump_sql(dumping, watch, &mut |bytes| {
        sql.extend_from_slice(bytes);
        Ok(())
    })?;
    Ok(sql)
}

fn write(engine: &Engine, form: Form, dumping: &Dumping<'_>, file: &Path, watch: &Watch<'_>) -> Result<u64> {
    match form {
        Form::Plain => {
            let mut out = Outfile::at(file)?;
            engine.dump_sql(dumping, watch, &mut |bytes| out.write(bytes))?;
            out.keep()
        }
        Form::Custom => {
            let out = Outfile::at(file)?;
            engine.dump_archive(Archive::Custom, dumping, out.aside(), watch)?;
            out.keep()
        }
        Form::Directory => {
            let out = Outfolder::at(file)?;
            engine.dump_archive(Archive::Directory, dumping, &out.aside(), watch)?;
            out.keep()
        }
    }
}

fn pass_through(scope: &Scope<'_>, engine: &Engine, arguments: &[String]) -> Result<u8> {
    let interrupts = scope.interrupts()?;
    let status = engine.pg_dump(arguments)?.stream(interrupts, &mut |heard| match heard {
        Heard::Stdout(bytes) => scope.out.write(bytes),
        Heard::Stderr(bytes) => scope.out.write_aside(bytes),
        Heard::Silence => {}
    })?;
    match interrupts.seen() {
        Some(signal) => Err(Error::Interrupted(signal)),
        None => Ok(u8::try_from(process::code(status)).unwrap_or(1)),
    }
}

impl fmt::Display for Dumped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Printed { .. } => Ok(()), // it went out as it came
            Self::Written { target, file, bytes, .. } => {
                writeln!(f, "{target}: written to {} ({bytes} bytes)", file.display())
            }
            Self::Checked(stale) => stale.fmt(f),
        }
    }
}

impl Report for Dumped {
    fn ok(&self) -> bool {
        !matches!(self, Self::Checked(stale) if !stale.up_to_date)
    }
}
