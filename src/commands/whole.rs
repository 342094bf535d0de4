//! What the commands on whole databases share: one target, named outright; the way to it; who hears of the work.

use crate::engine::{Engine, Identity, LockWish, News, Watch};
use crate::error::{Error, Result};
use crate::settings::{Database, targets};

use super::Place;
use super::scope::{Chosen, Needs, Scope};

impl<'a> Scope<'a> {
    /// One database that is named outright: `command` takes no pattern, no URL, and infers nothing.
    pub fn named(&self, word: &str, command: &str) -> Result<Chosen<'a>> {
        if word.contains("://") {
            return Err(Error::usage(format!("{command} takes a target of the settings, not a database URL"))
                .help("name it: PROJECT.DATABASE"));
        }
        if self.environment.text("SHED_DATABASE_URL").is_some() {
            return Err(Error::usage(format!("{command} does not go to a database URL, and SHED_DATABASE_URL is set"))
                .help("unset it: the target's own connection is used"));
        }
        if word.contains('*') {
            return Err(Error::usage(format!("{command} takes one target, not the pattern `{word}`"))
                .help("name it: PROJECT.DATABASE"));
        }
        self.one(Some(word), &Place::default())
    }

    /// One database; a copy on a development server needs no project beside it.
    pub fn one(&self, word: Option<&str>, place: &Place) -> Result<Chosen<'a>> {
        match word.filter(|word| word.starts_with("development.") && place.on.is_none()) {
            Some(word) => self.copy(word, None),
            None => {
                let chosen = self.only_target(word, place, Needs::Reading)?;
                self.demand(&chosen)?;
                Ok(chosen)
            }
        }
    }

    /// `development.SERVER/NAME`: the other keys are those of the project of this folder, or of the first one.
    /// A private server is of the major version `at_least`.
    pub fn copy(&self, word: &str, at_least: Option<u32>) -> Result<Chosen<'a>> {
        let Some(found) = targets::development(self.settings, word) else {
            return Err(Error::usage(format!("`{word}` is no target")).help("name it: development.SERVER/NAME"));
        };
        let (server, name) = found?;
        let Some(name) = name.filter(|name| !name.is_empty()).or(server.db_name.as_deref()) else {
            return Err(Error::usage(format!("development.{} is a server, not a database", server.name))
                .help(format!("name the database: development.{}/NAME", server.name)));
        };
        let here = targets::project_at(self.settings, self.environment.working_dir())?;
        let projects = self.settings.projects()?;
        let Some(project) = here.and_then(|here| projects.get(&here.name)).or_else(|| projects.values().next()) else {
            return Err(Error::usage(format!("{} lists no projects", self.settings.path().display()))
                .help("add one: shed init NAME --module MODULE"));
        };
        let name_for_people = format!("development.{}/{name}", server.name);
        let mut chosen = Chosen { project, database: None, name: name_for_people, by_pattern: false };
        let name = self.copy_name(&chosen, server, Some(name))?;
        chosen.database = Some(self.on_server(&chosen, server, &name, (Needs::Writing, at_least))?);
        Ok(chosen)
    }

    /// The database of a command that needs one.
    pub fn database_of<'c>(&self, chosen: &'c Chosen<'_>) -> Result<&'c Database> {
        chosen.database.as_ref().ok_or_else(|| {
            Error::usage(format!("{} names no database", chosen.name)).help("name one: PROJECT.DATABASE")
        })
    }

    /// The way to the target's database, with its password.
    pub fn reach(&self, chosen: &Chosen<'_>) -> Result<Engine> {
        self.demand(chosen)?;
        self.engine(self.database_of(chosen)?)
    }

    /// An error where a variable is missing that the target's own connection needs.
    fn demand(&self, chosen: &Chosen<'_>) -> Result<()> {
        match &chosen.database {
            Some(database) if self.is_own(chosen) => {
                self.settings.demand_database(&chosen.project.name, &database.name)
            }
            _ => Ok(()),
        }
    }

    /// Whether the database is the settings' own entry: not replaced by a URL, not moved to a development server.
    pub fn is_own(&self, chosen: &Chosen<'_>) -> bool {
        let Some(database) = &chosen.database else { return false };
        chosen.project.db.get(&database.name).is_some_and(|own| own.connection == database.connection)
    }

    /// Work on a database, with Ctrl-C and somebody who hears of it.
    pub fn watched<R>(&self, work: impl FnOnce(&Watch<'_>) -> Result<R>) -> Result<R> {
        let hear = |news: News<'_>| match news {
            News::Note(text) => self.out.note(text),
            News::Warning(text) => self.out.warn(text),
            News::Progress { what, done, total } => self.out.moving(&progress(what, done, total)),
        };
        work(&Watch::new(self.interrupts()?, &hear))
    }

    /// What is asked of the lock on a target.
    pub fn lock_wish<'w>(&self, chosen: &'w Chosen<'_>, command: &'w str) -> LockWish<'w> {
        let database = chosen.database_or_first();
        let timeout = database.map(|database| database.options.lock.timeout).unwrap_or_default();
        LockWish { timeout, command, target: &chosen.name }
    }

    /// A database in memory is gone with the run that made it.
    pub fn refuse_memory(&self, chosen: &Chosen<'_>, engine: &Engine) -> Result<()> {
        if engine.identity() != Identity::Memory {
            return Ok(());
        }
        Err(Error::usage(format!("{} lives in memory, for the time of one run", chosen.name))
            .help("give it a file: `db_path`"))
    }

    /// A database that is not there is an error with the next step.
    pub fn demand_there(&self, chosen: &Chosen<'_>, engine: &Engine) -> Result<()> {
        if engine.exists()? {
            return Ok(());
        }
        Err(Error::database(format!("{}: {} is not there", chosen.name, engine.place()))
            .help(format!("shed create {}", chosen.name)))
    }
}

/// `reading, tables: 3 of 8`.
fn progress(what: &str, done: u64, total: Option<u64>) -> String {
    let total = total.map(|total| format!(" of {total}")).unwrap_or_default();
    format!("{what}: {done}{total}")
}
