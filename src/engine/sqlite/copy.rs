//! Copies of a whole SQLite database: a clone's, a backup, and back from one.

use std::path::Path;

use crate::engine::{Copying, Counted, Watch};
use crate::error::{Error, Result};
use crate::failpoint::reach;

use super::open::Source;
use super::pour::Pour;
use super::{File, beside, check};

impl File {
    /// As [`File::copy_into`]; the source is counted meanwhile, over a connection of its own.
    pub fn copy_and_count(&self, aside: &Self, copying: &Copying, watch: &Watch<'_>) -> Result<Counted> {
        let (source, copied) = std::thread::scope(|scope| {
            let counting = scope.spawn(|| self.row_counts());
            let copied = self.copy_into(aside, copying, watch);
            (counting.join().unwrap_or_else(|_| Err(Error::failed("the rows could not be counted"))), copied)
        });
        copied?;
        Ok(Counted { source: source?, copy: aside.row_counts()?, of_one_moment: false })
    }

    pub fn copy_into(&self, aside: &Self, copying: &Copying, watch: &Watch<'_>) -> Result<()> {
        if self.identity() == aside.identity() {
            return Err(Error::usage(format!("{} cannot be copied onto itself", self.place())));
        }
        if !aside.is_empty()? {
            return Err(Error::failed(format!("{} is not empty: a copy is built in an empty database", aside.place())));
        }
        self.copy(self.source()?, &aside.path()?, watch)?;
        aside.leave_out(copying, watch)
    }

    pub fn back_up(&self, to: &Path, watch: &Watch<'_>) -> Result<()> {
        let source = self.own_source()?;
        let made = beside::Aside::create(to.to_path_buf())?;
        self.copy(source, to, watch)?;
        made.sync()?;
        made.let_go();
        Ok(())
    }

    /// The backup is the store's alone: it is read as a file that nobody writes to.
    pub fn fill_from_backup(&self, path: &Path, watch: &Watch<'_>) -> Result<()> {
        check::header(path)?;
        let backup = Source::of_ours(path)?;
        self.copy(backup, &self.path()?, watch)
    }

    /// Copies into an empty file of ours, which is thrown away when this fails.
    pub(super) fn copy(&self, source: Source, to: &Path, watch: &Watch<'_>) -> Result<()> {
        beside::need_room(to, source.bytes()?, "the copy")?;
        reach("sqlite-copy-start")?;
        Pour::from(&source, self.patience())?.fill_new(to, watch)?;
        reach("sqlite-copied")?;
        source.close()
    }
}
