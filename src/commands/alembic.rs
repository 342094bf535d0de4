//! `shed alembic TARGET -- …`: Alembic itself, its streams and exit code untouched.

use crate::alembic::Step;
use crate::error::{Error, Result};

use super::completions::TARGETS;
use super::live::Live;
use super::planning::Wishes;
use super::safely::Care;
use super::scope::Needs;
use super::{Place, Scope};

/// Commands that change a database.
const WRITES: [&str; 4] = ["upgrade", "downgrade", "stamp", "ensure_version"];
/// Commands that run env.py, and so need the database's connection.
const READS: [&str; 3] = ["check", "current", "history"];

#[derive(Debug, clap::Args)]
pub struct Args {
    /// PROJECT[.DATABASE]
    #[arg(value_name = "TARGET", add = TARGETS())]
    target: Option<String>,
    #[command(flatten)]
    place: Place,
    /// Alembic's own arguments
    #[arg(last = true, value_name = "ARGUMENTS", required = true)]
    arguments: Vec<String>,
}

/// Runs Alembic's command line and gives its exit code; nothing is added to its stdout in any format, and only what would take the settings away from shed is refused.
pub fn alembic(scope: &Scope<'_>, args: &Args) -> Result<u8> {
    refuse(&args.arguments)?;
    let command = args.arguments.iter().find(|word| is_command(word)).map(String::as_str).unwrap_or_default();
    let offline = args.arguments.iter().any(|word| word == "--sql");
    let writes = WRITES.contains(&command) && !offline;
    let autogenerate = args.arguments.iter().any(|word| word == "--autogenerate");
    let reads =
        READS.contains(&command) || offline || autogenerate || args.arguments.iter().any(|word| word == "current");
    let needs = if writes {
        Needs::Writing
    } else if reads {
        Needs::Reading
    } else {
        Needs::Files
    };
    let mut chosen = vec![scope.only_target(args.target.as_deref(), &args.place, needs)?];
    if writes {
        chosen = scope.allow_writing(chosen)?;
    }
    let Some(chosen) = chosen.first() else {
        return Err(Error::usage("no target is left"));
    };
    let step = Step::Passthrough { argv: super::planning::with_x(&args.place, args.arguments.clone()) };
    let wishes = Wishes {
        needs_models: autogenerate || ["upgrade", "downgrade", "check"].contains(&command),
        terminal: args.place.tty || command == "edit",
        ..Wishes::default()
    };
    let plan = scope.plan(chosen, needs, vec![step], wishes)?;
    let mut live = Live::untouched(scope.out, &plan.target);
    let ended = if writes {
        scope.run_safely(chosen, &plan, "alembic", Care::default(), &mut live)?
    } else {
        scope.run(&plan, &mut live)?
    };
    if let Some(remark) = &ended.remark {
        scope.out.warn(&format!("{}: {remark}", plan.target));
    }
    Ok(u8::try_from(ended.code).unwrap_or(1))
}

fn is_command(word: &str) -> bool {
    !word.starts_with('-') && word.chars().all(|c| c.is_ascii_lowercase() || c == '_') && !word.is_empty()
}

fn refuse(arguments: &[String]) -> Result<()> {
    let first = arguments.iter().find(|word| !word.starts_with('-'));
    if first.is_some_and(|word| word == "init") {
        return Err(Error::usage("`alembic init` is refused: shed keeps those files out of the repository")
            .help("add a project with shed init"));
    }
    // `current -c` is Alembic's --check-heads; before the command `-c` would name another ini file.
    let before = arguments.iter().take_while(|word| !is_command(word));
    let hijacks = |word: &&String| {
        ["-c", "-n"].iter().any(|flag| word.starts_with(flag))
            || word.starts_with("--config")
            || word.starts_with("--name")
    };
    match before.into_iter().find(hijacks) {
        Some(word) => Err(Error::usage(format!("`{word}` is refused: the configuration is shed's"))
            .help("put Alembic's own keys under `alembic:` of the project")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn what_would_take_the_configuration_away_is_refused() {
        for line in ["init x", "-c other.ini heads", "--config=other.ini heads", "-n other heads", "-cx heads"] {
            assert!(refuse(&words(line)).is_err(), "{line}");
        }
        for line in ["current -c", "heads", "-x a=b upgrade head", "--raiseerr upgrade nope"] {
            assert!(refuse(&words(line)).is_ok(), "{line}");
        }
    }
}
