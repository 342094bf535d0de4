//! The processes of one repository's runs, known by their environment, and killing them.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::repo::Repo;

/// All that run in the surroundings of this repository, also those that have left their parents.
pub fn of(repo: &Repo) -> Vec<u32> {
    let mark = format!("SHED_STATE_DIR={}", repo.beside("state").display());
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
    })
    .collect()
}

/// Those whose parent this is.
pub fn children(pid: u32) -> Vec<u32> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>()).collect()
}

pub fn send(signal: Signal, pid: u32) {
    // It may be gone already.
    let _ = kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), signal);
}

pub fn kill(pids: impl IntoIterator<Item = u32>) {
    pids.into_iter().for_each(|pid| send(Signal::KILL, pid));
}

/// Waits until something holds; whether it came to hold.
pub fn soon(what: impl Fn() -> bool) -> bool {
    let until = Instant::now() + Duration::from_secs(20);
    while !what() {
        if Instant::now() > until {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    true
}
