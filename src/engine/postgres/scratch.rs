//! Databases that live for one run on a server for copies: marked, dropped, and removed by the next run where theirs died.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::engine::journal::Process;
use crate::error::Result;

use super::aside::{self, MARK, Mark};
use super::{Server, identifier, literal};

const KIND: &str = "check";
/// Nobody marks a database so long after making it.
const UNMARKED: Duration = Duration::from_secs(60 * 60);
/// No check takes so long, on whatever machine it runs.
const ELSEWHERE: Duration = Duration::from_secs(24 * 60 * 60);

impl Server {
    /// The name of a new one: it tells when it was made.
    pub fn scratch_name(target: &str) -> String {
        let now = since_1970();
        aside::name(
            target,
            KIND,
            &format!("{:x}_{:05}_{}", now.as_millis(), now.subsec_nanos() / 10 % 100_000, std::process::id()),
        )
    }

    /// Makes it, empty, with this schema in it.
    pub fn make_scratch(&self, target: &str, schema: Option<&str>) -> Result<()> {
        let made = self.make_aside(target, None, None).and_then(|()| match schema {
            Some(schema) => {
                self.ask_in(&self.name, &format!("create schema if not exists {}", identifier(schema))).map(drop)
            }
            None => Ok(()),
        });
        if made.is_err() {
            let _ = self.drop_database(true);
        }
        made
    }

    /// Drops what runs that are dead have left on this server; what cannot be dropped stays for another time.
    pub fn reap_scratch(&self) -> Result<()> {
        let found: Vec<(String, Option<String>)> = self.answer(&format!(
            "select coalesce(json_agg(json_build_array(datname, shobj_description(oid, 'pg_database'))), '[]') \
             from pg_database where datname like {} and pg_has_role(datdba, 'usage')",
            literal(&format!("%\\_\\_shed\\_{KIND}\\_%"))
        ))?;
        for (name, comment) in found.iter().filter(|(name, comment)| is_left(name, comment.as_deref(), since_1970())) {
            let own = comment.as_deref().is_some_and(|comment| comment.starts_with(MARK));
            // Who knows what an unmarked one is: a session in it keeps it.
            let _ = self.beside(name.clone()).drop_database(own);
        }
        Ok(())
    }
}

/// Whether nobody uses it any more: its maker is dead, or it is too old for one that cannot be seen from here.
fn is_left(name: &str, comment: Option<&str>, now: Duration) -> bool {
    let Some(made) = made(name) else { return false };
    let is_older = |than: Duration| now.checked_sub(made).is_some_and(|age| age > than);
    let mark = comment.and_then(|comment| comment.strip_prefix(MARK));
    match (comment, mark.and_then(|mark| serde_json::from_str::<Mark>(mark).ok())) {
        (_, Some(Mark { process, .. })) => match process.lives() {
            Some(lives) => !lives && process != Process::own(),
            None => is_older(ELSEWHERE),
        },
        (None, None) => is_older(UNMARKED),
        (Some(_), None) => false,
    }
}

/// When it was made, as its name tells.
fn made(name: &str) -> Option<Duration> {
    let (_, run) = name.rsplit_once(&format!("__shed_{KIND}_"))?;
    let mut parts = run.split('_');
    let millis = u64::from_str_radix(parts.next()?, 16).ok()?;
    let numbers = parts.filter(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit())).count();
    (numbers == 2).then(|| Duration::from_millis(millis))
}

pub(super) fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_left_where_its_maker_is_dead_or_it_is_old() {
        let name = Server::scratch_name("billing_staging");
        let now = since_1970();
        let later = |seconds: u64| now + Duration::from_secs(seconds);
        let mark = |process: &Process| format!("{MARK}{}", serde_json::json!({"database": "x", "process": process}));
        let own = mark(&Process::own());
        let dead = mark(&Process { pid: 4_999_999, ..Process::own() });
        let elsewhere = mark(&Process { host: "elsewhere".into(), ..Process::own() });
        assert_eq!([0, 90_000].map(|seconds| is_left(&name, Some(&own), later(seconds))), [false, false]);
        assert_eq!([0, 90_000].map(|seconds| is_left(&name, Some(&dead), later(seconds))), [true, true]);
        assert_eq!([0, 90_000].map(|seconds| is_left(&name, Some(&elsewhere), later(seconds))), [false, true]);
        assert_eq!([0, 90_000].map(|seconds| is_left(&name, None, later(seconds))), [false, true]);
        assert_eq!([0, 90_000].map(|seconds| is_left(&name, Some("mine"), later(seconds))), [false, false]);
        assert!(!is_left("billing__shed_check_x", None, later(90_000)));
    }
}
