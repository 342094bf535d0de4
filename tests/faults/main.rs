//! The fault matrix: the real program killed, starved and interrupted, and the database asked what it holds then.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test panics with what went wrong")]
#![expect(clippy::disallowed_methods, reason = "the harness starts programs and reads the environment itself")]
#![expect(clippy::print_stdout, reason = "the figures of a long run are its result")]

#[path = "../it/call.rs"]
#[expect(dead_code, reason = "shared with tests/it")]
mod call;
#[path = "../it/cluster.rs"]
#[expect(dead_code, reason = "shared with tests/it")]
mod cluster;
#[path = "../it/database.rs"]
#[expect(dead_code, reason = "shared with tests/it")]
mod database;
#[path = "../it/document.rs"]
mod document;
#[path = "../it/repo.rs"]
#[expect(dead_code, reason = "shared with tests/it")]
mod repo;

mod cascade;
mod failing;
mod full;
mod kills;
mod oracle;
mod parallel;
mod points;
mod pooler;
mod processes;
mod random;
mod refused;
mod scene;
mod server_dies;
mod signals;
mod sql_files;
mod sqlite_files;
mod strange;
mod swapped;
