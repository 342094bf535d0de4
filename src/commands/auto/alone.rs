//! One process at a time writes revision files: two databases of one project may start at once.

use std::fs::{File, TryLockError};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};

use super::super::scope::{Chosen, Scope};

const PAUSE: Duration = Duration::from_millis(100);

/// Waits until nobody else writes revisions by these settings; held until it is dropped. File systems without locks
/// hold nothing.
pub fn in_files(scope: &Scope<'_>, target: &Chosen<'_>) -> Result<Option<File>> {
    let Ok(settings) = File::open(scope.settings.path()) else { return Ok(None) };
    let timeout = target.database.as_ref().map_or(Duration::ZERO, |database| database.options.lock.timeout);
    let until = Instant::now() + timeout;
    let interrupts = scope.interrupts()?;
    loop {
        match settings.try_lock() {
            Ok(()) => return Ok(Some(settings)),
            Err(TryLockError::Error(_)) => return Ok(None),
            Err(TryLockError::WouldBlock) => {}
        }
        if let Some(signal) = interrupts.seen() {
            return Err(Error::Interrupted(signal));
        }
        if Instant::now() >= until {
            let words = "another `shed auto` is writing revisions of these settings";
            return Err(Error::locked(format!("{}: {words}, after {} s", target.name, timeout.as_secs_f64()))
                .help("wait for it to end, or raise `lock: { timeout: … }`"));
        }
        thread::sleep(PAUSE);
    }
}
