//! The words for replacing the whole content of a database: it is the old or the new one, whenever a process dies.

use crate::error::Result;

use super::journal::Journal;
use super::{Engine, Lock};

/// How a database's content is replaced.
pub struct Replacement<'a> {
    /// Short, unique, of letters, digits and `_`: part of the names of what is built aside.
    pub run: &'a str,
    /// Where the swap is written down, so that recovery can end it.
    pub journal: &'a Journal,
    /// The lock on the database. A PostgreSQL database is closed to everybody before it is renamed, to us too.
    pub lock: &'a mut Lock,
    /// Ends other sessions of the target; without it they are an error that names them.
    pub force: bool,
    /// Keeps what was replaced beside it, under the name in [`Replaced::old`].
    pub keep_old: bool,
    pub making: Making<'a>,
}

/// Who makes the database aside that is filled, on PostgreSQL.
#[derive(Clone, Copy)]
pub enum Making<'a> {
    /// It is there, empty, when it is filled.
    Before,
    /// As before; this runs while the server works.
    Meanwhile(&'a dyn Fn()),
    /// Who fills it makes it: a template is copied as a whole.
    ByFilling,
}

/// What became of the old content.
#[derive(Debug, Default)]
pub struct Replaced {
    /// The database, or the file, that holds the old content.
    pub old: Option<String>,
    /// How it was done, where it was not done by building aside and swapping.
    pub remark: Option<String>,
}

/// Fills the empty database that is built aside.
pub type Fill<'f> = dyn FnMut(&Engine) -> Result<()> + 'f;

/// What a copy leaves out, and how it is made.
#[derive(Debug, Clone, Default)]
pub struct Copying {
    /// Tables, indexes and so on without rows.
    pub schema_only: bool,
    /// Tables whose rows stay behind: globs, as `pg_dump --exclude-table-data` takes them.
    pub exclude_table_data: Vec<String>,
    /// PostgreSQL: `CREATE DATABASE … TEMPLATE`, which stalls new connections to the source.
    pub template: bool,
    /// Parallel jobs; none is the number of processors, within reason.
    pub jobs: Option<usize>,
}

/// Rows by table, in the order of their names.
pub type Counts = Vec<(String, u64)>;

/// What both ends hold, counted while the copy was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// Where rows are left out on purpose, the tables alone count.
    pub source: Counts,
    pub copy: Counts,
    /// Whether the source was counted as it was copied: differences are then nobody's writing.
    pub of_one_moment: bool,
}

/// A copy that was begun: what is known of the source already.
pub enum Begun {
    File,
    Server(Box<super::postgres::Begun>),
}

impl Copying {
    /// Whether rows are left out.
    pub fn is_partial(&self) -> bool {
        self.schema_only || !self.exclude_table_data.is_empty()
    }
}

impl Engine {
    /// What a copy would run, as a person would type it; without secrets.
    pub fn copy_plan(&self, to: &Self, copying: &Copying) -> Result<Vec<String>> {
        match (self, to) {
            (Self::Postgres(source), Self::Postgres(target)) => source.copy_plan(target, copying),
            _ => Ok(vec![format!("SQLite's backup of {} into {}", self.place(), to.place())]),
        }
    }
}
