//! The integration tests: the real program, the real Alembic, real databases.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test panics with what went wrong")]
#![expect(clippy::disallowed_methods, reason = "the harness starts programs and reads the environment itself")]

mod app;
mod backups;
mod bad_input;
mod blackbox;
mod cached;
mod call;
mod clone;
mod clone_deaths;
mod clone_refused;
mod closed;
mod cluster;
mod database;
mod databases;
mod document;
mod examples;
mod flags;
mod fleet;
mod floors;
mod harness;
mod help;
mod interpreter;
mod json;
mod kept;
mod limits;
mod lost;
mod models;
mod offline;
mod options;
mod own;
mod registry;
mod repo;
mod safety;
mod schemas;
mod secrets;
mod server;
mod server_faults;
mod sessions;
mod settings;
mod signals;
mod start;
mod status;
mod targets;
mod traps;
mod written;
