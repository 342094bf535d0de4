//! The command tree: one arm, one call, its value shown.

use clap::{CommandFactory, Parser, Subcommand};

use crate::commands::{self, Global, Scope};
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::output::{Color, Format, Output, Report, fields};
use crate::settings::Settings;

/// Every Alembic command for every project and database of a repository, from one settings file.
#[derive(Debug, Parser)]
#[command(
    name = "shed",
    version,
    propagate_version = true,
    max_term_width = 100,
    arg_required_else_help = true,
    after_help = "Example:\n  shed migrate billing.staging"
)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write settings, or add a project to them
    #[command(
        after_help = "Example:\n  shed init billing --module services/billing/models.py --db local --type sqlite"
    )]
    Init(commands::init::Args),
    /// Add projects that are there already: of an alembic.ini, a pyproject.toml, a dbmate folder, a repository
    #[command(after_help = "Example:\n  shed adopt .\n  shed adopt services/billing/alembic.ini --dry-run")]
    Adopt(commands::adopt::Args),
    /// Write plain alembic.ini, env.py and script.py.mako for a database, which run without shed
    #[command(
        after_help = "Example:\n  shed eject billing.staging alembic\n  python -m alembic -c alembic/alembic.ini current"
    )]
    Eject(commands::eject::Args),
    /// Apply revisions to a database
    #[command(visible_alias = "migrate", after_help = "Example:\n  shed migrate billing.staging")]
    Upgrade(commands::upgrade::Args),
    /// Take revisions back
    #[command(after_help = "Example:\n  shed downgrade billing.staging -1")]
    Downgrade(commands::downgrade::Args),
    /// Take back the last revisions: one, or N
    #[command(visible_alias = "down", after_help = "Example:\n  shed rollback billing.staging 2")]
    Rollback(commands::rollback::Args),
    /// Take back the last revision and apply it again
    #[command(after_help = "Example:\n  shed redo billing.staging")]
    Redo(commands::redo::Args),
    /// Say which revisions a database holds, without running them
    #[command(after_help = "Example:\n  shed stamp billing.staging head")]
    Stamp(commands::stamp::Args),
    /// Make the version table where it is missing
    #[command(visible_alias = "ensure_version", after_help = "Example:\n  shed ensure-version billing.staging")]
    EnsureVersion(commands::ensure_version::Args),
    /// Make a database that is not there
    #[command(after_help = "Example:\n  shed create billing.staging --from-models")]
    Create(commands::create::Args),
    /// Put right what a run that was broken off left in a database
    #[command(after_help = "Example:\n  shed recover --list")]
    Recover(commands::recover::Args),
    /// Show who holds the lock on a database, and end it
    #[command(after_help = "Example:\n  shed unlock billing.staging --list")]
    Unlock(commands::unlock::Args),
    /// Copy a database into the place of another, which is the old or the whole new one whenever anything dies
    #[command(after_help = "Example:\n  shed clone billing.prod development.pglocal")]
    Clone(commands::clone::Args),
    /// Remove a database
    #[command(after_help = "Example:\n  shed drop development.pglocal/billing_try --yes")]
    Drop(commands::drop::Args),
    /// Wait until a server takes connections
    #[command(after_help = "Example:\n  shed wait billing.staging --timeout 2m")]
    Wait(commands::wait::Args),
    /// Make a database where it is missing, then apply revisions
    #[command(after_help = "Example:\n  shed up billing.staging --wait")]
    Up(commands::up::Args),
    /// Write the schema, or all of a database, as SQL
    #[command(after_help = "Example:\n  shed dump billing.staging -o schema.sql\n  shed dump billing.staging --check")]
    Dump(commands::dump::Args),
    /// Fill an empty database from a dump, all or nothing
    #[command(after_help = "Example:\n  shed load billing.staging schema.sql")]
    Load(commands::load::Args),
    /// Open psql or sqlite3, connected
    #[command(after_help = "Example:\n  shed shell billing.staging -c \"select count(*) from invoice\"")]
    Shell(commands::shell::Args),
    /// Take a backup of a database, read to its end before it counts
    #[command(after_help = "Example:\n  shed backup billing.staging")]
    Backup(commands::backup::Args),
    /// List the backups, newest first
    #[command(after_help = "Example:\n  shed backups billing.staging --verify")]
    Backups(commands::backups::Args),
    /// Put a backup in the place of a database; what is there now is backed up first
    #[command(after_help = "Example:\n  shed restore billing.staging 20261121T063939.123Z-a1b2")]
    Restore(commands::restore::Args),
    /// Write a new revision
    #[command(visible_alias = "new", after_help = "Example:\n  shed revision billing --auto -m \"add invoices\"")]
    Revision(commands::revision::Args),
    /// Join heads into one
    #[command(after_help = "Example:\n  shed merge billing -m \"join the branches\"")]
    Merge(commands::merge::Args),
    /// Open a revision in $EDITOR
    #[command(after_help = "Example:\n  shed edit billing head")]
    Edit(commands::edit::Args),
    /// Migrate at the start of an application: what is pending, safely, and one result
    #[command(after_help = "Example:\n  shed auto billing.staging\n  shed auto --format json")]
    Auto(commands::auto::Args),
    /// Show which revisions are applied and which are pending, of one database or of all
    #[command(after_help = "Example:\n  shed status\n  shed status billing.prod --exit-code")]
    Status(commands::status::Args),
    /// Show the revisions that a database holds
    #[command(after_help = "Example:\n  shed current --all")]
    Current(commands::current::Args),
    /// Show the heads
    #[command(after_help = "Example:\n  shed heads billing")]
    Heads(commands::heads::Args),
    /// Show the revisions, newest first
    #[command(after_help = "Example:\n  shed history billing -r -3:head")]
    History(commands::history::Args),
    /// Show the branch points
    #[command(after_help = "Example:\n  shed branches billing")]
    Branches(commands::branches::Args),
    /// Show one revision
    #[command(after_help = "Example:\n  shed show billing head")]
    Show(commands::show::Args),
    /// Show the models and their tables; --verify: what is wrong with them
    #[command(after_help = "Example:\n  shed models billing --list\n  shed models billing --verify")]
    Models(commands::models::Args),
    /// Say whether a merge will leave two heads: exit code 1 where it will
    #[command(after_help = "Example:\n  shed guard --against origin/main")]
    Guard(commands::guard::Args),
    /// Print the JSON Schema of what a command prints with --format json
    #[command(after_help = "Example:\n  shed schema status > status.schema.json")]
    Schema(commands::schema::Args),
    /// Show what was done to a database, newest first, as far as `ledger: true` has it written down
    #[command(after_help = "Example:\n  shed log billing.staging -n 5")]
    Log(commands::log::Args),
    /// Compare models and database (drift): exit code 1 where they differ
    #[command(
        after_help = "Example:\n  shed check billing.staging --format json\n  shed check --offline services/billing/models.py"
    )]
    Check(commands::check::Args),
    /// Show what would make a database like the models, or like another database
    #[command(
        after_help = "Example:\n  shed diff billing.staging --sql\n  shed diff billing.staging billing.prod --exit-code"
    )]
    Diff(commands::diff::Args),
    /// Show, start or stop the private PostgreSQL servers for copies
    #[command(after_help = "Example:\n  shed server status")]
    Server(commands::server::Args),
    /// Show or clear what is kept of checks, settings and revisions
    #[command(after_help = "Example:\n  shed cache clear")]
    Cache(commands::cache::Args),
    /// List the targets of the settings
    #[command(after_help = "Example:\n  shed targets --format json")]
    Targets(commands::targets::Args),
    /// Show, check or change the settings
    #[command(after_help = "Example:\n  shed settings check")]
    Settings(commands::settings::Args),
    /// Say what is there, what is missing, and what to do about it
    #[command(after_help = "Example:\n  shed doctor")]
    Doctor(commands::doctor::Args),
    /// Run Alembic itself, its streams and exit code untouched
    #[command(after_help = "Example:\n  shed alembic billing.staging -- upgrade head --tag nightly")]
    Alembic(commands::alembic::Args),
    /// List the templates that the project's Alembic brings along
    #[command(visible_alias = "list_templates", after_help = "Example:\n  shed list-templates billing")]
    ListTemplates(commands::list_templates::Args),
    /// Print the script that makes a shell complete commands, projects and databases
    #[command(after_help = "Example:\n  source <(shed completions bash)")]
    Completions(commands::completions::Args),
    /// Print the manual, or write one page per command
    #[command(after_help = "Example:\n  shed man --dir ~/.local/share/man/man1")]
    Man(commands::man::Args),
}

/// Answers the shell's question for completions; `true` where it asked one.
pub fn completes(environment: &Environment) -> bool {
    environment.os(commands::completions::VARIABLE).is_some() && {
        clap_complete::CompleteEnv::with_factory(Cli::command).var(commands::completions::VARIABLE).complete();
        true
    }
}

/// Runs the command and gives the exit code.
pub fn run(arguments: Vec<std::ffi::OsString>, environment: &Environment) -> u8 {
    let cli = match parsed(&arguments) {
        Ok(cli) => cli,
        Err(error) => return refused(&error, &arguments),
    };
    let global = &cli.global;
    let asks = !global.no_input && environment.os("CI").is_none();
    let out = Output::new(global.format, global.color, global.quiet, global.verbose, asks);
    dispatch(&cli, environment, &out).unwrap_or_else(|error| out.fail(&error))
}

/// clap writes help to stdout and its refusals to stderr by itself.
fn refused(error: &clap::Error, arguments: &[std::ffi::OsString]) -> u8 {
    let _ = error.print();
    let code = u8::try_from(error.exit_code()).unwrap_or(2);
    let format = arguments.iter().skip_while(|word| *word != "--format").nth(1);
    if code != 0 && (format.is_some_and(|word| word == "json") || arguments.iter().any(|word| word == "--format=json"))
    {
        let text = error.render().to_string();
        let what = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
        let out = Output::new(Format::Json, Color::Never, true, false, false);
        out.write(format!("{:#}\n", fields(&Error::usage(what).help("shed --help"))).as_bytes());
    }
    code
}

fn parsed(arguments: &[std::ffi::OsString]) -> std::result::Result<Cli, clap::Error> {
    let mut cli = Cli::try_parse_from(arguments)?;
    let words = arguments.iter().skip(1).map(|word| word.to_string_lossy().into_owned());
    cli.global.command = std::iter::once("shed".to_owned()).chain(words).collect::<Vec<_>>().join(" ");
    Ok(cli)
}

fn dispatch(cli: &Cli, environment: &Environment, out: &Output) -> Result<u8> {
    let flag = cli.global.settings.as_deref();
    match &cli.command {
        Command::Completions(args) => return Ok(out.show(&commands::completions::completions(args)?)),
        Command::Man(args) => return Ok(out.show(&commands::man::man(Cli::command(), args)?)),
        Command::Schema(args) => return Ok(out.show(&commands::schema::schema(&Cli::command(), args)?)),
        Command::Init(args) => return Ok(out.show(&commands::init::init(args, flag, environment, out)?)),
        Command::Adopt(args) => return Ok(out.show(&commands::adopt::adopt(args, flag, environment, out)?)),
        Command::Server(args) => return Ok(out.show(&commands::server::server(args, &cli.global, environment, out)?)),
        Command::Cache(args) => return Ok(out.show(&commands::cache::cache(args, flag, environment, out)?)),
        Command::Settings(args) => {
            return Ok(out.show(&commands::settings::settings(args, flag, environment)?));
        }
        _ => {}
    }
    let path = Settings::find(flag, environment)?;
    let settings = Settings::read_for_good(&path, environment)?;
    let scope = Scope::new(settings, environment, out, &cli.global);
    Ok(match &cli.command {
        Command::Eject(args) => out.show(&commands::eject::eject(&scope, args)?),
        Command::Upgrade(args) => out.show(&commands::upgrade::upgrade(&scope, args)?),
        Command::Downgrade(args) => out.show(&commands::downgrade::downgrade(&scope, args)?),
        Command::Rollback(args) => out.show(&commands::rollback::rollback(&scope, args)?),
        Command::Redo(args) => out.show(&commands::redo::redo(&scope, args)?),
        Command::Recover(args) => out.show(&commands::recover::recover(&scope, args)?),
        Command::Unlock(args) => out.show(&commands::unlock::unlock(&scope, args)?),
        Command::Stamp(args) => out.show(&commands::stamp::stamp(&scope, args)?),
        Command::EnsureVersion(args) => out.show(&commands::ensure_version::ensure_version(&scope, args)?),
        Command::Create(args) => out.show(&commands::create::create(&scope, args)?),
        Command::Clone(args) => out.show(&commands::clone::clone(&scope, args)?),
        Command::Drop(args) => out.show(&commands::drop::drop(&scope, args)?),
        Command::Wait(args) => out.show(&commands::wait::wait(&scope, args)?),
        Command::Up(args) => out.show(&commands::up::up(&scope, args)?),
        Command::Dump(args) => commands::dump::dump(&scope, args)?,
        Command::Load(args) => out.show(&commands::load::load(&scope, args)?),
        Command::Shell(args) => commands::shell::shell(&scope, args)?,
        Command::Backup(args) => out.show(&commands::backup::backup(&scope, args)?),
        Command::Backups(args) => out.show(&commands::backups::backups(&scope, args)?),
        Command::Restore(args) => out.show(&commands::restore::restore(&scope, args)?),
        Command::Revision(args) => out.show(&commands::revision::revision(&scope, args)?),
        Command::Merge(args) => out.show(&commands::merge::merge(&scope, args)?),
        Command::Edit(args) => out.show(&commands::edit::edit(&scope, args)?),
        Command::Auto(args) => out.show(&commands::auto::auto(&scope, args)?),
        Command::Status(args) => {
            let found = commands::status::status(&scope, args)?;
            // `--quiet` asks for the exit code alone.
            if cli.global.quiet { found.code() } else { out.show(&found) }
        }
        Command::Current(args) => out.show(&commands::current::current(&scope, args)?),
        Command::Heads(args) => out.show(&commands::heads::heads(&scope, args)?),
        Command::History(args) => out.show(&commands::history::history(&scope, args)?),
        Command::Branches(args) => out.show(&commands::branches::branches(&scope, args)?),
        Command::Show(args) => out.show(&commands::show::show(&scope, args)?),
        Command::Models(args) => out.show(&commands::models::models(&scope, args)?),
        Command::Guard(args) => out.show(&commands::guard::guard(&scope, args)?),
        Command::Log(args) => out.show(&commands::log::log(&scope, args)?),
        Command::Check(args) => out.show(&commands::check::check(&scope, args)?),
        Command::Diff(args) => out.show(&commands::diff::diff(&scope, args)?),
        Command::Targets(args) => out.show(&commands::targets::targets(&scope, args)?),
        Command::Doctor(args) => out.show(&commands::doctor::doctor(&scope, args)?),
        Command::Alembic(args) => commands::alembic::alembic(&scope, args)?,
        Command::ListTemplates(args) => out.show(&commands::list_templates::list_templates(&scope, args)?),
        Command::Schema(_)
        | Command::Init(_)
        | Command::Adopt(_)
        | Command::Cache(_)
        | Command::Server(_)
        | Command::Settings(_)
        | Command::Completions(_)
        | Command::Man(_) => 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_tree_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_an_example() {
        fn without_example(command: &clap::Command, path: &str) -> Vec<String> {
            let path = format!("{path} {}", command.get_name());
            let has_example = command.get_after_help().is_some_and(|help| help.to_string().starts_with("Example:"));
            let own = (!has_example).then(|| path.clone());
            own.into_iter().chain(command.get_subcommands().flat_map(|sub| without_example(sub, &path))).collect()
        }
        assert_eq!(without_example(&Cli::command(), ""), Vec::<String>::new());
    }
}
