//! Replacing a database without the right to make another: one transaction that removes everything and writes it anew.

use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use crate::engine::{Engine, Fill, Replaced, Replacement, Watch};
use crate::error::{Error, Result};
use crate::failpoint::reach;
use crate::process::Tool;

use super::Server;
use super::facts::Facts;

const CLEAR: &str = include_str!("clear.sql");
/// How far from a script's end `pg_restore -1` writes its COMMIT.
const TAIL: u64 = 4096;

impl Server {
    pub(super) fn replace_in_place(
        &self,
        how: &Replacement<'_>,
        (facts, why): (&Facts, &str),
        watch: &Watch<'_>,
        fill: &mut Fill<'_>,
    ) -> Result<Replaced> {
        if facts.database.is_none() {
            return Err(Error::failed(format!("{} is not there, and cannot be made: {why}", self.place()))
                .help("have the database created, then it is replaced in one transaction"));
        }
        let folder = tempfile::Builder::new().prefix("shed-script-").tempdir().map_err(unwritable)?;
        let script = folder.path().join("script.sql");
        std::fs::write(&script, CLEAR).map_err(unwritable)?;
        fill(&Engine::Postgres(Box::new(Self { script: Some(script.clone()), ..self.clone() })))?;
        reach("place-written")?;
        if how.force {
            self.end_sessions(&format!("datname = {}", super::literal(&self.name)))?;
        }
        let psql = self.psql(&self.name)?.args(["-1", "-f"]).arg(&script);
        self.run(psql, watch)
            .map_err(|error| error.help(format!("nothing was changed; it was not built aside because {why}")))?;
        reach("place-done")?;
        Ok(Replaced { old: None, remark: Some(format!("replaced in place, in one transaction: {why}")) })
    }

    pub fn is_collected(&self) -> bool {
        self.script.is_some()
    }

    /// Where statements for this database are collected instead of being run.
    pub(super) fn script(&self) -> Option<&Path> {
        self.script.as_deref()
    }
}

/// Adds what `pg_restore -1 -f -` writes of an archive to a script, without the commit at its end.
pub(super) fn collect(server: &Server, restore: Tool, script: &Path, watch: &Watch<'_>) -> Result<()> {
    let file = std::fs::OpenOptions::new().append(true).open(script).map_err(unwritable)?;
    server.run(restore.writes(file), watch)?;
    without_commit(script).map_err(unwritable)
}

/// Adds a file of statements.
pub(super) fn append(script: &Path, path: &Path) -> Result<()> {
    let read = |error| Error::environment(format!("could not read {}: {error}", path.display()));
    let text = std::fs::read(path).map_err(read)?;
    let mut file = std::fs::OpenOptions::new().append(true).open(script).map_err(unwritable)?;
    file.write_all(&text).and_then(|()| file.write_all(b"\n")).map_err(unwritable)
}

fn without_commit(script: &Path) -> std::io::Result<()> {
    const COMMIT: &[u8] = b"\nCOMMIT;\n";
    let mut file = std::fs::OpenOptions::new().read(true).write(true).open(script)?;
    let start = file.metadata()?.len().saturating_sub(TAIL);
    file.seek(SeekFrom::Start(start))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    if let Some(at) = tail.windows(COMMIT.len()).rposition(|window| window == COMMIT) {
        file.seek(SeekFrom::Start(start + at as u64))?;
        file.write_all(b"\n-- end;\n")?;
    }
    Ok(())
}

fn unwritable(error: std::io::Error) -> Error {
    Error::environment(format!("could not write the script of the copy: {error}"))
        .help("TMPDIR names the folder for it; nothing was changed")
}
