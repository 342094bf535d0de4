//! A warm interpreter that forks a child for each run: what it is told over one socket, and how its children end.

use std::collections::BTreeMap;
use std::io::{self, IoSlice, PipeReader, PipeWriter, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use rustix::process::{Pid, Signal};
use serde::Serialize;

use crate::environment::Environment;
use crate::error::{Error, Result};

use super::follow::TICK;
use super::{Interrupts, Tool};

/// The variable that tells an interpreter of ours what to do; a child is told in the message.
pub const START: &str = "SHED_RUN";
/// The number under which the interpreter finds its end of the socket.
pub const SOCKET: i32 = 3;
/// How it ends, its two streams, and what the run brings along.
const MOST_DESCRIPTORS: usize = 8;

/// The interpreter; it ends when this is dropped.
pub struct Forks {
    socket: Mutex<UnixStream>,
    server: duct::Handle,
    /// It did not answer in time, and is not asked again.
    hangs: AtomicBool,
}

/// What became of the wish for a child.
pub enum Wish {
    Child(Forked),
    /// The time was over before there was one.
    Late,
    /// Nobody could fork it, and nothing has happened.
    Impossible,
}

/// One child, as long as its parent lets us know of it.
pub struct Forked {
    pub pid: Pid,
    /// Its end, in a line.
    pub told: PipeReader,
}

/// What a child is told; whatever is secret is in here and nowhere else.
#[derive(Serialize)]
struct Job {
    cwd: PathBuf,
    env: BTreeMap<String, String>,
    start: String,
}

impl Forks {
    /// Starts the interpreter, which finds its socket as [`SOCKET`]. It is not tied to this thread's life.
    pub fn start(mut tool: Tool) -> Result<Self> {
        let (ours, theirs) = UnixStream::pair().map_err(|error| tool.not_started(&error))?;
        tool = tool.descriptor(theirs.into(), SOCKET);
        tool.outlives_thread = true;
        let expression = tool.expression().stdin_null().stdout_null().stderr_null().unchecked();
        let server = expression.start().map_err(|error| tool.not_started(&error))?;
        Ok(Self { socket: Mutex::new(ours), server, hangs: AtomicBool::new(false) })
    }

    /// Has a child forked that does what the tool would, where there is somebody who can and it can be said in JSON.
    pub(super) fn fork(
        &self,
        tool: &Tool,
        (stdout, stderr): (&PipeWriter, &PipeWriter),
        environment: &Environment,
        (interrupts, deadline): (&Interrupts, Option<Instant>),
    ) -> Result<Wish> {
        let Some(mut env) = tool.whole_environment(environment) else { return Ok(Wish::Impossible) };
        let start = env.remove(START).unwrap_or_default();
        let cwd = tool.dir.clone().unwrap_or_else(|| environment.working_dir().to_path_buf());
        if !cwd.is_dir() || cwd.to_str().is_none() || self.hangs.load(SeqCst) {
            return Ok(Wish::Impossible);
        }
        let (mut told, tells) = io::pipe().map_err(|error| tool.not_started(&error))?;
        let mut descriptors = vec![tells.as_fd(), stdout.as_fd(), stderr.as_fd()];
        descriptors.extend(tool.descriptors.iter().map(|(descriptor, _)| descriptor.as_fd()));
        let sent = serde_json::to_vec(&Job { cwd, env, start }).map_err(io::Error::from);
        if sent.and_then(|job| self.send(&job, &descriptors)).is_err() {
            return Ok(Wish::Impossible);
        }
        drop(tells); // so that the interpreter's death is the end of the file
        if !wait(&told, interrupts, deadline)? {
            self.hangs.store(true, SeqCst);
            return Ok(Wish::Late);
        }
        let pid = line(&mut told).and_then(Pid::from_raw);
        Ok(pid.map_or(Wish::Impossible, |pid| Wish::Child(Forked { pid, told })))
    }

    fn send(&self, job: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        let length = u32::try_from(job.len()).map_err(io::Error::other)?.to_be_bytes();
        let mut socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner);
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if !ancillary.push(SendAncillaryMessage::ScmRights(descriptors)) {
            return Err(io::Error::other("too many descriptors"));
        }
        // Four bytes go whole or not at all.
        sendmsg(&*socket, &[IoSlice::new(&length)], &mut ancillary, SendFlags::NOSIGNAL)?;
        socket.write_all(job)
    }
}

impl Forked {
    /// Its status, once there is something to read; a child whose parent is gone is gone too.
    pub fn status(&mut self) -> ExitStatus {
        if let Some(status) = line(&mut self.told) {
            return ExitStatus::from_raw(status);
        }
        let _ = rustix::process::kill_process_group(self.pid, Signal::KILL);
        ExitStatus::from_raw(Signal::KILL.as_raw())
    }

    pub fn end(&self) -> Option<OwnedFd> {
        self.told.as_fd().try_clone_to_owned().ok()
    }
}

impl Drop for Forks {
    /// It ends by itself when its socket closes, if it does anything at all.
    fn drop(&mut self) {
        if self.hangs.load(SeqCst) {
            let _ = self.server.kill().and_then(|()| self.server.wait().map(drop));
        }
    }
}

/// Until the interpreter has imported what it needs, or the time is over; a signal is not kept waiting for that.
fn wait(told: &PipeReader, interrupts: &Interrupts, deadline: Option<Instant>) -> Result<bool> {
    let tick = Timespec { tv_sec: 0, tv_nsec: TICK.subsec_nanos().into() };
    loop {
        let mut waiting = [PollFd::from_borrowed_fd(told.as_fd(), PollFlags::IN)];
        if poll(&mut waiting, Some(&tick)).is_ok_and(|count| count > 0) {
            return Ok(true);
        }
        if let Some(signal) = interrupts.seen() {
            return Err(Error::Interrupted(signal));
        }
        if deadline.is_some_and(|deadline| Instant::now() > deadline) {
            return Ok(false);
        }
    }
}

/// A number in a line of its own; byte by byte, because the next line is for somebody else.
fn line(reader: &mut PipeReader) -> Option<i32> {
    let (mut text, mut byte) = (String::new(), [0]);
    loop {
        match reader.read(&mut byte) {
            Ok(0) => return None,
            Ok(_) if byte == *b"\n" => return text.parse().ok(),
            Ok(_) => text.push(char::from(byte[0])),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
}

impl Tool {
    /// Every variable that the program would have; `None` where one is not UTF-8.
    fn whole_environment(&self, environment: &Environment) -> Option<BTreeMap<String, String>> {
        let text = |word: &std::ffi::OsStr| word.to_str().map(str::to_owned);
        let mut all = BTreeMap::new();
        for (name, value) in environment.iter() {
            all.insert(text(name)?, text(value)?);
        }
        for (name, value) in &self.variables {
            match value {
                Some(value) => all.insert(text(name)?, text(value)?),
                None => all.remove(name.to_str()?),
            };
        }
        Some(all)
    }
}
