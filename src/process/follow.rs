//! Following a running child: its output as it comes, signals handed on, its end.

use std::io::{PipeReader, Read};
use std::process::ExitStatus;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use super::{Heard, Interrupts};

/// How often a running child is looked at.
pub const TICK: Duration = Duration::from_millis(20);
/// How long a child may take to end by itself after SIGINT, and after SIGTERM.
const GRACE: [Duration; 2] = [Duration::from_secs(10), Duration::from_secs(5)];
/// How long output is awaited after the child's end from grandchildren that keep the pipe.
const DRAIN: Duration = Duration::from_millis(500);

/// What the threads around a child tell.
pub enum Message {
    Stdout(Vec<u8>),
    Stderr(Vec<u8>),
    Closed,
    Ended(std::result::Result<ExitStatus, String>),
}

/// Reads a stream on a thread of its own.
pub fn read_aside(mut reader: PipeReader, sender: Sender<Message>, wrap: fn(Vec<u8>) -> Message) {
    thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(count) = reader.read(&mut buffer) {
            if count == 0 || sender.send(wrap(buffer[..count].to_vec())).is_err() {
                break;
            }
        }
        let _ = sender.send(Message::Closed);
    });
}

/// Listens until the child has ended and its streams are read; signals are handed on.
pub fn follow(
    messages: &Receiver<Message>,
    interrupts: Option<&Interrupts>,
    group: Option<Pid>,
    listen: &mut dyn FnMut(Heard<'_>),
) -> std::result::Result<ExitStatus, String> {
    // What came before is somebody else's; what is still unread is for this child too.
    let mut ending =
        Ending { heard: interrupts.map_or(0, |interrupts| interrupts.times.load(SeqCst)), ..Ending::default() };
    let (mut closed, mut ended, mut deadline) = (0, None, None);
    loop {
        match messages.recv_timeout(TICK) {
            Ok(Message::Stdout(bytes)) => listen(Heard::Stdout(&bytes)),
            Ok(Message::Stderr(bytes)) => listen(Heard::Stderr(&bytes)),
            Ok(Message::Closed) => closed += 1,
            Ok(Message::Ended(status)) => {
                ended = Some(status?);
                deadline = Some(Instant::now() + DRAIN);
            }
            Err(RecvTimeoutError::Timeout) => listen(Heard::Silence),
            Err(RecvTimeoutError::Disconnected) => closed = 2,
        }
        if let Some(status) = ended {
            if closed == 2 || deadline.is_some_and(|deadline| Instant::now() > deadline) {
                return Ok(status);
            }
        } else if let Some(group) = group {
            ending.press(interrupts.map_or(0, Interrupts::times), group);
        }
    }
}

/// SIGINT first, because Python's SIGTERM runs no `finally`; then SIGTERM, then SIGKILL.
#[derive(Default)]
struct Ending {
    heard: usize,
    sent: usize,
    next: Option<Instant>,
}

impl Ending {
    fn press(&mut self, times: usize, group: Pid) {
        let asked = times > self.heard;
        self.heard = times.max(self.heard);
        let due = self.next.is_some_and(|next| Instant::now() > next);
        if !asked && !due {
            return;
        }
        let signal = [Signal::INT, Signal::TERM, Signal::KILL][self.sent.min(2)];
        let _ = rustix::process::kill_process_group(group, signal);
        self.next = GRACE.get(self.sent).map(|grace| Instant::now() + *grace);
        self.sent += 1;
    }
}
