//! `shed completions`: the script that makes a shell complete commands, flags, projects and databases.

use std::ffi::OsStr;
use std::fmt;

use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use clap_complete::env::Shells;
use schemars::JsonSchema;
use serde::Serialize;

use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::output::Report;
use crate::settings::Settings;

/// The variable by which the shell asks for completions.
pub const VARIABLE: &str = "SHED_COMPLETE";

/// Completes the names of projects and databases.
pub const TARGETS: fn() -> ArgValueCompleter = || ArgValueCompleter::new(target_names);

#[derive(Debug, clap::Args)]
pub struct Args {
    /// bash, zsh, fish, elvish or powershell
    #[arg(value_name = "SHELL", value_parser = ["bash", "zsh", "fish", "elvish", "powershell"])]
    shell: String,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Completions {
    pub shell: String,
    pub script: String,
}

/// The script for a shell; it asks shed itself, so that names come from the settings of the moment.
pub fn completions(args: &Args) -> Result<Completions> {
    let shells = Shells::builtins();
    let Some(shell) = shells.completer(&args.shell) else {
        return Err(Error::usage(format!("no completion for the shell {}", args.shell)));
    };
    let mut script = Vec::new();
    shell
        .write_registration(VARIABLE, "shed", "shed", "shed", &mut script)
        .map_err(|error| Error::environment(format!("could not write the script: {error}")))?;
    Ok(Completions { shell: args.shell.clone(), script: String::from_utf8_lossy(&script).into_owned() })
}

/// The projects and databases that begin so; none where the settings cannot be read.
pub fn target_names(begun: &OsStr) -> Vec<CompletionCandidate> {
    let environment = Environment::of_this_process();
    let settings = Settings::find(None, &environment).and_then(|path| Settings::read(&path, &environment));
    let Ok(projects) = settings.as_ref().map_err(Error::clone).and_then(|settings| settings.projects()) else {
        return Vec::new();
    };
    let begun = begun.to_string_lossy();
    let names = projects.values().flat_map(|project| {
        let databases = project.db.keys().map(|database| format!("{}.{database}", project.name));
        std::iter::once(project.name.clone()).chain(databases)
    });
    names.filter(|name| name.starts_with(&*begun)).map(CompletionCandidate::new).collect()
}

impl fmt::Display for Completions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.script)
    }
}

impl Report for Completions {}
