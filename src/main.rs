//! Parses, runs, and maps the result to an exit code.

mod environment;
mod error;
mod process;
mod secret;
#[expect(dead_code, unused_imports, reason = "used by the floors above as they come")]
mod settings;

fn main() {}
