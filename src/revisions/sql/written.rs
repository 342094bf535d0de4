//! A new SQL file: its name, and its two blocks.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// As long as Alembic's.
const LONGEST_SLUG: usize = 40;

/// What a new file is to hold.
pub struct Written<'w> {
    pub version: &'w str,
    pub message: &'w str,
    /// The statements of both blocks; absent: they are empty.
    pub statements: Option<(&'w str, &'w str)>,
}

impl Written<'_> {
    /// `20240101120000_create_users.sql`.
    pub fn name(&self) -> String {
        let slug = slug(self.message);
        if slug.is_empty() { format!("{}.sql", self.version) } else { format!("{}_{slug}.sql", self.version) }
    }

    pub fn text(&self) -> String {
        let Some((up, down)) = self.statements else { return "-- migrate:up\n\n\n-- migrate:down\n\n".to_owned() };
        let message = self.message.split_whitespace().collect::<Vec<_>>().join(" ");
        let block = |direction: &str, head: &str, statements: &str| {
            let statements = statements.trim();
            let gap = if statements.is_empty() { "" } else { "\n" };
            format!("-- migrate:{direction}\n-- {head}: {message}\n{gap}{statements}").trim_end().to_owned() + "\n"
        };
        format!("{}\n{}", block("up", "Auto-generated migration", up), block("down", "Rollback", down))
    }
}

/// Writes a new file into the folder, which is made; one that is there is never touched.
pub fn write(folder: &Path, written: &Written<'_>) -> Result<PathBuf> {
    let path = folder.join(written.name());
    let create = || -> io::Result<()> {
        fs::create_dir_all(folder)?;
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o666).open(&path)?;
        file.write_all(written.text().as_bytes())
    };
    match create() {
        Ok(()) => Ok(path),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Err(Error::usage(format!("{} is there already", path.display())))
        }
        Err(error) => Err(Error::environment(format!("could not write {}: {error}", path.display()))),
    }
}

/// Lower case, words parted by `_`, cut between words.
fn slug(message: &str) -> String {
    let lower = message.to_lowercase();
    let words = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let mut slug = String::new();
    for word in words {
        if !slug.is_empty() && slug.chars().count() + 1 + word.chars().count() > LONGEST_SLUG {
            break;
        }
        if !slug.is_empty() {
            slug.push('_');
        }
        slug.extend(word.chars().take(LONGEST_SLUG));
    }
    slug
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_the_version_and_the_message() {
        let name = |message: &str| Written { version: "20240101120000", message, statements: None }.name();
        assert_eq!(name("Create users"), "20240101120000_create_users.sql");
        assert_eq!(name("  a/b: -- Ü \n"), "20240101120000_a_b_ü.sql");
        assert_eq!(name(""), "20240101120000.sql");
        assert_eq!(name(&"word ".repeat(20)), format!("20240101120000_{}.sql", ["word"; 8].join("_")));
    }

    #[test]
    fn an_empty_file_is_dbmates_own() {
        let written = Written { version: "1", message: "x", statements: None };
        assert_eq!(written.text(), "-- migrate:up\n\n\n-- migrate:down\n\n");
    }

    #[test]
    fn statements_stand_below_their_headings() {
        let written = Written { version: "1", message: "add\nusers", statements: Some(("CREATE a;\n\n", "")) };
        assert_eq!(
            written.text(),
            "-- migrate:up\n-- Auto-generated migration: add users\n\nCREATE a;\n\n-- migrate:down\n-- Rollback: add users\n"
        );
    }

    #[test]
    fn a_file_that_is_there_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let written = Written { version: "1", message: "x", statements: None };
        let path = write(&folder.path().join("new"), &written).unwrap();
        fs::write(&path, "mine").unwrap();
        assert_eq!(write(&folder.path().join("new"), &written).unwrap_err().code(), 2);
        assert_eq!(fs::read_to_string(path).unwrap(), "mine");
    }
}
