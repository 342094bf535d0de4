//! One program's output into another's input, as `a | b` in a shell.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::thread;

use crate::error::{Error, Result};

use super::{Captured, Interrupts, Tool};

/// As much as everybody may have, in bytes.
#[cfg(target_os = "linux")]
const WIDTH: usize = 1 << 20;

/// Runs both to their ends; the writer's stdout is the reader's stdin. Both statuses are the caller's to judge.
pub fn pipeline(
    writer: Tool,
    reader: Tool,
    interrupts: &Interrupts,
    meanwhile: &mut dyn FnMut(),
) -> Result<(Captured, Captured)> {
    let no_pipe = |error: io::Error| Error::environment(format!("could not open a pipe: {error}"));
    let (end, start) = io::pipe().map_err(no_pipe)?;
    widen(&start);
    let writer = writer.writes(File::from(OwnedFd::from(start)));
    let reader = reader.reads(File::from(OwnedFd::from(end)));
    thread::scope(|scope| {
        let writing = scope.spawn(|| writer.watched(interrupts, &mut || {}));
        let read = reader.watched(interrupts, meanwhile);
        let wrote = writing.join().unwrap_or_else(|_| Err(Error::environment("lost sight of a program")));
        Ok((wrote?, read?))
    })
}

/// Both ends take turns less often.
#[cfg(target_os = "linux")]
fn widen(pipe: &io::PipeWriter) {
    let _ = rustix::pipe::fcntl_setpipe_size(pipe, WIDTH);
}

#[cfg(not(target_os = "linux"))]
fn widen(_pipe: &io::PipeWriter) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_writes_the_other_reads() {
        let interrupts = Interrupts::none();
        let writer = Tool::new("/bin/sh").args(["-c", "seq 1 100000; exit 3"]);
        let reader = Tool::new("/bin/sh").args(["-c", "tail -n 1"]);
        let (wrote, read) = pipeline(writer, reader, &interrupts, &mut || {}).unwrap();
        assert_eq!((wrote.status.code(), read.status.code()), (Some(3), Some(0)));
        assert_eq!(read.stdout, b"100000\n");
    }

    #[test]
    fn a_reader_that_ends_early_ends_the_writer() {
        let interrupts = Interrupts::none();
        let writer = Tool::new("/bin/sh").args(["-c", "yes"]);
        let (wrote, _) = pipeline(writer, Tool::new("/bin/true"), &interrupts, &mut || {}).unwrap();
        assert!(!wrote.status.success());
    }
}
