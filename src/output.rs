//! The terminal: results on stdout, everything else on stderr, questions on a terminal only.

mod board;
mod turns;

use std::fmt::Display;
use std::io::{self, BufRead, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use schemars::JsonSchema;
use serde::Serialize;

use crate::error::{Error, Words};

use board::Board;
use turns::Turn;
pub use turns::Turns;

/// What a command found: words by `Display`, fields by `Serialize` and what they are by `JsonSchema`, and the verdict.
pub trait Report: Display + Serialize + JsonSchema {
    /// Whether the answer is yes; `false` is exit code 1.
    fn ok(&self) -> bool {
        true
    }

    /// The exit code, where there is more to say than yes or no.
    fn code(&self) -> u8 {
        u8::from(!self.ok())
    }
}

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    #[default]
    Text,
    Json,
}

/// When colours are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Color {
    #[default]
    Auto,
    Always,
    Never,
}

/// The two streams and the person before them.
pub struct Output {
    pub format: Format,
    pub quiet: bool,
    pub verbose: bool,
    color: bool,
    asks: bool,
    streams: Arc<Streams>,
    /// Where it speaks for one of several targets.
    turn: Option<Turn>,
}

/// What is shared by all that speak.
struct Streams {
    closed: AtomicBool,
    /// Where progress may be shown.
    board: Option<Mutex<Board>>,
    /// Whether stdout is that terminal, too.
    shares_terminal: bool,
}

/// Where bytes go.
#[derive(Clone, Copy)]
enum Stream {
    Out,
    Err,
}

impl Output {
    /// `asks` is whether questions may be asked where there is a terminal.
    pub fn new(format: Format, color: Color, quiet: bool, verbose: bool, asks: bool) -> Self {
        let color = match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => io::stderr().is_terminal(),
        };
        let terminal = io::stdin().is_terminal() && io::stderr().is_terminal();
        let moves = io::stderr().is_terminal() && !quiet;
        Self {
            format,
            quiet,
            verbose,
            color,
            asks: asks && terminal,
            streams: Arc::new(Streams {
                closed: AtomicBool::new(false),
                board: moves.then(|| Mutex::new(Board::new())),
                shares_terminal: io::stdout().is_terminal(),
            }),
            turn: None,
        }
    }

    /// Shows a command's result and gives its exit code.
    pub fn show(&self, report: &impl Report) -> u8 {
        match self.format {
            Format::Text => self.write(report.to_string().as_bytes()),
            Format::Json => match serde_json::to_string_pretty(report) {
                Ok(text) => self.write(format!("{text}\n").as_bytes()),
                Err(error) => self.line(&format!("error: the result is no JSON: {error}")),
            },
        }
        report.code()
    }

    /// Bytes of a result as they come. A closed stdout (`| head -1`) is the reader's wish, not a fault.
    pub fn write(&self, bytes: &[u8]) {
        self.put(Stream::Out, bytes);
    }

    /// Bytes that belong to no result.
    pub fn write_aside(&self, bytes: &[u8]) {
        self.put(Stream::Err, bytes);
    }

    fn put(&self, stream: Stream, bytes: &[u8]) {
        match &self.turn {
            Some(turn) => turn.put(stream, bytes),
            None => self.streams.put(stream, bytes),
        }
    }

    /// Progress: a line on a terminal that the next one, or anything else, takes the place of.
    pub fn moving(&self, text: &str) {
        let Some(mut board) = self.streams.board() else { return };
        match &self.turn {
            Some(turn) => board.say(turn.index, text),
            None => board.flash(text),
        }
        drop(board);
        self.beat();
    }

    /// What this one of several targets is doing.
    pub fn doing(&self, text: &str) {
        if self.turn.is_some() {
            self.moving(text);
        }
    }

    /// Time passes: the moving lines of several targets move on.
    pub fn beat(&self) {
        if self.turn.is_some()
            && let Some(mut board) = self.streams.board()
        {
            board.beat(rustix::termios::tcgetwinsize(io::stderr()).ok().map(|size| size.ws_col));
        }
    }

    /// A line that is always said.
    pub fn line(&self, text: &str) {
        self.write_aside(format!("{text}\n").as_bytes());
    }

    /// A line that `--quiet` mutes: what was applied, where the database is now.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            self.line(text);
        }
    }

    pub fn warn(&self, text: &str) {
        self.line(&format!("{} {text}", self.painted("warning:", "33")));
    }

    /// Shows an error; with `--format json` as one document on stdout too. Gives its exit code.
    pub fn fail(&self, error: &Error) -> u8 {
        if let Some(words) = error.words() {
            self.line(&format!("{} {error}", self.painted("error:", "31")));
            if self.verbose
                && let Some(text) = words.log.as_ref().and_then(|log| std::fs::read_to_string(log).ok())
            {
                self.line(text.trim_end());
            }
            if self.format == Format::Json {
                self.write(format!("{:#}\n", fields(error)).as_bytes());
            }
        } else {
            self.line(&format!("{} {error}", self.painted("error:", "31")));
        }
        error.code()
    }

    /// Shows the error of one target among several; the document on stdout comes at the end.
    pub fn fail_one(&self, error: &Error) {
        self.line(&format!("{} {error}", self.painted("error:", "31")));
    }

    /// Asks for a line, with a default; off a terminal there is no answer.
    pub fn ask(&self, question: &str, default: Option<&str>) -> Option<String> {
        if !self.asks {
            return None;
        }
        if let Some(turn) = &self.turn {
            turn.wait();
        }
        let hint = default.map(|default| format!(" [{default}]")).unwrap_or_default();
        self.write_aside(format!("{question}{hint} ").as_bytes());
        let mut answer = String::new();
        let read = io::stdin().lock().read_line(&mut answer).ok()?;
        let answer = answer.trim();
        match default {
            _ if read == 0 => None,
            Some(default) if answer.is_empty() => Some(default.to_owned()),
            _ => Some(answer.to_owned()),
        }
    }

    /// Asks for yes or no; off a terminal there is no answer.
    pub fn agree(&self, question: &str) -> Option<bool> {
        let answer = self.ask(&format!("{question} [y/N]"), None)?;
        Some(["y", "yes"].contains(&answer.to_lowercase().as_str()))
    }

    /// Asks to choose one of several; off a terminal there is no answer.
    pub fn choose(&self, question: &str, among: &[String]) -> Option<usize> {
        if !self.asks {
            return None;
        }
        if let Some(turn) = &self.turn {
            turn.wait();
        }
        self.line(question);
        for (index, name) in among.iter().enumerate() {
            self.line(&format!("  {}  {name}", index + 1));
        }
        let answer = self.ask("number or name:", None)?;
        let by_number = answer.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
        by_number.filter(|&index| index < among.len()).or_else(|| among.iter().position(|name| *name == answer))
    }

    fn painted(&self, text: &str, color: &str) -> String {
        if self.color { format!("\u{1b}[{color}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// What is printed where a command failed.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Failure {
    pub error: Fault,
}

/// Why a command failed.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Fault {
    /// The exit code.
    pub code: u8,
    pub message: String,
    /// Quoted lines that belong to it.
    pub detail: Option<String>,
    /// The next step.
    pub help: Option<String>,
    /// Where the whole traceback stands.
    pub log: Option<PathBuf>,
}

impl Failure {
    pub fn of(error: &Error) -> Self {
        let Words { what, detail, help, log } = error.words().cloned().unwrap_or_default();
        Self { error: Fault { code: error.code(), message: what, detail, help, log } }
    }
}

impl Streams {
    fn put(&self, stream: Stream, bytes: &[u8]) {
        if bytes.is_empty() || matches!(stream, Stream::Out if self.closed.load(SeqCst)) {
            return;
        }
        let mut board = self.board();
        if let Some(board) = board.as_mut().filter(|_| matches!(stream, Stream::Err) || self.shares_terminal) {
            board.give_way(bytes);
        }
        match stream {
            Stream::Out => {
                let mut stdout = io::stdout().lock();
                if stdout.write_all(bytes).and_then(|()| stdout.flush()).is_err() {
                    self.closed.store(true, SeqCst);
                }
            }
            Stream::Err => drop(io::stderr().lock().write_all(bytes)),
        }
    }

    /// The moving lines, which stand still while this is held.
    fn board(&self) -> Option<MutexGuard<'_, Board>> {
        self.board.as_ref().map(|board| board.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// An error as fields.
pub fn fields(error: &Error) -> serde_json::Value {
    serde_json::to_value(Failure::of(error)).unwrap_or_default()
}
