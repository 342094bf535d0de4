//! Scratch databases at their heads that are kept on a server for copies, each the template of the next one.
//!
//! Nobody can connect to one, so that it stays what it was when it was kept, and a copy of it never waits.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::Result;

use super::scratch::since_1970;
use super::{Server, aside, identifier, literal};

const KIND: &str = "head";
/// How the comment on one begins.
const MARK: &str = "shed keeps: ";
/// So many of one cache directory are kept on a server, and no larger ones.
const MOST: usize = 20;
const LARGEST: u64 = 256 << 20;
/// Nobody has made a copy of it for so long.
const UNUSED: Duration = Duration::from_secs(14 * DAY);
/// A run notes what it has kept sooner than this.
const NOTED: Duration = Duration::from_secs(60 * 60);
const DAY: u64 = 24 * 60 * 60;

/// One that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    pub name: String,
    /// Another database of that name is another one.
    pub oid: u32,
}

/// The comment on one.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Mark {
    /// The cache directory that knows what it holds.
    cache: String,
    /// When it was last of use, in seconds since 1970; told once a day.
    used: u64,
}

/// One as it was found.
#[derive(Debug)]
pub struct Found {
    pub template: Template,
    mark: Mark,
    is_closed: bool,
}

impl Mark {
    fn text(cache: &str) -> String {
        let mark = Self { cache: cache.to_owned(), used: since_1970().as_secs() };
        format!("{MARK}{}", serde_json::to_string(&mark).unwrap_or_default())
    }
}

impl Server {
    /// All that are kept on this server, of whatever cache directory, as far as this role may drop them.
    pub fn templates(&self) -> Result<Vec<Found>> {
        let rows: Vec<(String, u32, bool, Option<String>)> = self.answer(&format!(
            "select coalesce(json_agg(json_build_array(datname, oid::bigint, datallowconn, \
             shobj_description(oid, 'pg_database'))), '[]') \
             from pg_database where datname like {} and pg_has_role(datdba, 'usage')",
            literal(&format!("%\\_\\_shed\\_{KIND}\\_%"))
        ))?;
        let found = |(name, oid, is_open, comment): (String, u32, bool, Option<String>)| {
            let mark = serde_json::from_str(comment?.strip_prefix(MARK)?).ok()?;
            Some(Found { template: Template { name, oid }, mark, is_closed: !is_open })
        };
        Ok(rows.into_iter().filter_map(found).collect())
    }

    /// Makes this database from one of them; an error where it is gone meanwhile.
    pub fn make_from(&self, found: &Found, target: &str) -> Result<()> {
        let template = identifier(&found.template.name);
        self.administer(&format!("create database {} template {template}", identifier(&self.name)))?;
        if let Err(error) = self.mark(&aside::Mark::text(target)) {
            let _ = self.drop_database(true);
            return Err(error);
        }
        if found.mark.is_of_another_day() {
            let mark = literal(&Mark::text(&found.mark.cache));
            let _ = self.ask(&format!("comment on database {template} is {mark}"));
        }
        Ok(())
    }

    /// Keeps this database, which nobody is in any more: closed, marked and renamed, or as it was.
    /// `None` where it is too large.
    pub fn keep(&self, target: &str, run: &str, cache: &str) -> Result<Option<Template>> {
        if self.size()? > LARGEST {
            return Ok(None);
        }
        let name = aside::name(target, KIND, run);
        let (own, kept, mark) = (identifier(&self.name), identifier(&name), literal(&Mark::text(cache)));
        let oid = self.administer(&format!(
            "alter database {own} allow_connections false; comment on database {own} is {mark}; \
             alter database {own} rename to {kept}; select oid from pg_database where datname = {}",
            literal(&name)
        ))?;
        Ok(oid.trim().parse().ok().map(|oid| Template { name, oid }))
    }

    /// Drops those of a cache directory: one, or all of them.
    pub fn drop_templates(&self, cache: &str, one: Option<&Template>) -> Result<()> {
        let meant = |found: &&Found| found.is_of(cache) && one.is_none_or(|one| found.template == *one);
        self.templates()?.iter().filter(meant).try_for_each(|found| self.drop_one(&found.template.name))
    }

    fn drop_one(&self, name: &str) -> Result<()> {
        self.administer(&format!("drop database if exists {}", identifier(name))).map(drop)
    }

    /// Drops those of a cache directory that it knows nothing of any more, or too many of, and of all that nobody uses.
    /// `known` are the names that it knows.
    pub fn prune_templates(&self, found: Vec<Found>, cache: &str, known: &[String]) {
        for old in superfluous(found, cache, known, since_1970()) {
            let _ = self.drop_one(&old); // or another time
        }
    }
}

impl Found {
    /// Whether it is the one that was kept, and nobody could have changed it since.
    pub fn is(&self, template: &Template, cache: &str) -> bool {
        self.template == *template && self.is_closed && self.mark.cache == cache
    }

    /// Whether it is this cache directory's.
    fn is_of(&self, cache: &str) -> bool {
        self.mark.cache == cache
    }
}

impl Mark {
    fn unused_for(&self, now: Duration) -> Duration {
        now.saturating_sub(Duration::from_secs(self.used))
    }

    /// Also where a clock was ahead.
    fn is_of_another_day(&self) -> bool {
        self.used.abs_diff(since_1970().as_secs()) > DAY
    }
}

fn superfluous(mut found: Vec<Found>, cache: &str, known: &[String], now: Duration) -> Vec<String> {
    found.sort_by_key(|found| std::cmp::Reverse(found.mark.used));
    let mut ours = 0;
    let is_superfluous = |found: &Found| {
        let unused = found.mark.unused_for(now);
        if !found.is_of(cache) {
            return unused > UNUSED;
        }
        let is_lost = !known.contains(&found.template.name) && unused > NOTED;
        ours += 1;
        unused > UNUSED || is_lost || ours > MOST
    };
    let mut is_superfluous = is_superfluous;
    found.into_iter().filter(|found| is_superfluous(found)).map(|found| found.template.name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_uses_or_knows_of_goes_and_so_do_too_many() {
        let found = |name: &str, cache: &str, used: u64| Found {
            template: Template { name: name.into(), oid: 1 },
            mark: Mark { cache: cache.into(), used },
            is_closed: true,
        };
        let now = 100 * DAY;
        let gone = |found: Vec<Found>, known: &[&str]| {
            let known: Vec<String> = known.iter().map(|name| (*name).to_owned()).collect();
            superfluous(found, "ours", &known, Duration::from_secs(now)).join(" ")
        };
        let old = now - 15 * DAY;
        assert_eq!(gone(vec![found("a", "ours", now), found("b", "ours", old)], &["a", "b"]), "b");
        assert_eq!(gone(vec![found("a", "theirs", now - 13 * DAY), found("b", "theirs", old)], &[]), "b");
        // Of ours that are not known a run may still be about to note one.
        assert_eq!(gone(vec![found("a", "ours", now - 60), found("b", "ours", now - 7200)], &[]), "b");
        // By a clock that is behind, nothing is old.
        assert_eq!(gone(vec![found("a", "theirs", now + 50 * DAY), found("b", "ours", now + DAY)], &[]), "");
        let many = (0..22).map(|at| found(&at.to_string(), "ours", now - at)).collect();
        let names: Vec<String> = (0..22).map(|at| at.to_string()).collect();
        assert_eq!(gone(many, &names.iter().map(String::as_str).collect::<Vec<_>>()), "20 21");
    }
}
