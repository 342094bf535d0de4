//! What can be done with a whole database, on either engine: one match per verb.

use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use crate::error::{Error, Result};
use crate::process::{Interrupts, Tool};

use super::{Begun, Copying, Counted, Counts, Engine, Fill, Replaced, Replacement, Watch};

/// How a database is made. SQLite has none of these.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Creation {
    /// PostgreSQL: the role that owns it
    #[arg(long, value_name = "ROLE")]
    pub owner: Option<String>,
    /// PostgreSQL: its encoding, such as UTF8
    #[arg(long, value_name = "NAME")]
    pub encoding: Option<String>,
    /// PostgreSQL: the database that it is a copy of [default: template1]
    #[arg(long, value_name = "DATABASE")]
    pub template: Option<String>,
}

impl Creation {
    pub fn says_anything(&self) -> bool {
        self.owner.is_some() || self.encoding.is_some() || self.template.is_some()
    }
}

/// Whether a server takes connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ready {
    /// It does; a database that is missing counts, because it can be made.
    Yes,
    /// Not yet, and why: worth waiting for.
    NotYet(String),
}

/// Another session in a database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Session {
    pub pid: i64,
    pub application: String,
    pub user: String,
    /// Whole seconds since it connected.
    pub seconds: u64,
}

/// What a dump holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Tables and all else, and the rows of the version tables.
    Schema,
    /// Schema and rows.
    All,
}

/// How a dump as SQL is made.
#[derive(Debug, Clone, Copy)]
pub struct Dumping<'a> {
    pub content: Content,
    /// Schema and name of each version table, whose rows belong to the schema.
    pub version_tables: &'a [(Option<String>, String)],
    /// PostgreSQL: keeps owners and privileges, which other servers may not know.
    pub rights: bool,
}

/// PostgreSQL's own formats, which `pg_restore` reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Archive {
    Custom,
    Directory,
}

/// Takes what a dump prints, as it comes.
pub type Sink<'s> = dyn FnMut(&[u8]) -> Result<()> + 's;

impl Engine {
    /// Whether the server takes connections; an error where waiting is of no use.
    pub fn answers(&self, watch: &Watch<'_>) -> Result<Ready> {
        match self {
            Self::Sqlite(_) => Ok(Ready::Yes),
            Self::Postgres(server) => server.answers(watch),
        }
    }

    /// Removes the database; other sessions in it are an error that names them, unless `force` ends them.
    pub fn drop_database(&self, force: bool) -> Result<()> {
        match self {
            Self::Sqlite(file) => file.drop_database(force),
            Self::Postgres(server) => server.drop_database(force),
        }
    }

    /// The sessions of others; SQLite knows none.
    pub fn sessions(&self) -> Result<Vec<Session>> {
        match self {
            Self::Sqlite(_) => Ok(Vec::new()),
            Self::Postgres(server) => server.sessions(),
        }
    }

    /// Those of them that count and that stay.
    pub fn lasting_sessions(&self, counts: &dyn Fn(&Session) -> bool) -> Result<Vec<Session>> {
        match self {
            Self::Sqlite(_) => Ok(Vec::new()),
            Self::Postgres(server) => server.lasting_sessions(counts),
        }
    }

    /// Bytes that it takes on disk.
    pub fn size(&self) -> Result<u64> {
        match self {
            Self::Sqlite(file) => file.size(),
            Self::Postgres(server) => server.size(),
        }
    }

    /// Whether it holds no table of anybody's. A database that is not there is empty.
    pub fn is_empty(&self) -> Result<bool> {
        match self {
            Self::Sqlite(file) => file.is_empty(),
            Self::Postgres(server) => server.is_empty(),
        }
    }

    /// The rows of a version table, without Python; `None` where there is no such table.
    pub fn heads(&self, schema: Option<&str>, table: &str) -> Result<Option<Vec<String>>> {
        match self {
            Self::Sqlite(file) => file.heads(table),
            Self::Postgres(server) => server.heads(schema, table),
        }
    }

    /// Rows per table, to compare a copy with its source.
    pub fn row_counts(&self) -> Result<Counts> {
        match self {
            Self::Sqlite(file) => file.row_counts(),
            Self::Postgres(server) => server.row_counts(),
        }
    }

    /// What a copy into this target, or into what is built beside it, can do before that is there. `run` is the replacement's.
    pub fn begin_copy(&self, to: &Self, run: &str, copying: &Copying, interrupts: &Interrupts) -> Result<Begun> {
        Ok(match (self, to) {
            (Self::Sqlite(file), Self::Sqlite(_)) => {
                // A dead writer's journal is put right by whoever opens the file first: one of us, not several at once.
                file.is_empty()?;
                Begun::File
            }
            (Self::Postgres(server), Self::Postgres(to)) => {
                Begun::Server(Box::new(server.begin_copy(to, run, copying, interrupts)?))
            }
            _ => return Err(self.differs_from(to)),
        })
    }

    /// Writes this database's content into another that is there, empty, and nobody else's: a copy is being built.
    /// Gives the rows of both; `None` where the copy is only collected, and not there to be counted.
    pub fn copy_into(
        &self,
        aside: &Self,
        copying: &Copying,
        begun: Begun,
        watch: &Watch<'_>,
    ) -> Result<Option<Counted>> {
        match (self, aside, begun) {
            (Self::Sqlite(file), Self::Sqlite(aside), _) => file.copy_and_count(aside, copying, watch).map(Some),
            (Self::Postgres(server), Self::Postgres(aside), Begun::Server(begun)) => {
                server.copy_into(aside, copying, *begun, watch)
            }
            _ => Err(self.differs_from(aside)),
        }
    }

    fn differs_from(&self, other: &Self) -> Error {
        Error::usage(format!("{} and {} are databases of two kinds", self.place(), other.place()))
            .help("a copy is made between databases of one type")
    }

    /// The server's major version; a file has none.
    pub fn major(&self) -> Result<Option<u32>> {
        match self {
            Self::Sqlite(_) => Ok(None),
            Self::Postgres(server) => server.major().map(Some),
        }
    }

    /// An error where the content is not ours to replace or to drop, whoever asks.
    pub fn refuse_name(&self) -> Result<()> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(server) => server.refuse_name(),
        }
    }

    /// Replaces the whole content: the target is the old or the new database whenever a process dies.
    pub fn replace(&self, how: Replacement<'_>, watch: &Watch<'_>, fill: &mut Fill<'_>) -> Result<Replaced> {
        // Beside the journal of a migration, which may need this to put its backup back.
        let journal = how.journal.of_swap();
        let how = Replacement { journal: &journal, ..how };
        match self {
            Self::Sqlite(file) => file.replace(how, watch, fill),
            Self::Postgres(server) => server.replace(how, watch, fill),
        }
    }

    /// Runs the statements of a file, all or nothing.
    pub fn run_file(&self, path: &Path, watch: &Watch<'_>) -> Result<()> {
        match self {
            Self::Sqlite(file) => file.run_file(path, watch),
            Self::Postgres(server) => server.run_file(path, watch),
        }
    }

    /// Writes everything into one new file, in the engine's own form for backups; the caller renames it into place.
    pub fn back_up(&self, to: &Path, watch: &Watch<'_>) -> Result<()> {
        match self {
            Self::Sqlite(file) => file.back_up(to, watch),
            Self::Postgres(server) => server.back_up(to, watch),
        }
    }

    /// Reads a backup to its end; an error says what is wrong with it.
    pub fn verify_backup(&self, path: &Path, watch: &Watch<'_>) -> Result<()> {
        match self {
            Self::Sqlite(file) => file.verify_backup(path, watch),
            Self::Postgres(server) => server.verify_backup(path, watch),
        }
    }

    /// Fills this empty database, which is being built aside, from a backup.
    pub fn fill_from_backup(&self, path: &Path, watch: &Watch<'_>) -> Result<()> {
        match self {
            Self::Sqlite(file) => file.fill_from_backup(path, watch),
            Self::Postgres(server) => server.fill_from_backup(path, watch),
        }
    }

    /// The schema, or all of it, as SQL: the same database gives the same bytes, and an empty one takes them.
    pub fn dump_sql(&self, dumping: &Dumping<'_>, watch: &Watch<'_>, sink: &mut Sink<'_>) -> Result<()> {
        match self {
            Self::Sqlite(file) => sink(&file.dump_sql(dumping.content, dumping.version_tables, watch)?),
            Self::Postgres(server) => server.dump_sql(dumping, watch, sink),
        }
    }

    /// A dump in PostgreSQL's own formats: a file, or a folder that is not there yet.
    pub fn dump_archive(&self, format: Archive, dumping: &Dumping<'_>, to: &Path, watch: &Watch<'_>) -> Result<()> {
        match self {
            Self::Sqlite(_) => Err(self.no_archives()),
            Self::Postgres(server) => server.dump_archive(format, dumping, to, watch),
        }
    }

    /// Fills this empty database from such a dump, all or nothing.
    pub fn load_archive(&self, path: &Path, watch: &Watch<'_>) -> Result<()> {
        match self {
            Self::Sqlite(_) => Err(self.no_archives()),
            Self::Postgres(server) => server.load_archive(path, watch),
        }
    }

    /// `pg_dump` with these arguments, connected.
    pub fn pg_dump(&self, arguments: &[String]) -> Result<Tool> {
        match self {
            Self::Sqlite(_) => Err(Error::usage(format!("{}: arguments after -- are for pg_dump", self.place()))
                .help("pg_dump knows PostgreSQL only; leave them out")),
            Self::Postgres(server) => Ok(server.pg_dump()?.args(arguments)),
        }
    }

    fn no_archives(&self) -> Error {
        Error::usage(format!("{}: the formats custom and directory are PostgreSQL's", self.place()))
            .help("a dump of SQLite is plain SQL: leave -F out")
    }

    /// The engine's own program, connected; one statement, or the terminal.
    pub fn shell(&self, statement: Option<&str>) -> Result<Tool> {
        match self {
            Self::Sqlite(file) => file.shell(statement),
            Self::Postgres(server) => server.shell(statement),
        }
    }
}
