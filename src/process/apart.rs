//! Programs that share nothing with us, and those that go on when we have ended.

use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::io::{FdFlags, fcntl_getfd, fcntl_setfd};

use crate::error::Result;

use super::Tool;

/// Linux' link to the running program.
const OWN: &str = "/proc/self/exe";

impl Tool {
    /// Starts it apart, to go on when we have ended; what it prints is lost.
    pub fn leave_running(self) -> Result<()> {
        #[expect(clippy::disallowed_methods, reason = "the one place that starts a program and leaves it")]
        let mut command = Command::new(&self.program);
        if self.program == Path::new(OWN) {
            command.arg0("shed"); // what `ps` shows
        }
        command.args(&self.arguments).env_clear().current_dir("/");
        command.envs(self.variables.iter().filter_map(|(name, value)| Some((name, value.as_ref()?))));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if let Some(account) = self.account {
            command.uid(account.uid).gid(account.gid);
        }
        separate(&mut command);
        command.spawn().map(drop).map_err(|error| self.not_started(&error))
    }
}

/// A session of its own, and none of the files that our caller left open for us: a lock, a pipe that somebody reads.
pub fn separate(command: &mut Command) {
    let open = open_descriptors();
    let set = move || {
        for &number in &open {
            // SAFETY: the number is only looked at; one that was closed meanwhile gives an error.
            let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
            if let Ok(flags) = fcntl_getfd(descriptor) {
                let _ = fcntl_setfd(descriptor, flags | FdFlags::CLOEXEC);
            }
        }
        rustix::process::setsid().map(drop).map_err(io::Error::from)
    };
    // SAFETY: the closure makes system calls and allocates nothing.
    unsafe { command.pre_exec(set) };
}

/// The numbers above the three streams.
fn open_descriptors() -> Vec<i32> {
    let listed = std::fs::read_dir("/dev/fd").into_iter().flatten().flatten();
    listed.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(|&number| number > 2).collect()
}

/// This very program, also where its file was replaced meanwhile.
pub fn own_program() -> Option<PathBuf> {
    let linked = Path::new(OWN);
    if linked.exists() { Some(linked.to_path_buf()) } else { std::env::current_exe().ok() }
}
