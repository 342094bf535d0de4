//! Parses, runs, and maps the result to an exit code.

mod environment;
mod error;
mod process;
mod secret;

fn main() {}
