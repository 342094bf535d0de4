//! Signals that ask us to end, noticed so that children end first.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// INT, TERM and HUP, caught from its making on so that children end before us.
pub struct Interrupts {
    signal: Arc<AtomicUsize>,
    seen: AtomicUsize,
    times: AtomicUsize,
}

impl Interrupts {
    /// Starts to catch; the default action does not come back.
    pub fn catch() -> io::Result<Self> {
        use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
        let signal = Arc::new(AtomicUsize::new(0));
        for number in [SIGINT, SIGTERM, SIGHUP] {
            signal_hook::flag::register_usize(number, Arc::clone(&signal), number.unsigned_abs() as usize)?;
        }
        Ok(Self { signal, seen: AtomicUsize::new(0), times: AtomicUsize::new(0) })
    }

    /// Nothing is caught: for work that no signal may stop.
    pub fn none() -> Self {
        Self { signal: Arc::default(), seen: AtomicUsize::new(0), times: AtomicUsize::new(0) }
    }

    /// How often a signal was heard of so far.
    pub(super) fn heard(&self) -> usize {
        self.times.load(Ordering::SeqCst)
    }

    /// How often a signal came; several children are followed by several threads, and each wants to know.
    pub(super) fn times(&self) -> usize {
        let number = self.signal.swap(0, Ordering::SeqCst);
        if number != 0 {
            self.seen.store(number, Ordering::SeqCst);
            self.times.fetch_add(1, Ordering::SeqCst);
        }
        self.times.load(Ordering::SeqCst)
    }

    /// The last signal that came.
    pub fn seen(&self) -> Option<i32> {
        self.times();
        i32::try_from(self.seen.load(Ordering::SeqCst)).ok().filter(|&number| number != 0)
    }
}
