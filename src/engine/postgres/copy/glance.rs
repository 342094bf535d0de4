//! How large a copy is already, looked at now and then.

use std::time::{Duration, Instant};

use crate::engine::Watch;
use crate::engine::postgres::Server;

const GLANCE: Duration = Duration::from_secs(2);

/// How large the copy is already, looked at now and then.
pub(super) struct Glance<'a> {
    source: &'a Server,
    aside: &'a Server,
    watch: &'a Watch<'a>,
    /// How large it will be; asked when it is told for the first time.
    total: Option<u64>,
    next: Instant,
}

impl<'a> Glance<'a> {
    pub(super) fn of(source: &'a Server, aside: &'a Server, watch: &'a Watch<'a>) -> Self {
        Self { source, aside, watch, total: None, next: Instant::now() + GLANCE }
    }

    pub(super) fn take(&mut self) {
        if Instant::now() < self.next {
            return;
        }
        self.total = self.total.or_else(|| self.source.size().ok());
        if let Ok(size) = self.aside.size() {
            self.watch.progress("copying, bytes", size, self.total);
        }
        self.next = Instant::now() + GLANCE;
    }
}
