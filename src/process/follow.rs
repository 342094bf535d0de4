//! Following a running child: its output as it comes, signals handed on, its end. On this thread alone.

use std::io::{PipeReader, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use duct::Handle;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal};

use super::fork::Forked;
use super::{Heard, Interrupts};

/// How often a running child is looked at.
pub const TICK: Duration = Duration::from_millis(20);
/// How often where its end is all that is awaited, and nothing tells it.
const SHORT_TICK: Duration = Duration::from_millis(1);
/// How long a child may take to end after SIGINT, after SIGTERM, and after SIGKILL.
const GRACE: [Duration; 3] = [Duration::from_secs(10), Duration::from_secs(5), Duration::from_secs(2)];
/// How long output is awaited after the child's end from grandchildren that keep the pipe.
const DRAIN: Duration = Duration::from_millis(500);

/// Whose child it is: ours, or a warm interpreter's.
pub enum Child {
    Program(Box<Handle>),
    Forked(Forked),
}

/// A child that runs, and the reading ends of its streams.
pub struct Running {
    child: Child,
    stdout: Option<PipeReader>,
    stderr: Option<PipeReader>,
    /// Readable once the child has ended; where the system has no such thing, it is asked at every tick.
    end: Option<OwnedFd>,
    /// Signals go to its group, where it has one of its own.
    group: Option<Pid>,
    /// When it has had its time.
    deadline: Option<Instant>,
}

/// What has come while waiting.
#[derive(Default)]
struct Come {
    stdout: bool,
    stderr: bool,
    end: bool,
}

impl Running {
    pub fn new(child: Child, stdout: PipeReader, stderr: PipeReader, own_group: bool) -> Self {
        let (pid, end) = match &child {
            Child::Program(handle) => {
                let pid = handle.pids().first().and_then(|&pid| Pid::from_raw(i32::try_from(pid).ok()?));
                (pid, pid.and_then(end_of))
            }
            Child::Forked(forked) => (Some(forked.pid), forked.end()),
        };
        let group = pid.filter(|_| own_group);
        Self { child, stdout: Some(stdout), stderr: Some(stderr), end, group, deadline: None }
    }

    /// As if a signal had come then.
    pub fn ending_at(mut self, deadline: Option<Instant>) -> Self {
        self.deadline = deadline;
        self
    }

    /// Listens until the child has ended and its streams are read; signals are handed on.
    pub fn follow(
        mut self,
        interrupts: Option<&Interrupts>,
        listen: &mut dyn FnMut(Heard<'_>),
    ) -> std::io::Result<ExitStatus> {
        // What came before is somebody else's; what is still unread is for this child too.
        let heard = interrupts.map_or(0, Interrupts::heard);
        let mut ending = Ending { heard, ..Ending::default() };
        let mut buffer = vec![0; 64 * 1024];
        let mut ended: Option<(ExitStatus, Instant)> = None;
        loop {
            let come = self.wait(ended.is_some())?;
            if let Some(bytes) = read(&mut self.stdout, come.stdout, &mut buffer) {
                listen(Heard::Stdout(bytes));
            }
            if let Some(bytes) = read(&mut self.stderr, come.stderr, &mut buffer) {
                listen(Heard::Stderr(bytes));
            }
            if !(come.stdout || come.stderr) {
                listen(Heard::Silence);
            }
            if ended.is_none() {
                ended = self.ended(&come)?.map(|status| (status, Instant::now() + DRAIN));
                self.end_rest(ended.map(|(status, _)| status));
            }
            match (ended, self.group) {
                (Some((status, deadline)), _) if self.is_silent() || Instant::now() > deadline => return Ok(status),
                (None, Some(group)) => {
                    let late = usize::from(self.deadline.is_some_and(|deadline| Instant::now() > deadline));
                    ending.press(interrupts.map_or(0, Interrupts::times) + late, group);
                    // Its parent hangs, and would never tell.
                    if ending.is_over() && matches!(self.child, Child::Forked(_)) {
                        return Ok(ExitStatus::from_raw(Signal::KILL.as_raw()));
                    }
                }
                _ => {}
            }
        }
    }

    /// What a child that failed has forked holds its descriptors, and with them its sessions and locks.
    fn end_rest(&self, status: Option<ExitStatus>) {
        if let (Some(group), Some(status)) = (self.group, status)
            && !status.success()
        {
            let _ = rustix::process::kill_process_group(group, Signal::KILL);
        }
    }

    fn is_silent(&self) -> bool {
        self.stdout.is_none() && self.stderr.is_none()
    }

    /// Until something comes, at most for a tick.
    fn wait(&self, ended: bool) -> std::io::Result<Come> {
        let end = self.end.as_ref().filter(|_| !ended);
        let tick = if self.is_silent() && end.is_none() { SHORT_TICK } else { TICK };
        let sources =
            [self.stdout.as_ref().map(AsFd::as_fd), self.stderr.as_ref().map(AsFd::as_fd), end.map(AsFd::as_fd)];
        let mut waiting: Vec<PollFd<'_>> =
            sources.iter().flatten().map(|source| PollFd::from_borrowed_fd(*source, PollFlags::IN)).collect();
        let tick = Timespec { tv_sec: 0, tv_nsec: tick.subsec_nanos().into() };
        match poll(&mut waiting, Some(&tick)) {
            // A signal: what to do about it is decided after this.
            Err(rustix::io::Errno::INTR) => return Ok(Come::default()),
            result => result?,
        };
        let mut came = waiting.iter().map(|one| !one.revents().is_empty());
        let mut of = |source: &Option<_>| source.is_some() && came.next().unwrap_or_default();
        Ok(Come { stdout: of(&sources[0]), stderr: of(&sources[1]), end: of(&sources[2]) })
    }

    fn ended(&mut self, come: &Come) -> std::io::Result<Option<ExitStatus>> {
        if self.end.is_some() && !come.end {
            return Ok(None);
        }
        // It has nothing more to tell: where the thread that fills the child's stdin is not done, ticks do.
        self.end = None;
        match &mut self.child {
            Child::Program(handle) => Ok(handle.try_wait()?.map(|output| output.status)),
            Child::Forked(forked) => Ok(Some(forked.status())),
        }
    }
}

/// What can be read now; the end of a stream closes it.
fn read<'b>(stream: &mut Option<PipeReader>, come: bool, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
    let reader = stream.as_mut().filter(|_| come)?;
    match reader.read(buffer) {
        Ok(count) if count > 0 => Some(&buffer[..count]),
        Err(error) if error.kind() == std::io::ErrorKind::Interrupted => None,
        _ => {
            *stream = None;
            None
        }
    }
}

#[cfg(target_os = "linux")]
fn end_of(pid: Pid) -> Option<OwnedFd> {
    rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).ok()
}

#[cfg(not(target_os = "linux"))]
fn end_of(_: Pid) -> Option<OwnedFd> {
    None
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

    fn is_over(&self) -> bool {
        self.sent > GRACE.len()
    }
}
