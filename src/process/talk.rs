//! A program that is asked and answers, line by line: a session of `psql`.

use std::io::{BufRead, BufReader, PipeReader, PipeWriter, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use crate::error::{Error, Result};

use super::Tool;

/// A running program; it is killed when this is dropped.
pub struct Talk {
    handle: duct::Handle,
    stdin: Option<PipeWriter>,
    lines: Receiver<String>,
    errors: Receiver<String>,
}

impl Talk {
    /// Starts the program with pipes for all three streams.
    pub fn start(tool: Tool) -> Result<Self> {
        let pipes = || -> std::io::Result<_> { Ok((std::io::pipe()?, std::io::pipe()?, std::io::pipe()?)) };
        let (input, output, error) = pipes().map_err(|error| tool.not_started(&error))?;
        let expression = tool.expression().stdin_file(input.0).stdout_file(output.1).stderr_file(error.1).unchecked();
        let handle = expression.start().map_err(|error| tool.not_started(&error))?;
        drop(expression); // holds the writing ends, without which the readers never see the end
        Ok(Self { handle, stdin: Some(input.1), lines: lines_of(output.0), errors: lines_of(error.0) })
    }

    /// Writes a line to the program.
    pub fn say(&mut self, line: &str) -> Result<()> {
        let written = self.stdin.as_mut().map(|stdin| stdin.write_all(format!("{line}\n").as_bytes()));
        if written.is_some_and(|written| written.is_ok()) { Ok(()) } else { Err(self.ended()) }
    }

    /// The next line that it prints; `None` where none comes in this time, an error where it has ended.
    pub fn hear(&mut self, patience: Duration) -> Result<Option<String>> {
        match self.lines.recv_timeout(patience) {
            Ok(line) => Ok(Some(line)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(self.ended()),
        }
    }

    /// The program's own words on stderr, once it has ended.
    fn ended(&self) -> Error {
        let said: Vec<String> = self.errors.iter().collect();
        Error::database("the session has ended").detail(said.join("\n"))
    }

    /// Closes its stdin and waits for its end.
    pub fn close(mut self) {
        self.stdin = None;
        let _ = self.handle.wait();
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        let _ = self.handle.kill();
    }
}

fn lines_of(reader: PipeReader) -> Receiver<String> {
    let (sender, lines) = channel();
    thread::spawn(move || {
        for line in BufReader::new(reader).lines().map_while(std::io::Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_answers_line_by_line_and_its_end_is_told_with_its_words() {
        let script = "while read word; do [ $word = end ] && { echo over >&2; exit 1; }; echo got $word; done";
        let mut talk = Talk::start(Tool::new("/bin/sh").args(["-c", script])).unwrap();
        talk.say("one").unwrap();
        assert_eq!(talk.hear(Duration::from_secs(5)).unwrap().as_deref(), Some("got one"));
        assert_eq!(talk.hear(Duration::from_millis(10)).unwrap(), None);
        talk.say("end").unwrap();
        let error = talk.hear(Duration::from_secs(5)).err().unwrap();
        assert_eq!(error.to_string(), "the session has ended\nover");
    }
}
