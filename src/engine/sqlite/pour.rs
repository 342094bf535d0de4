//! Page by page from one SQLite database into another, through the backup API, from one moment's state.

use std::fs;
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use crate::engine::Watch;
use crate::error::{Error, Result};
use crate::failpoint::reach;

use super::open::{self, Deadline, GAP, SLICE, Source, heed};
use super::words;

/// Bytes that are copied at once: about ten milliseconds, for which a writer may wait.
const STEP: u64 = 8 << 20;
/// Between two steps, so that a writer comes in.
const PAUSE: Duration = Duration::from_millis(1);
/// How often writers may make us begin again before they have to wait for us.
const RESTARTS: u32 = 3;
/// How long we may wait for one step before writers have to wait for us.
const ENOUGH: Duration = Duration::from_millis(500);
/// How often what was written is sent to the disk while the copy goes on.
const FLUSH: Duration = Duration::from_millis(100);

/// Where pages come from, and how.
pub struct Pour<'a> {
    from: &'a Connection,
    source: &'a Path,
    patience: Duration,
    page_size: u64,
    /// A source whose readers keep its writers waiting: they are let in between two steps.
    shy: bool,
}

impl<'a> Pour<'a> {
    pub fn from(source: &'a Source, patience: Duration) -> Result<Self> {
        let from = &source.connection;
        let page_size = from.query_row("PRAGMA page_size", [], |row| row.get::<_, u32>(0));
        let page_size = page_size.map_err(|error| words::reading(&source.path, &error))?.into();
        Ok(Self { from, source: &source.path, patience, page_size, shy: !source.is_wal()? })
    }

    /// Into an empty file of ours, which is thrown away when this fails: no journal, and nothing synced but by us.
    pub fn fill_new(&self, to: &Path, watch: &Watch<'_>) -> Result<()> {
        let written = |error| words::writing(to, &error);
        let mut target = open::writer(to, self.patience).map_err(written)?;
        target
            .execute_batch("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-200")
            .map_err(written)?;
        let (done, waiting) = mpsc::channel::<()>();
        thread::scope(|scope| {
            scope.spawn(move || flush(to, &waiting));
            let poured = self.carry(&mut target, to, &|| words::locked(self.source), watch);
            drop(done);
            poured
        })
    }

    /// Into a database that others may have open: one transaction of SQLite's.
    pub fn fill_live(&self, target: &mut Connection, to: &Path, watch: &Watch<'_>) -> Result<()> {
        target.busy_timeout(SLICE).map_err(|error| words::writing(to, &error))?;
        self.carry(target, to, &|| words::in_use(to), watch)
    }

    fn carry(&self, target: &mut Connection, to: &Path, busy: &dyn Fn() -> Error, watch: &Watch<'_>) -> Result<()> {
        // We ask often ourselves.
        self.from.busy_timeout(Duration::ZERO).map_err(|error| words::reading(self.source, &error))?;
        if !self.shy {
            self.hold(watch)?;
        }
        let backup = Backup::new(self.from, target).map_err(|error| words::writing(to, &error))?;
        let pages = i32::try_from(STEP / self.page_size).unwrap_or(i32::MAX);
        let mut turns = Turns { shy: self.shy, restarts: 0, remaining: i32::MAX };
        let (mut deadline, mut patient) = (Deadline::after(self.patience), Deadline::after(ENOUGH));
        loop {
            heed(watch)?;
            match backup.step(pages).map_err(|error| self.broken(to, &error))? {
                StepResult::Done => break,
                StepResult::More => {}
                _ if deadline.is_over() => return Err(busy()),
                _ => {
                    thread::sleep(GAP);
                    continue;
                }
            }
            reach("sqlite-copying")?;
            let progress = backup.progress();
            self.tell(progress.pagecount, progress.remaining, watch);
            if turns.are_over(progress.remaining, patient.is_over()) {
                watch.note(&format!(
                    "{}: its writers are too busy to copy between their transactions; they wait until the copy is made",
                    self.source.display()
                ));
                self.hold(watch)?;
            } else if turns.shy {
                thread::sleep(PAUSE);
            }
            (deadline, patient) = (Deadline::after(self.patience), Deadline::after(ENOUGH));
        }
        drop(backup);
        let _ = self.from.execute_batch("ROLLBACK"); // ends our reading, where we held it
        Ok(())
    }

    /// Reads from one state until the end; in WAL mode nobody waits for that.
    fn hold(&self, watch: &Watch<'_>) -> Result<()> {
        let deadline = Deadline::after(self.patience);
        let begin = || self.from.execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema");
        while let Err(error) = begin() {
            let _ = self.from.execute_batch("ROLLBACK");
            if words::code(&error) != Some(rusqlite::ErrorCode::DatabaseBusy) || deadline.is_over() {
                return Err(words::reading(self.source, &error));
            }
            heed(watch)?;
            thread::sleep(GAP);
        }
        Ok(())
    }

    fn tell(&self, pages: i32, remaining: i32, watch: &Watch<'_>) {
        let bytes = |pages: i32| u64::from(pages.unsigned_abs()) * self.page_size;
        watch.progress("copying, bytes", bytes(pages) - bytes(remaining).min(bytes(pages)), Some(bytes(pages)));
    }

    /// Which of the two it was, where the error tells.
    fn broken(&self, to: &Path, error: &rusqlite::Error) -> Error {
        use rusqlite::ErrorCode::{DatabaseCorrupt, DiskFull, NotADatabase, ReadOnly};
        match words::code(error) {
            Some(DatabaseCorrupt | NotADatabase) => words::reading(self.source, error),
            Some(DiskFull | ReadOnly) => words::writing(to, error),
            _ => Error::failed(format!("could not copy {} to {}: {error}", self.source.display(), to.display())),
        }
    }
}

/// Taking turns with the writers of a source.
struct Turns {
    shy: bool,
    restarts: u32,
    remaining: i32,
}

impl Turns {
    /// Whether it is our turn until the end: they made us begin again too often, or wait too long.
    fn are_over(&mut self, remaining: i32, waited: bool) -> bool {
        self.restarts += u32::from(remaining > self.remaining);
        self.remaining = remaining;
        let over = self.shy && (waited || self.restarts >= RESTARTS);
        self.shy &= !over;
        over
    }
}

/// Sends what was written to the disk meanwhile, so that the sync at the end has little left to do.
fn flush(path: &Path, waiting: &mpsc::Receiver<()>) {
    let Ok(file) = fs::File::open(path) else { return };
    while waiting.recv_timeout(FLUSH) == Err(RecvTimeoutError::Timeout) {
        let _ = file.sync_data();
    }
}
