//! The event file of a run, read as it grows.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use crate::secret::Redactor;

use super::event::Event;

/// Where the reading stands.
pub struct Tail {
    reader: Option<BufReader<File>>,
    line: String,
    redactor: Redactor,
}

impl Tail {
    pub fn of(path: &Path, redactor: Redactor) -> Self {
        Self { reader: File::open(path).ok().map(BufReader::new), line: String::new(), redactor }
    }

    /// The events that came since; a line may be half written: it is kept until its end arrives.
    pub fn read(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        let Some(reader) = &mut self.reader else { return events };
        while reader.read_line(&mut self.line).is_ok_and(|count| count > 0) && self.line.ends_with('\n') {
            events.extend(serde_json::from_str::<Event>(&self.redactor.text(&self.line)));
            self.line.clear();
        }
        events
    }
}
