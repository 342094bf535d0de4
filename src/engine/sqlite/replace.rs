//! Replacing a SQLite database as a whole: built aside, checked, then put in its place in one step.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;

use crate::engine::journal::{Deed, Entry, Journal};
use crate::engine::{Engine, Fill, Lock, Replaced, Replacement, Watch};
use crate::error::{Error, Result};
use crate::failpoint::reach;

use super::beside::Aside;
use super::open::{self, Source, heed};
use super::pour::Pour;
use super::{File, beside, check, recover, words};

/// What stands in the place that is filled.
enum Target {
    Missing,
    /// Without a page: it takes over the journal mode of what comes.
    Empty,
    Filled {
        wal: bool,
        page_size: u32,
        bytes: u64,
    },
    /// Not a database that can be opened: it is moved out of the way, and kept.
    Broken,
}

/// The names of what is built beside a database.
pub fn aside_of(path: &Path, run: &str) -> PathBuf {
    beside::partner(path, &format!(".shed-new-{run}"))
}

fn part_of(path: &Path, run: &str) -> PathBuf {
    beside::partner(path, &format!(".shed-part-{run}"))
}

fn old_of(path: &Path, run: &str) -> PathBuf {
    beside::partner(path, &format!(".shed-old-{run}"))
}

impl File {
    pub fn replace(&self, how: Replacement<'_>, watch: &Watch<'_>, fill: &mut Fill<'_>) -> Result<Replaced> {
        self.make_folder()?;
        let path = self.path()?;
        if matches!(how.lock, Lock::File(_)) {
            recover::sweep(&path);
        }
        reach("sqlite-replace-start")?;
        let aside = Aside::create(aside_of(&path, how.run))?;
        reach("sqlite-aside-made")?;
        fill(&Engine::Sqlite(self.at(&aside.path)))?;
        reach("sqlite-filled")?;
        heed(watch)?;
        let target = self.target(&path)?;
        self.settle(&aside.path, &target)?;
        verify(&aside, matches!(target, Target::Missing | Target::Broken), watch)?;
        reach("sqlite-checked")?;
        let mut replaced = Replaced::default();
        if how.keep_old && matches!(target, Target::Filled { .. }) {
            replaced.old = Some(self.keep(&path, how.run, watch)?);
        }
        write(how.journal, how.run, &path, &aside.path)?;
        reach("sqlite-journal-written")?;
        let placed = match target {
            Target::Missing => rename_new(aside, &path),
            Target::Broken => rename_over(aside, &path, &old_of(&path, how.run), &mut replaced),
            Target::Empty | Target::Filled { .. } => self.pour_over(aside, &path, &target, watch),
        };
        reach("sqlite-cleaned")?;
        how.journal.clear()?;
        reach("sqlite-journal-cleared")?;
        placed.map(|()| replaced)
    }

    /// Another file, reached in the same way.
    fn at(&self, path: &Path) -> Self {
        Self { path: crate::settings::SqlitePath::File(path.to_path_buf()), ..self.clone() }
    }

    fn target(&self, path: &Path) -> Result<Target> {
        if !path.exists() {
            // An index of a log, and nothing without its database.
            let _ = std::fs::remove_file(beside::partner(path, "-shm"));
            if beside::partners(path).is_empty() {
                return Ok(Target::Missing);
            }
            // SQLite itself drops a journal or log whose database has no page.
            Aside::create(path.to_path_buf())?.let_go();
        }
        let connection = match open::writer(path, self.patience()) {
            Ok(connection) => connection,
            Err(error) if recover::is_no_database(&error) => return Ok(Target::Broken),
            Err(error) => return Err(words::writing(path, &error)),
        };
        look(&connection).map_err(|error| words::writing(path, &error))
    }

    /// Brings what was built aside into one file, of the page size and journal mode that the target needs.
    fn settle(&self, aside: &Path, target: &Target) -> Result<()> {
        let written = |error| words::writing(aside, &error);
        let connection = open::writer(aside, self.patience()).map_err(written)?;
        let is_wal = open::is_wal(&connection).map_err(written)?;
        if let Target::Filled { wal, page_size, .. } = target {
            connection.execute_batch("PRAGMA synchronous=OFF; PRAGMA journal_mode=DELETE").map_err(written)?;
            let own: u32 = connection.query_row("PRAGMA page_size", [], |row| row.get(0)).map_err(written)?;
            // The backup API refuses other sizes in WAL mode, which cannot be left while others are connected.
            if *wal && own != *page_size {
                connection.execute_batch(&format!("PRAGMA page_size={page_size}; VACUUM")).map_err(written)?;
            }
        } else if is_wal {
            connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").map_err(written)?;
        }
        drop(connection);
        match beside::partners(aside).first() {
            None => Ok(()),
            Some(partner) => Err(Error::failed(format!("{} is still in use", partner.display()))
                .help("what filled the copy must end before the copy is put in place")),
        }
    }

    /// Keeps the content as it is now, whole, under the name of old content.
    fn keep(&self, path: &Path, run: &str, watch: &Watch<'_>) -> Result<String> {
        let part = Aside::create(part_of(path, run))?;
        reach("sqlite-keeping")?;
        self.copy(self.own_source()?, &part.path, watch)?;
        part.sync()?;
        let old = old_of(path, run);
        std::fs::rename(&part.path, &old).map_err(|error| words::file(&old, "write", &error))?;
        part.let_go();
        reach("sqlite-kept")?;
        Ok(old.display().to_string())
    }

    /// Over the pages of the target, in one transaction: others that have it open see the one or the other content.
    fn pour_over(&self, aside: Aside, path: &Path, target: &Target, watch: &Watch<'_>) -> Result<()> {
        let source = Source::of_ours(&aside.path)?;
        need_room(path, target, source.bytes()?)?;
        let mut connection = self.writer()?;
        let written = |error| words::writing(path, &error);
        connection.execute_batch("PRAGMA synchronous=FULL; PRAGMA cache_size=-65536").map_err(written)?;
        Pour::from(&source, self.patience())?.fill_live(&mut connection, path, watch)?;
        reach("sqlite-swapped")?;
        if matches!(target, Target::Filled { wal: true, .. }) {
            // The log shrinks if nobody reads from it; if somebody does, later.
            let _ = connection.busy_timeout(Duration::ZERO);
            let _ = connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
        }
        drop(connection);
        source.close()?;
        drop(aside);
        Ok(())
    }
}

fn look(connection: &Connection) -> rusqlite::Result<Target> {
    let pages: u32 = connection.query_row("PRAGMA page_count", [], |row| row.get(0))?;
    if pages == 0 {
        return Ok(Target::Empty);
    }
    let page_size: u32 = connection.query_row("PRAGMA page_size", [], |row| row.get(0))?;
    let bytes = u64::from(pages) * u64::from(page_size);
    Ok(Target::Filled { wal: open::is_wal(connection)?, page_size, bytes })
}

/// Reads the copy through; where it becomes the database itself, it goes to the disk meanwhile.
fn verify(aside: &Aside, becomes: bool, watch: &Watch<'_>) -> Result<()> {
    std::thread::scope(|scope| {
        let syncing = becomes.then(|| scope.spawn(|| aside.sync()));
        check::quick(&aside.path, watch)?;
        let lost = || Err(Error::failed(format!("lost sight of {}", aside.path.display())));
        syncing.map_or(Ok(()), |syncing| syncing.join().unwrap_or_else(|_| lost()))
    })
}

/// Room for the new pages, and for SQLite's way back.
fn need_room(path: &Path, target: &Target, new: u64) -> Result<()> {
    let needed = match target {
        Target::Filled { wal: true, bytes, .. } => new + new.saturating_sub(*bytes),
        Target::Filled { bytes, .. } => *bytes + new.saturating_sub(*bytes),
        _ => new,
    };
    beside::need_room(path, needed, "the new content")
}

/// Says what is about to happen.
fn write(journal: &Journal, run: &str, file: &Path, aside: &Path) -> Result<()> {
    let deed = Deed::Fill { file: file.into(), aside: aside.into() };
    journal.write(&Entry::new(run, &file.display().to_string(), "replace", deed))
}

/// Into a place where nothing is; somebody who came first is not written over.
fn rename_new(aside: Aside, path: &Path) -> Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    let renamed = match renameat_with(CWD, &aside.path, CWD, path, RenameFlags::NOREPLACE) {
        // Not every file system knows how.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) if !path.exists() => {
            std::fs::rename(&aside.path, path)
        }
        renamed => renamed.map_err(Into::into),
    };
    renamed.map_err(|error| words::file(path, "put the new content into", &error))?;
    aside.let_go();
    reach("sqlite-swapped")?;
    beside::sync_folder(path).map_err(|error| words::file(path, "write", &error))
}

/// Over a file that is no database; what it was is kept.
fn rename_over(aside: Aside, path: &Path, old: &Path, replaced: &mut Replaced) -> Result<()> {
    let failed = |error| words::file(path, "put the new content into", &error);
    std::fs::hard_link(path, old).map_err(failed)?;
    // A log that is left would be taken for the new file's.
    for partner in beside::partners(path) {
        let kept = beside::partner(old, &partner.to_string_lossy()[path.to_string_lossy().len()..]);
        std::fs::rename(&partner, kept).map_err(failed)?;
    }
    std::fs::rename(&aside.path, path).map_err(failed)?;
    aside.let_go();
    reach("sqlite-swapped")?;
    beside::sync_folder(path).map_err(failed)?;
    replaced.old = Some(old.display().to_string());
    replaced.remark =
        Some(format!("{} was no database that could be opened: it is kept as {}", path.display(), old.display()));
    Ok(())
}
