//! Databases beside the target: the new one that is being built, the old one that was replaced.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::engine::journal::Process;
use crate::error::{Error, Result};

use super::facts::{Described, Facts};
use super::{Server, identifier, literal};

/// What PostgreSQL keeps of a name.
pub(super) const LONGEST: usize = 63;
/// How a comment begins that marks a database as ours to remove.
pub(super) const MARK: &str = "shed: ";
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(50);

/// The comment on a database that goes when its maker has ended.
#[derive(Debug, Serialize, Deserialize)]
pub struct Mark {
    /// The database that it stands beside.
    pub database: String,
    pub process: Process,
}

impl Mark {
    pub(super) fn text(database: &str) -> String {
        let mark = Self { database: database.to_owned(), process: Process::own() };
        format!("{MARK}{}", serde_json::to_string(&mark).unwrap_or_default())
    }
}

/// `<target>__shed_new_<run>`: the target's part is cut, never what makes it unique.
pub(super) fn name(target: &str, kind: &str, run: &str) -> String {
    let ending = format!("__shed_{kind}_{run}");
    let mut room = LONGEST.saturating_sub(ending.len()).min(target.len());
    while !target.is_char_boundary(room) {
        room -= 1;
    }
    format!("{}{ending}", &target[..room])
}

impl Server {
    /// An empty database that keeps text as `shape` says; belonging to `like`, where there is one.
    pub(super) fn make_aside(&self, target: &str, shape: Option<&str>, like: Option<&Described>) -> Result<()> {
        let name = identifier(&self.name);
        let belonging = like.map(Described::belonging).unwrap_or_default();
        let create = format!("create database {name} template template0 {} {belonging}", shape.unwrap_or_default());
        self.administer(&create).map_err(|error| match error.words() {
            Some(words) => Error::Failed(words.clone()).help("nothing was changed"),
            None => error,
        })?;
        self.mark(&Mark::text(target))
    }

    /// Says whose it is, for whoever finds it after our death; until it is in its place nobody else may look into it.
    pub(super) fn mark(&self, mark: &str) -> Result<()> {
        let (name, mark) = (identifier(&self.name), literal(mark));
        self.ask(&format!("comment on database {name} is {mark}; revoke all on database {name} from public")).map(drop)
    }

    /// The statement that marks it, for a transaction.
    pub(super) fn mark_text(&self) -> String {
        Mark::text(&self.name)
    }

    /// Removes the database, whoever is in it.
    pub(super) fn drop_forcibly(&self, facts: &Facts) -> Result<()> {
        let name = identifier(&self.name);
        if facts.major >= 13 {
            return self.administer(&format!("drop database if exists {name} with (force)")).map(drop);
        }
        self.end_sessions(&format!("datname = {}", literal(&self.name)))?;
        self.administer(&format!("drop database if exists {name}")).map(drop)
    }

    /// Ends the sessions that a condition on `pg_stat_activity` finds, and sees them gone.
    pub(super) fn end_sessions(&self, condition: &str) -> Result<()> {
        let of_them = "from pg_stat_activity where pid <> pg_backend_pid() and coalesce(backend_type, '') not in \
             ('autovacuum worker', 'parallel worker') and";
        let deadline = Instant::now() + PATIENCE;
        loop {
            let ended = format!("select count(*) from (select pg_terminate_backend(pid) {of_them} {condition}) ended");
            if self.answer::<u64>(&ended)? == 0 {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(Error::failed(format!("{}: sessions do not end", self.place())));
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Databases beside this one whose makers are dead: whoever makes one holds the lock that we hold now.
    pub(super) fn leftovers(&self) -> Result<Vec<String>> {
        let found: Vec<(String, String)> = self.answer(&format!(
            "select coalesce(json_agg(json_build_array(datname, shobj_description(oid, 'pg_database'))), '[]') \
             from pg_database where datname ~ '__shed_(new|old)_' and shobj_description(oid, 'pg_database') like {}",
            literal(&format!("{MARK}%"))
        ))?;
        let is_dead = |(name, comment): (String, String)| {
            let mark: Mark = serde_json::from_str(comment.strip_prefix(MARK)?).ok()?;
            let dead = mark.process.lives() != Some(true) || mark.process == Process::own();
            (mark.database == self.name && dead).then_some(name)
        };
        Ok(found.into_iter().filter_map(is_dead).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_is_cut_where_it_is_the_target_s() {
        assert_eq!(name("billing", "new", "r1"), "billing__shed_new_r1");
        let long = name(&"ü".repeat(31), "old", "r1");
        assert_eq!(long, format!("{}__shed_old_r1", "ü".repeat(25)));
        assert!(long.len() <= LONGEST);
    }
}
