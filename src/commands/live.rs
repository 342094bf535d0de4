//! What a person sees of a run while it goes on.

use crate::alembic::{Event, Listener};
use crate::output::{Format, Output};

/// Passes a run's streams on: its stdout at once where it is the result, everything else to stderr.
pub struct Live<'a> {
    out: &'a Output,
    target: &'a str,
    stdout: Stdout,
    /// What was kept of stdout.
    pub kept: Vec<u8>,
    /// Whether steps and warnings are told.
    tells: bool,
}

/// Where the worker's stdout goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Stdout {
    /// Straight to ours.
    Through,
    /// Kept for the report.
    Kept,
    /// To stderr, because our stdout carries JSON.
    Aside,
}

impl<'a> Live<'a> {
    /// For a command whose result is Alembic's own output.
    pub fn of(out: &'a Output, target: &'a str, several: bool) -> Self {
        let stdout = match out.format {
            Format::Json => Stdout::Aside,
            Format::Text if several => Stdout::Kept,
            Format::Text => Stdout::Through,
        };
        Self { out, target, stdout, kept: Vec::new(), tells: true }
    }

    /// For a command that makes its result of what the worker prints.
    pub fn keeping(out: &'a Output, target: &'a str) -> Self {
        Self { stdout: Stdout::Kept, ..Self::of(out, target, false) }
    }

    /// For a command whose result is shed's own: what migrations and models print is no part of it.
    pub fn aside(out: &'a Output, target: &'a str) -> Self {
        Self { stdout: Stdout::Aside, ..Self::of(out, target, false) }
    }

    /// For the pass-through: streams untouched, nothing of our own.
    pub fn untouched(out: &'a Output, target: &'a str) -> Self {
        Self { out, target, stdout: Stdout::Through, kept: Vec::new(), tells: false }
    }

    /// What was kept of stdout, as text.
    pub fn text(self) -> String {
        String::from_utf8_lossy(&self.kept).into_owned()
    }
}

impl Listener for Live<'_> {
    fn stdout(&mut self, bytes: &[u8]) {
        match self.stdout {
            Stdout::Through => self.out.write(bytes),
            Stdout::Kept => self.kept.extend_from_slice(bytes),
            Stdout::Aside => self.out.write_aside(bytes),
        }
    }

    fn stderr(&mut self, bytes: &[u8]) {
        self.out.write_aside(bytes);
    }

    fn event(&mut self, event: &Event) {
        match event {
            _ if !self.tells => {}
            Event::StepStarted { revision, direction } => self.out.doing(&match direction.as_str() {
                "downgrade" => format!("downgrading {revision}"),
                "stamp" => "stamping".to_owned(),
                _ => format!("upgrading to {revision}"),
            }),
            Event::StepApplied(step) => self.out.note(&format!("{}: {}", self.target, step.in_words())),
            Event::Waiting { holder } => {
                self.out.note(&format!("{}: waiting for the lock, held by {holder}", self.target));
            }
            Event::Warning { text } => self.out.warn(&format!("{}: {text}", self.target)),
            _ => {}
        }
    }

    fn silence(&mut self) {
        self.out.beat();
    }
}
