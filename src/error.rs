//! Everything that can go wrong, by meaning: words for people, the next step, the exit code.

use std::fmt;
use std::path::PathBuf;

pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong. The variant decides the exit code (see [`Error::code`]).
#[derive(Debug, Clone)]
pub enum Error {
    /// The answer to the question is no (drift, not up to date): exit code 1.
    No(Words),
    /// Command line, settings, a protected database, or what Alembic itself refuses: exit code 2.
    Usage(Words),
    /// No Python, no Alembic, a missing program, a wrong version, own files not writable: exit code 3.
    Environment(Words),
    /// The database is out of reach, missing, or refuses the password: exit code 4.
    Database(Words),
    /// A migration, or what belongs to it, failed or was lost: exit code 5.
    Failed(Words),
    /// A lock was not obtained: exit code 6.
    Locked(Words),
    /// Ended by this signal: exit code 128 + signal.
    Interrupted(i32),
}

/// The words of an error.
#[derive(Debug, Clone, Default)]
pub struct Words {
    /// What went wrong, with the value, lower case, without a full stop.
    pub what: String,
    /// Quoted lines that belong to it: a snippet of the settings, a tool's own verdict.
    pub detail: Option<String>,
    /// The next step.
    pub help: Option<String>,
    /// Where the whole traceback stands.
    pub log: Option<PathBuf>,
}

impl Error {
    pub fn usage(what: impl Into<String>) -> Self {
        Self::Usage(Words::new(what))
    }

    pub fn environment(what: impl Into<String>) -> Self {
        Self::Environment(Words::new(what))
    }

    pub fn database(what: impl Into<String>) -> Self {
        Self::Database(Words::new(what))
    }

    pub fn failed(what: impl Into<String>) -> Self {
        Self::Failed(Words::new(what))
    }

    pub fn locked(what: impl Into<String>) -> Self {
        Self::Locked(Words::new(what))
    }

    /// Adds the next step.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        if let Some(words) = self.words_mut() {
            words.help = Some(help.into());
        }
        self
    }

    /// The same meaning in other words.
    #[must_use]
    pub fn reworded(mut self, what: impl Into<String>) -> Self {
        if let Some(words) = self.words_mut() {
            words.what = what.into();
        }
        self
    }

    /// Adds quoted lines.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        if let Some(words) = self.words_mut() {
            words.detail = Some(detail.into());
        }
        self
    }

    /// Adds a line that belongs to it: what was put back, or has to be.
    #[must_use]
    pub fn remark(mut self, remark: &str) -> Self {
        if let Some(words) = self.words_mut() {
            let before = words.detail.take().map(|detail| format!("{}\n", detail.trim_end())).unwrap_or_default();
            words.detail = Some(format!("{before}  {remark}"));
        }
        self
    }

    /// Says where the whole traceback stands.
    #[must_use]
    pub fn log(mut self, log: Option<PathBuf>) -> Self {
        if let Some(words) = self.words_mut() {
            words.log = log;
        }
        self
    }

    /// The exit code, as in the README's table.
    pub fn code(&self) -> u8 {
        match self {
            Self::No(_) => 1,
            Self::Usage(_) => 2,
            Self::Environment(_) => 3,
            Self::Database(_) => 4,
            Self::Failed(_) => 5,
            Self::Locked(_) => 6,
            Self::Interrupted(signal) => u8::try_from(128 + signal).unwrap_or(130),
        }
    }

    /// The words, except of an interruption, which says nothing.
    pub fn words(&self) -> Option<&Words> {
        match self {
            Self::No(words)
            | Self::Usage(words)
            | Self::Environment(words)
            | Self::Database(words)
            | Self::Failed(words)
            | Self::Locked(words) => Some(words),
            Self::Interrupted(_) => None,
        }
    }

    fn words_mut(&mut self) -> Option<&mut Words> {
        match self {
            Self::No(words)
            | Self::Usage(words)
            | Self::Environment(words)
            | Self::Database(words)
            | Self::Failed(words)
            | Self::Locked(words) => Some(words),
            Self::Interrupted(_) => None,
        }
    }
}

/// The worst of several exit codes: 5 4 6 3 2 1, an interruption before all.
pub fn worst(codes: impl IntoIterator<Item = u8>) -> u8 {
    let rank = |code: &u8| match code {
        0 => 0,
        1 => 1,
        2 => 2,
        3 => 3,
        6 => 4,
        4 => 5,
        5 => 6,
        _ => 7,
    };
    codes.into_iter().max_by_key(rank).unwrap_or(0)
}

impl Words {
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), ..Self::default() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(words) = self.words() else {
            return write!(f, "interrupted");
        };
        write!(f, "{}", words.what)?;
        if let Some(detail) = &words.detail {
            write!(f, "\n{}", detail.trim_end())?;
        }
        if let Some(help) = &words.help {
            write!(f, "\nhelp: {help}")?;
        }
        if let Some(log) = &words.log {
            write!(f, "\nlog: {}", log.display())?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_code_follows_the_documented_order() {
        assert_eq!(worst([1, 3, 6, 2]), 6);
        assert_eq!(worst([6, 4, 5]), 5);
        assert_eq!(worst([4, 6]), 4);
        assert_eq!(worst([]), 0);
        assert_eq!(worst([0, 1]), 1);
    }

    #[test]
    fn an_error_says_what_then_the_next_step() {
        let error = Error::usage("no project `bill`").detail("  known: billing").help("write `billing`");
        assert_eq!(error.to_string(), "no project `bill`\n  known: billing\nhelp: write `billing`");
        assert_eq!(error.code(), 2);
    }
}
