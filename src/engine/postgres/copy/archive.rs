//! Large copies: an archive in a private folder, written and read by several jobs.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::engine::Watch;
use crate::engine::postgres::Server;
use crate::error::{Error, Result};
use crate::failpoint::reach;
use crate::process::{Captured, Heard, Tool};

use super::{Copy, temporary};

/// A folder that goes with the run; one of a dead run goes with its recovery.
struct Folder(PathBuf);

impl Folder {
    fn make(path: PathBuf) -> Result<Self> {
        let made = DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|error| Error::environment(format!("could not make {}: {error}", path.display())))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The folder of one run.
pub fn folder_of(run: &str) -> PathBuf {
    let plain: String = run.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    temporary(format!("shed-copy-{plain}"))
}

/// Whether the temporary folder can take an archive of a database of this size.
pub fn has_room(size: u64) -> bool {
    let space = rustix::fs::statvfs(&temporary(String::new()));
    space.is_ok_and(|space| space.f_bavail.saturating_mul(space.f_frsize) > size + size / 5)
}

impl Copy<'_> {
    pub(super) fn archived(&self, aside: &Server, watch: &Watch<'_>) -> Result<()> {
        let run = aside.name.rsplit_once("__shed_new_").map_or(aside.name.as_str(), |(_, run)| run);
        let folder = Folder::make(folder_of(run))?;
        let (dump, restore) = self.through_archive(aside, &folder.0);
        reach("copy-dump")?;
        followed(self.source, dump, "reading, tables", "dumping contents of table", watch)?;
        reach("copy-restore")?;
        followed(aside, restore, "writing, tables and indexes", "finished item", watch)
    }

    /// The two programs.
    pub(super) fn through_archive(&self, aside: &Server, folder: &Path) -> (Tool, Tool) {
        let (archive, jobs) = (folder.join("archive"), self.jobs().to_string());
        let dump = self.dump().args(["-v", "-Fd", "-Z0", "--no-sync", "-j", &jobs, "-f"]).arg(&archive);
        let restore = aside.restore(&self.programs).args(self.without_rights()).args(["-v", "-j", &jobs]);
        (dump, restore.arg(archive))
    }
}

/// Runs a program that says on stderr what it is at; the lines with `word` about rows and indexes are its progress.
pub fn followed(server: &Server, tool: Tool, what: &str, word: &str, watch: &Watch<'_>) -> Result<()> {
    let line = tool.command_line();
    let (mut said, mut seen, mut done) = (Vec::new(), 0, 0);
    let status = tool.stream(watch.interrupts, &mut |heard| {
        if let Heard::Stderr(bytes) = heard {
            said.extend_from_slice(bytes);
            let whole = said.iter().rposition(|&byte| byte == b'\n').map_or(seen, |at| at + 1);
            let new = String::from_utf8_lossy(&said[seen..whole]).into_owned();
            seen = whole;
            done += new.lines().filter(|line| line.contains(word) && !line.contains(" ACL ")).count() as u64;
            watch.progress(what, done, None);
        }
    })?;
    server.judge(&line, Captured { status, stdout: Vec::new(), stderr: said }, watch).map(drop)
}
