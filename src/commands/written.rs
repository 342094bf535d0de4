//! What the commands that write to a database share: the SQL instead of the deed, and the result of either.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use crate::alembic::Step;
use crate::error::Result;
use crate::output::Report;

use super::Place;
use super::planning::{Wishes, with_x};
use super::reports::{Answer, Looked, Moved};
use super::safely::Care;
use super::scope::{Chosen, Needs, Scope};
use super::several::Way;

/// Ways of writing nothing.
#[derive(Debug, clap::Args)]
pub struct Instead {
    /// Print the SQL from the database's current revision on; write nothing
    #[arg(long, conflicts_with = "sql")]
    dry_run: bool,
    /// Print the SQL as Alembic does, from base or START:END on; needs no database
    #[arg(long)]
    sql: bool,
    /// A tag for env.py
    #[arg(long, value_name = "TAG")]
    tag: Option<String>,
}

/// What every command takes that writes to a database.
#[derive(Debug, clap::Args)]
pub struct Writing {
    #[command(flatten)]
    pub instead: Instead,
    #[command(flatten)]
    pub care: Care,
    #[command(flatten)]
    pub place: Place,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Written {
    Moved(Moved),
    Sql(Looked),
}

impl Instead {
    pub fn writes(&self) -> bool {
        !(self.dry_run || self.sql)
    }
}

impl Writing {
    /// Whether the database is changed, not only its SQL printed.
    pub fn writes(&self) -> bool {
        self.instead.writes()
    }

    /// The beginning of Alembic's command line.
    pub fn argv(&self, command: &str) -> Vec<String> {
        let tag = self.instead.tag.iter().map(|tag| format!("--tag={tag}"));
        with_x(&self.place, std::iter::once(command.to_owned()).chain(tag).collect())
    }

    /// What a command of this name for people wishes.
    pub fn wishes(&self, command: &'static str) -> Wishes<'_> {
        Wishes { terminal: self.place.tty, care: Some((command, self.care)), ..Wishes::default() }
    }
}

impl<'a> Scope<'a> {
    /// The targets of a command that writes, unless it only prints.
    pub fn writable(&self, word: Option<&str>, writing: &Writing) -> Result<Vec<Chosen<'a>>> {
        if writing.writes() {
            return self.allow_writing(self.targets(word, &writing.place, Needs::Writing)?);
        }
        self.targets(word, &writing.place, Needs::Reading)
    }

    /// Writes to every target, stopping at the first failure; or prints the SQL.
    pub fn write_each(
        &self,
        chosen: &[Chosen<'_>],
        argv: &[String],
        instead: &Instead,
        wishes: Wishes<'_>,
    ) -> Result<Answer<Written>> {
        self.each(chosen, if instead.writes() { Way::Writing } else { Way::Reading }, |scope, target, several| {
            if instead.writes() {
                super::dump::before_migrate(scope, target)?;
                let mut moved = scope.write(target, several, argv.to_vec(), wishes)?;
                super::dump::after_migrate(scope, target)?;
                return moved.failed.take().map_or(Ok(Written::Moved(moved)), Err);
            }
            let step = if instead.dry_run {
                Step::DryRun { argv: argv.to_vec() }
            } else {
                Step::alembic(argv.iter().cloned().chain(["--sql".to_owned()]))
            };
            scope.sql(target, several, step, wishes).map(Written::Sql)
        })
    }
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Moved(moved) => moved.fmt(f),
            Self::Sql(sql) => sql.fmt(f),
        }
    }
}

impl Report for Written {
    fn ok(&self) -> bool {
        match self {
            Self::Moved(moved) => moved.ok(),
            Self::Sql(_) => true,
        }
    }
}
