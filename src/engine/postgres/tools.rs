//! PostgreSQL's programs on this machine: the oldest that is new enough for a server.

use std::path::{Path, PathBuf};

use crate::engine::{Watch, programs};
use crate::error::{Error, Result};
use crate::process::{self, Captured, Interrupts, Tool};

use super::Server;

/// The folder of one version's programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Programs {
    folder: PathBuf,
    pub major: u32,
}

impl Programs {
    /// A program of this version.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

impl Server {
    /// The programs for a server of this major version: `pg_bin` where it will do, else the oldest that is new enough.
    pub(super) fn programs_for(&self, major: u32) -> Result<Programs> {
        let folders = self.folders_of("pg_dump");
        if let Some(set) = &self.pg_bin
            && let Some(programs) = version_of(set)
            && programs.major >= major
        {
            return Ok(programs);
        }
        choose(folders.iter().filter_map(|folder| version_of(folder)).collect(), major)
    }

    /// The newest programs: a backup may be of a newer server than the one it goes to.
    pub(super) fn newest_programs(&self) -> Result<Programs> {
        let folders = self.folders_of("pg_dump");
        let found = folders.iter().filter_map(|folder| version_of(folder)).max_by_key(|programs| programs.major);
        found.ok_or_else(|| {
            choose(Vec::new(), 0).err().unwrap_or_else(|| Error::environment("pg_restore was not found"))
        })
    }

    /// Where a program may be, without the places where it is only a script that looks for it.
    pub(super) fn folders_of(&self, program: &str) -> Vec<PathBuf> {
        let mut folders = programs::folders(self.pg_bin.as_deref(), &self.environment);
        folders.retain(|folder| !is_wrapped(&folder.join(program)));
        folders
    }

    /// Runs a program to its end; a failure is an error with the program's own words.
    pub(super) fn run(&self, tool: Tool, watch: &Watch<'_>) -> Result<Captured> {
        self.run_by(tool, watch.interrupts)
    }

    /// As [`Server::run`], on a thread of its own.
    pub(super) fn run_by(&self, tool: Tool, interrupts: &Interrupts) -> Result<Captured> {
        let line = tool.command_line();
        let captured = tool.watched(interrupts, &mut || {})?;
        self.judge_by(&line, captured, interrupts)
    }

    /// What a program did, or the error that it ended in.
    pub(super) fn judge(&self, line: &str, captured: Captured, watch: &Watch<'_>) -> Result<Captured> {
        self.judge_by(line, captured, watch.interrupts)
    }

    /// As [`Server::judge`], on a thread of its own.
    pub(super) fn judge_by(&self, line: &str, captured: Captured, interrupts: &Interrupts) -> Result<Captured> {
        if let Some(signal) = interrupts.seen() {
            return Err(Error::Interrupted(signal));
        }
        if captured.status.success() {
            return Ok(captured);
        }
        let said = verdict(&String::from_utf8_lossy(&captured.stderr));
        Err(Error::failed(format!("{}: `{line}` ended with code {}", self.place(), process::code(captured.status)))
            .detail(said))
    }
}

/// Debian's programs on `PATH` are a script that looks for the real ones; it takes longer to start than they take to run.
fn is_wrapped(program: &Path) -> bool {
    std::fs::canonicalize(program).is_ok_and(|real| real.ends_with("pg_wrapper"))
}

/// The lines of a program's stderr that say what went wrong, without its progress.
pub(super) fn verdict(said: &str) -> String {
    let telling = |line: &&str| {
        ["error:", "ERROR:", "FATAL:", "detail:", "DETAIL:", "hint:", "HINT:", "Command was:"]
            .iter()
            .any(|word| line.contains(word))
    };
    let lines: Vec<&str> = said.lines().filter(telling).take(12).collect();
    let all: Vec<&str> = said.lines().collect();
    if lines.is_empty() { all[all.len().saturating_sub(12)..].join("\n") } else { lines.join("\n") }
}

/// The version of the `pg_dump` in a folder, where there is one that runs.
fn version_of(folder: &Path) -> Option<Programs> {
    let program = folder.join("pg_dump");
    if !program.is_file() {
        return None;
    }
    let captured = Tool::new(&program).arg("--version").capture().ok().filter(|said| said.status.success())?;
    let major = major_of(&String::from_utf8_lossy(&captured.stdout))?;
    Some(Programs { folder: folder.to_path_buf(), major })
}

/// `pg_dump (PostgreSQL) 15.18 (Debian …)` is 15.
fn major_of(said: &str) -> Option<u32> {
    let version = said.split_once("(PostgreSQL)")?.1.trim_start();
    version.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn choose(mut found: Vec<Programs>, major: u32) -> Result<Programs> {
    found.sort_by_key(|programs| programs.major);
    if let Some(at) = found.iter().position(|programs| programs.major >= major) {
        return Ok(found.swap_remove(at));
    }
    let list: Vec<String> =
        found.iter().map(|programs| format!("  pg_dump {} in {}", programs.major, programs.folder.display())).collect();
    let error = match found.is_empty() {
        true => Error::environment("pg_dump was not found"),
        false => Error::environment(format!("the server is PostgreSQL {major}, and every pg_dump found is older"))
            .detail(list.join("\n")),
    };
    Err(error.help(format!(
        "install the client programs of PostgreSQL {major} (postgresql-client-{major}), or set `pg_bin` to their folder"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn programs(majors: &[u32]) -> Vec<Programs> {
        majors.iter().map(|&major| Programs { folder: format!("/pg/{major}").into(), major }).collect()
    }

    #[test]
    fn the_version_is_read_from_what_pg_dump_says() {
        assert_eq!(major_of("pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"), Some(15));
        assert_eq!(major_of("pg_dump (PostgreSQL) 18beta1\n"), Some(18));
        assert_eq!(major_of("something else"), None);
    }

    #[test]
    fn the_oldest_that_is_new_enough_is_taken() {
        assert_eq!(choose(programs(&[17, 14, 16]), 15).unwrap().major, 16);
        let error = choose(programs(&[14, 13]), 16).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the server is PostgreSQL 16, and every pg_dump found is older\n  pg_dump 13 in /pg/13\n  pg_dump 14 in /pg/14\n\
             help: install the client programs of PostgreSQL 16 (postgresql-client-16), or set `pg_bin` to their folder"
        );
        assert_eq!((error.code(), choose(Vec::new(), 15).unwrap_err().code()), (3, 3));
    }

    #[test]
    fn progress_is_no_verdict() {
        let said = "pg_restore: creating TABLE \"a\"\npg_restore: error: could not execute query: ERROR:  no\n";
        assert_eq!(verdict(said), "pg_restore: error: could not execute query: ERROR:  no");
        assert_eq!(verdict("Killed\n"), "Killed");
    }
}
