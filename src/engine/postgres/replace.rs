//! Replacing a database: the new one is built aside, then takes the old one's name in one transaction.

use crate::engine::journal::{Deed, Entry};
use crate::engine::verbs::Session;
use crate::engine::{Engine, Fill, Lock, Making, Replaced, Replacement, Watch};
use crate::error::{Error, Result};
use crate::failpoint::reach;

use super::aside::{self, LONGEST};
use super::facts::{Described, Facts};
use super::maintenance::MAINTENANCE;
use super::recover::Outcome;
use super::{Server, identifier, literal};

const SWAP: &str = include_str!("swap.sql");

/// The databases of one swap.
#[derive(Debug, Clone)]
pub(super) struct Swap {
    pub run: String,
    pub aside: String,
    pub old: String,
    pub had_old: bool,
    pub keep_old: bool,
}

impl Server {
    pub fn replace(&self, mut how: Replacement<'_>, watch: &Watch<'_>, fill: &mut Fill<'_>) -> Result<Replaced> {
        self.refuse_name()?;
        let facts = self.facts()?;
        if !how.force {
            self.refuse_sessions()?;
        }
        if let Some(why) = self.why_in_place(&facts) {
            return self.replace_in_place(&how, (&facts, why), watch, fill);
        }
        if let Some(old) = facts.database.as_ref().filter(|old| !old.owned) {
            return Err(Error::failed(format!(
                "{} belongs to {}, whose rights we do not have",
                self.place(),
                old.owner
            ))
            .help("connect as its owner, or grant that role; nothing was changed"));
        }
        let swap = Swap::of(self, &how, &facts);
        how.journal.write(&swap.entry(self, how.lock))?;
        let swapped = reach("swap-journal")
            .and_then(|()| self.build(&swap, &facts, how.making, fill))
            .and_then(|()| self.swap(&swap, &facts, &mut how, watch));
        // What was done is told by the server alone: a lost connection leaves it open whether the swap was committed.
        let ended = self.recover(&swap, watch).and_then(|done| {
            how.journal.clear()?;
            reach("swap-cleared").map(|()| done)
        });
        match (swapped, ended) {
            (Ok(()), ended) => drop(ended?),
            // The connection was lost, but not before the server had done it.
            (Err(_), Ok(Outcome::New)) => {}
            (Err(error), ended) => return Err(put_back(error, ended.err())),
        }
        Ok(Replaced { old: (swap.keep_old && swap.had_old).then_some(swap.old), remark: None })
    }

    /// Makes the database aside and lets it be filled.
    fn build(&self, swap: &Swap, facts: &Facts, making: Making<'_>, fill: &mut Fill<'_>) -> Result<()> {
        let aside = self.beside(&swap.aside).known_as(building(&swap.run));
        let shape = facts.database.as_ref().map(Described::shape);
        let make = || aside.make_aside(&self.name, shape.as_deref(), facts.database.as_ref());
        match making {
            Making::Before => make()?,
            Making::Meanwhile(work) => std::thread::scope(|scope| {
                let made = scope.spawn(make);
                // On this thread: a program that outlives the thread that started it is ended with it.
                work();
                made.join().unwrap_or_else(|_| Err(Error::failed(format!("{}: could not be made", aside.place()))))
            })?,
            Making::ByFilling => {}
        }
        reach("swap-made")?;
        fill(&Engine::Postgres(Box::new(aside)))?;
        reach("swap-filled")
    }

    /// Closes the target, and gives its name to what was built.
    fn swap(&self, swap: &Swap, facts: &Facts, how: &mut Replacement<'_>, watch: &Watch<'_>) -> Result<()> {
        if let Some(signal) = watch.interrupts.seen() {
            return Err(Error::Interrupted(signal));
        }
        let target = identifier(&self.name);
        if let Lock::Session(lock) = &mut *how.lock {
            lock.see_held()?;
        }
        if facts.database.is_some() {
            self.administer(&format!("alter database {target} allow_connections false"))?;
            reach("swap-closed")?;
        }
        how.lock.leave_target();
        reach("swap-left")?;
        match how.force {
            true => self.end_sessions(&format!("datname = {}", literal(&self.name)))?,
            false => self.refuse_sessions()?,
        }
        self.rename(swap, watch)?;
        reach("swap-renamed")
    }

    fn rename(&self, swap: &Swap, watch: &Watch<'_>) -> Result<()> {
        let mark = if swap.keep_old { String::new() } else { self.mark_text() };
        let words = [("target", &self.name), ("aside", &swap.aside), ("old", &swap.old), ("mark", &mark)];
        let set =
            |(name, value): (&str, &String)| format!("select set_config('shed.{name}', {}, true);\n", literal(value));
        let script = words.map(set).concat() + SWAP;
        let psql = self.psql(MAINTENANCE)?.env("PGAPPNAME", building(&swap.run));
        let captured = psql.args(["-1", "-f", "-"]).input(script).capture()?;
        let said = String::from_utf8_lossy(&captured.stderr);
        if !captured.status.success() {
            return Err(Error::failed(format!("{}: the databases could not be renamed", self.place()))
                .detail(super::tools::verdict(&said)));
        }
        for line in said.lines().filter_map(|line| line.split_once("WARNING:")) {
            watch.warn(line.1.trim());
        }
        Ok(())
    }

    /// Other sessions in the target are an error that names them.
    pub(super) fn refuse_sessions(&self) -> Result<()> {
        let Some(others) = self.company()? else { return Ok(()) };
        Err(Error::failed(format!("{} is in use", self.place()))
            .detail(others)
            .help("end these sessions, or add --force, which ends them; nothing was changed"))
    }

    /// The sessions of others that stay, a line each; `None` where there are none.
    pub(super) fn company(&self) -> Result<Option<String>> {
        let sessions = self.lasting_sessions(&|_| true)?;
        let lines: Vec<String> = sessions.iter().map(in_words).collect();
        Ok((!lines.is_empty()).then(|| lines.join("\n")))
    }

    /// A name that no database can have, or whose content is the server's own.
    pub fn refuse_name(&self) -> Result<()> {
        if self.name.len() > LONGEST {
            return Err(Error::usage(format!("`{}` has {} bytes", self.name, self.name.len()))
                .help(format!("PostgreSQL's names have at most {LONGEST}")));
        }
        if ["template0", "template1"].contains(&self.name.as_str()) {
            return Err(Error::usage(format!(
                "{} belongs to the server: it is neither replaced nor dropped",
                self.place()
            )));
        }
        Ok(())
    }
}

impl Swap {
    fn of(server: &Server, how: &Replacement<'_>, facts: &Facts) -> Self {
        Self {
            run: how.run.to_owned(),
            aside: aside::name(&server.name, "new", how.run),
            old: aside::name(&server.name, "old", how.run),
            had_old: facts.database.is_some(),
            keep_old: how.keep_old,
        }
    }

    fn entry(&self, server: &Server, lock: &Lock) -> Entry {
        let (command, target) = match lock {
            Lock::Session(lock) => (lock.command.clone(), lock.for_target.clone()),
            _ => ("replace".to_owned(), server.place()),
        };
        let deed = Deed::Swap {
            database: server.name.clone(),
            aside: self.aside.clone(),
            old: self.old.clone(),
            had_old: self.had_old,
            keep_old: self.keep_old,
        };
        Entry::new(&self.run, &target, &command, deed)
    }
}

/// The name of the sessions that build a run's database, so that recovery can end what a dead run left working.
pub(super) fn building(run: &str) -> String {
    format!("shed build {run}")
}

/// The error that stopped the work, with what came of putting everything back.
fn put_back(error: Error, not_put_back: Option<Error>) -> Error {
    match not_put_back {
        None => error,
        Some(why) => Error::failed(format!("{error}\nand it could not be put back: {why}"))
            .help("the next writing command on this database tries again"),
    }
}

fn in_words(session: &Session) -> String {
    let Session { pid, application, user, seconds } = session;
    let application = if application.is_empty() { "unnamed" } else { application };
    format!("  process {pid} ({application} of {user}), for {seconds} s")
}
