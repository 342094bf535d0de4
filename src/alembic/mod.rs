//! Runs the project's own Alembic: our words to its arguments, its events to ours.

mod bytecode;
mod context;
pub mod event;
mod ini;
pub mod interpreter;
pub mod kept;
pub mod plan;
pub mod record;
pub mod recover;
mod rendered;
pub mod run;
mod safety;
mod tail;
mod vault;
mod verdict;
mod warm;
mod worker;

pub use context::keys_of;
pub use event::{Difference, Event, Told};
pub use ini::{Logger, in_ini, loggers};
pub use interpreter::Interpreter;
pub use plan::{ModelsWanted, Plan, Reach, Sql, Step};
pub use run::{Ended, Listener, Place, run};
pub use safety::{Kept, Rules, Safety};
pub use vault::{Vault, failed};
pub use warm::Warm;
