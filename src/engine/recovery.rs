//! After a death: where the journal of a database is, and what is done about it before the next change.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::error::Result;

use super::journal::{Deed, Entry, Journal};
use super::{Engine, Identity, Watch};

/// A file name has at most 255 bytes.
const LONGEST: usize = 180;

impl Engine {
    /// Where what is about to be done is written down: beside a SQLite file, in the state directory for a server;
    /// `None` in memory, where nothing lasts.
    pub fn journal(&self, state: &Path) -> Result<Option<Journal>> {
        let path = match self {
            Self::Sqlite(file) => file.journal_path(),
            Self::Postgres(server) => Some(folder(state).join(format!("{}.json", file_name(&server.lasting_name()?)))),
        };
        Ok(path.map(Journal::at))
    }

    /// As [`Engine::journal`], where the identifier of the server's cluster has been asked for already.
    pub fn journal_on(&self, state: &Path, system: Option<&str>) -> Option<Journal> {
        let path = match self {
            Self::Sqlite(file) => file.journal_path(),
            Self::Postgres(server) => {
                Some(folder(state).join(format!("{}.json", file_name(&server.lasting_name_on(system)))))
            }
        };
        path.map(Journal::at)
    }

    /// Whether there can be a journal of this database, without asking a server for its name.
    pub fn may_have_journal(&self, state: &Path) -> bool {
        match self {
            Self::Sqlite(file) => file.journal_path().is_some_and(|path| path.exists()),
            Self::Postgres(_) => folder(state).read_dir().is_ok_and(|mut entries| entries.next().is_some()),
        }
    }

    /// Ends or undoes the replacing of a database that an entry tells of; says which. The lock is held.
    pub fn recover_swap(&self, entry: &Entry, watch: &Watch<'_>) -> Result<String> {
        match self {
            Self::Sqlite(file) => file.recover(entry, watch),
            Self::Postgres(server) => server.recover_swap(entry, watch),
        }
    }

    /// What a dead run left of replacing this database is put right; says what was done. A migration's entry stays. The lock is held.
    pub fn recover(&self, journal: &Journal, watch: &Watch<'_>) -> Result<Vec<String>> {
        let mut done = Vec::new();
        for journal in [journal.clone(), journal.of_swap()] {
            if let Some(entry) = journal.read()?
                && !matches!(entry.deed, Deed::Migrate { .. })
            {
                done.push(self.recover_swap(&entry, watch)?);
                journal.clear()?;
            }
        }
        if let Self::Postgres(server) = self {
            let left = server.sweep()?;
            done.extend(left.iter().map(|name| format!("{name}, left by a run that was broken off, is removed")));
        }
        Ok(done)
    }

    /// Whether both are one database, also where a server goes by two names: it is asked.
    pub fn is_same_as(&self, other: &Self) -> Result<bool> {
        match (self, other) {
            (Self::Postgres(one), Self::Postgres(another)) => one.is_same_database(another),
            _ => Ok(self.identity() == other.identity() && self.identity() != Identity::Memory),
        }
    }

    /// Whether a copy may be made by the server itself, from a template that nobody is connected to.
    pub fn can_be_template_for(&self, other: &Self) -> Result<bool> {
        match (self, other) {
            (Self::Postgres(source), Self::Postgres(target)) => {
                Ok(source.is_on_server_of(target)? && source.is_quiet()?)
            }
            _ => Ok(false),
        }
    }
}

fn folder(state: &Path) -> PathBuf {
    state.join("v1/journal")
}

/// Letters, digits, `-` and `_` stay; what is too long ends in a number of its own.
fn file_name(name: &str) -> String {
    let mut text = String::new();
    for byte in name.bytes() {
        match byte {
            b'-' | b'_' => text.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => text.push(char::from(byte)),
            _ => drop(write!(text, "%{byte:02X}")),
        }
    }
    if text.len() > LONGEST {
        // FNV-1a: the same in every build, which the standard library's does not promise.
        let number = name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        text.truncate(LONGEST);
        let _ = write!(text, "-{number:x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_makes_a_file_name_of_its_own() {
        assert_eq!(file_name("7-bil_ling"), "7-bil_ling");
        assert_eq!(file_name("7-../a b"), "7-%2E%2E%2Fa%20b");
        let (one, another) = (file_name(&"/".repeat(90)), file_name(&"/".repeat(91)));
        assert!(one.len() < 240 && one != another);
    }
}
