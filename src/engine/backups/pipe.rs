//! The user's own commands that a backup goes through: `backup.pipe` on its way in, `backup.unpipe` on its way back.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::engine::Watch;
use crate::error::{Error, Result};
use crate::process::{self, Tool};

/// Runs a shell command from one file into another, which is new and private.
pub(super) fn through(key: &str, command: &str, root: &Path, from: &Path, to: &Path, watch: &Watch<'_>) -> Result<()> {
    let failed = |path: &Path, error: std::io::Error| Error::failed(format!("{}: {error}", path.display()));
    let reads = File::open(from).map_err(|error| failed(from, error))?;
    let mut options = OpenOptions::new();
    let writes = options.write(true).create_new(true).mode(0o600).open(to).map_err(|error| failed(to, error))?;
    let tool = Tool::new("/bin/sh").args(["-c", command]).dir(root).reads(reads).writes(writes);
    // With the terminal, where there is one, so that it may ask for a passphrase; elsewhere signals are handed on.
    let tool = if io::stdin().is_terminal() { tool.keeps_terminal() } else { tool };
    let captured = tool.watched(watch.interrupts, &mut || {})?;
    if let Some(signal) = watch.interrupts.seen() {
        return Err(Error::Interrupted(signal));
    }
    if !captured.status.success() {
        let said = String::from_utf8_lossy(&captured.stderr).trim().to_owned();
        let code = process::code(captured.status);
        return Err(Error::failed(format!("`backup.{key}` ended with code {code}")).detail(said));
    }
    if fs::metadata(to).is_ok_and(|metadata| metadata.len() == 0) {
        return Err(Error::failed(format!("`backup.{key}` ended with code 0 and wrote nothing"))
            .help("it reads its standard input and writes its standard output"));
    }
    Ok(())
}
