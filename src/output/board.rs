//! Moving lines at the foot of a terminal: one for each target that is at work. Whatever else is said stands above them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::time::{Duration, Instant};

/// What is done sooner is not shown at all.
const PATIENCE: Duration = Duration::from_millis(300);
const PAUSE: Duration = Duration::from_millis(100);
/// More targets than that are counted only.
const MOST: usize = 8;
const WIDTH: u16 = 80;

/// The lines, and what of them stands on the terminal now.
pub struct Board {
    begun: Instant,
    /// By the targets' places.
    lines: BTreeMap<usize, Line>,
    /// How many targets there are, and how many of them are done.
    all: usize,
    done: usize,
    shown: usize,
    drawn: Option<Instant>,
    /// Somebody's line has no end yet: nothing may come after it.
    open: bool,
}

struct Line {
    name: String,
    text: String,
    since: Instant,
}

impl Board {
    pub fn new() -> Self {
        let begun = Instant::now();
        Self { begun, lines: BTreeMap::new(), all: 0, done: 0, shown: 0, drawn: None, open: false }
    }

    /// So many targets are gone through from now on.
    pub fn start(&mut self, all: usize) {
        (self.begun, self.all, self.done) = (Instant::now(), all, 0);
    }

    pub fn begin(&mut self, place: usize, name: &str) {
        let line = Line { name: name.to_owned(), text: String::new(), since: Instant::now() };
        self.lines.insert(place, line);
    }

    /// What a target is doing.
    pub fn say(&mut self, place: usize, text: &str) {
        if let Some(line) = self.lines.get_mut(&place) {
            text.clone_into(&mut line.text);
        }
    }

    /// The last one takes the lines along.
    pub fn end(&mut self, place: usize) {
        self.done += 1;
        self.lines.remove(&place);
        if self.lines.is_empty() {
            self.erase();
        }
    }

    /// One line alone, until anything else is said.
    pub fn flash(&mut self, text: &str) {
        self.erase();
        self.shown = 1;
        draw(text);
    }

    /// Other bytes take the place of the lines; those come back with the next [`Board::beat`].
    pub fn give_way(&mut self, bytes: &[u8]) {
        self.erase();
        self.open = bytes.last() != Some(&b'\n');
    }

    /// Time has passed.
    pub fn beat(&mut self, width: Option<u16>) {
        let now = Instant::now();
        let early = now < self.begun + PATIENCE || self.drawn.is_some_and(|drawn| now < drawn + PAUSE);
        if early || self.open || self.lines.is_empty() {
            return;
        }
        self.erase();
        let lines = self.words(now, usize::from(width.filter(|&width| width > 0).unwrap_or(WIDTH)));
        (self.shown, self.drawn) = (lines.len(), Some(now));
        draw(&lines.join("\n"));
    }

    fn words(&self, now: Instant, width: usize) -> Vec<String> {
        let mut lines: Vec<String> = self.lines.values().take(MOST).map(|line| line.in_words(now)).collect();
        lines.push(match self.lines.len().saturating_sub(MOST) {
            0 => format!("{} of {} done", self.done, self.all),
            more => format!("and {more} more; {} of {} done", self.done, self.all),
        });
        // The last column stays free: some terminals begin a new line there.
        lines.iter().map(|line| line.chars().take(width - 1).collect()).collect()
    }

    fn erase(&mut self) {
        match self.shown {
            0 => {}
            1 => draw("\r\u{1b}[K"),
            shown => draw(&format!("\r\u{1b}[{}A\u{1b}[J", shown - 1)),
        }
        self.shown = 0;
    }
}

impl Line {
    fn in_words(&self, now: Instant) -> String {
        let mut words = self.name.clone();
        if !self.text.is_empty() {
            let _ = write!(words, ": {}", self.text);
        }
        match now.saturating_duration_since(self.since).as_secs() {
            0 => {}
            seconds => drop(write!(words, " ({seconds} s)")),
        }
        words
    }
}

fn draw(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_running_target_has_a_line_that_fits_and_many_are_counted() {
        let mut board = Board::new();
        board.start(12);
        for place in 0..10 {
            board.begin(place, &format!("p{place}.main"));
        }
        board.say(0, "upgrading to a1b2");
        board.end(3);
        let later = Instant::now() + Duration::from_secs(5);
        let lines = board.words(later, 24);
        assert_eq!(
            lines[..2],
            ["p0.main: upgrading to a1", "p1.main (5 s)"].map(|line| line[..line.len().min(23)].to_owned())
        );
        assert_eq!((lines.len(), lines[8].as_str()), (9, "and 1 more; 1 of 12 don"));
        assert_eq!(board.words(later, 80)[0], "p0.main: upgrading to a1b2 (5 s)");
    }
}
