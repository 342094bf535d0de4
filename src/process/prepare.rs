//! What is set on a child before its program begins.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::Arc;

use command_fds::{CommandFdExt, FdMapping};
use rustix::process::Signal;

/// Own process group, and the descriptors under their numbers.
pub(super) fn prepare(command: &mut Command, own_group: bool, descriptors: &[(Arc<OwnedFd>, i32)]) -> io::Result<()> {
    if own_group {
        command.process_group(0);
    }
    let mut mappings = Vec::new();
    for (descriptor, number) in descriptors {
        mappings.push(FdMapping { parent_fd: descriptor.as_fd().try_clone_to_owned()?, child_fd: *number });
    }
    command.fd_mappings(mappings).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(())
}

/// Or rather with the thread of ours that started it.
#[cfg(target_os = "linux")]
pub(super) fn die_with_parent(command: &mut Command) {
    let parent = rustix::process::getpid();
    let set = move || {
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
        // The parent may have ended before the line above.
        match rustix::process::getppid() {
            Some(now) if now == parent => Ok(()),
            _ => Err(io::Error::other("the parent has ended")),
        }
    };
    // SAFETY: the closure makes two system calls and allocates nothing.
    unsafe { command.pre_exec(set) };
}

#[cfg(not(target_os = "linux"))]
pub(super) fn die_with_parent(_: &mut Command) {}
