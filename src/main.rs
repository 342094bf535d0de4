//! Parses, runs, and maps the result to an exit code.

mod adopt;
mod alembic;
mod cli;
mod commands;
mod engine;
mod environment;
mod error;
mod failpoint;
mod fleet;
mod keep;
mod output;
mod process;
mod render;
mod revisions;
mod secret;
mod settings;

use std::process::ExitCode;

fn main() -> ExitCode {
    let environment = environment::Environment::of_this_process();
    if cli::completes(&environment) {
        return ExitCode::SUCCESS;
    }
    ExitCode::from(cli::run(std::env::args_os().collect(), &environment))
}
