//! What long work on a database shares: its lock, signals, and words for the person who waits.

use crate::process::Interrupts;

/// Who waits for the work, and hears of it.
pub struct Watch<'a> {
    pub interrupts: &'a Interrupts,
    hear: &'a dyn Fn(News<'_>),
    notes: bool,
}

/// What is told while the work goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News<'a> {
    /// How far it is: moving progress, for terminals.
    Progress {
        what: &'a str,
        done: u64,
        total: Option<u64>,
    },
    /// Something worth a line.
    Note(&'a str),
    Warning(&'a str),
}

impl<'a> Watch<'a> {
    pub fn new(interrupts: &'a Interrupts, hear: &'a dyn Fn(News<'_>)) -> Self {
        Self { interrupts, hear, notes: true }
    }

    /// The same listener, for work that is no news where it goes well.
    #[must_use]
    pub fn without_notes(&self) -> Self {
        Self { notes: false, ..*self }
    }

    /// `done` of `total`, in the unit that `what` names: "copying, bytes", "restoring, tables".
    pub fn progress(&self, what: &str, done: u64, total: Option<u64>) {
        (self.hear)(News::Progress { what, done, total });
    }

    pub fn note(&self, text: &str) {
        if self.notes {
            (self.hear)(News::Note(text));
        }
    }

    pub fn warn(&self, text: &str) {
        (self.hear)(News::Warning(text));
    }

    /// The same listener, where no signal may stop the work: putting a database back.
    pub fn undisturbed(&self, interrupts: &'a Interrupts) -> Self {
        Self { interrupts, ..*self }
    }
}
