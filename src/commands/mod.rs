//! One file per command: what it takes, its work, what it found.

pub mod adopt;
pub mod alembic;
pub mod auto;
pub mod backup;
pub mod backups;
pub mod branches;
pub mod cache;
pub mod check;
pub mod clone;
pub mod completions;
pub mod create;
pub mod current;
pub mod diff;
pub mod doctor;
pub mod downgrade;
pub mod drop;
pub mod dump;
pub mod edit;
pub mod eject;
pub mod ensure_version;
pub mod guard;
pub mod heads;
pub mod history;
pub mod init;
pub mod list_templates;
pub mod load;
pub mod log;
pub mod man;
pub mod merge;
pub mod models;
pub mod recover;
pub mod redo;
pub mod restore;
pub mod revision;
pub mod rollback;
pub mod schema;
pub mod server;
pub mod settings;
pub mod shell;
pub mod show;
pub mod stamp;
pub mod status;
pub mod targets;
pub mod unlock;
pub mod up;
pub mod upgrade;
pub mod wait;

mod aside;
mod entry;
mod hold;
mod live;
mod namesake;
mod offline;
mod outfile;
mod own;
mod planning;
mod protected;
mod reports;
mod safely;
mod schema_file;
mod scope;
mod scratch;
mod servers;
mod several;
mod stored;
mod touched;
mod whole;
mod words;
mod written;
mod wrote;

pub use scope::Scope;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use crate::fleet::Shard;
use crate::output::{Color, Format};

/// Options that every command takes.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// The settings file [default: the nearest shed.yaml upwards, then the user's]
    #[arg(long, global = true, value_name = "FILE")]
    pub settings: Option<PathBuf>,
    /// How the result is written
    #[arg(long, global = true, value_enum, default_value_t, hide_possible_values = true, value_name = "text|json")]
    pub format: Format,
    /// Colours on stderr
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        hide_possible_values = true,
        value_name = "auto|always|never"
    )]
    pub color: Color,
    /// Say yes to every question but the one about a protected database
    #[arg(long, global = true)]
    pub yes: bool,
    /// Go on with this protected database; may be repeated
    #[arg(long, global = true, value_name = "TARGET")]
    pub yes_i_mean: Vec<String>,
    /// Never ask; also when CI is set
    #[arg(long, global = true)]
    pub no_input: bool,
    /// Say more; Alembic's own -v where it has one
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// No progress and no notes; results, warnings and errors stay
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Targets, or tables of a clone, at once [default: one per processor; one target where something is written]
    #[arg(long, global = true, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
    /// Of several targets only every N-th, from the I-th on: for the machines of a CI matrix
    #[arg(long, global = true, value_name = "I/N")]
    pub shard: Option<Shard>,
    /// Go on with other targets when one has failed [default where nothing is written]
    #[arg(long, global = true, conflicts_with = "fail_fast")]
    pub keep_going: bool,
    /// Begin no other target when one has failed [default where something is written]
    #[arg(long, global = true)]
    pub fail_fast: bool,
    /// End the run of a target that takes longer, from the start of its Python to the last step
    #[arg(long, global = true, value_name = "TIME", value_parser = wait::time)]
    pub time_limit: Option<Duration>,
    /// The command line so far, for examples in errors.
    #[arg(skip)]
    pub command: String,
}

/// Which database a command goes to, beside its name.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Database options")]
pub struct Place {
    /// Every target of the settings
    #[arg(long)]
    pub all: bool,
    /// Run against a copy on a development server
    #[arg(long, value_name = "development.SERVER[/NAME]")]
    pub on: Option<String>,
    /// With --on: make an empty database where there is none
    #[arg(long, requires = "on")]
    pub create: bool,
    /// Replace the target's connection (also SHED_DATABASE_URL)
    #[arg(long, value_name = "URL")]
    pub database_url: Option<String>,
    /// Argument for env.py, as `alembic -x`; may be repeated
    #[arg(short = 'x', value_name = "KEY=VALUE")]
    pub x: Vec<String>,
    /// Give migrations the terminal (for breakpoint())
    #[arg(long)]
    pub tty: bool,
}
