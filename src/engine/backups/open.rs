//! Reading a backup back: its bytes are those that were written, and the engine can read them to their end.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::engine::{Engine, Watch};
use crate::error::{Error, Result};

use super::aside::{self, Aside};
use super::find::Found;
use super::{Backup, Metadata, Store, pipe, room, take};

/// A backup as the engine reads it; where it was decrypted, the decrypted file goes with this value.
pub struct Plain {
    path: PathBuf,
    _aside: Option<Aside>,
}

impl Plain {
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Store {
    /// Checks a backup to its end, decrypts it where it was piped, and gives what `fill_from_backup` takes.
    pub fn open(&self, backup: &Backup, engine: &Engine, watch: &Watch<'_>) -> Result<Plain> {
        refuse_engine(&backup.path, &backup.metadata, engine)?;
        self.check_stored(backup)?;
        let plain = if backup.metadata.piped {
            self.unpiped(&backup.path, engine, watch)?
        } else {
            Plain { path: backup.path.clone(), _aside: None }
        };
        engine.verify_backup(&plain.path, watch)?;
        Ok(plain)
    }

    /// As [`Store::open`], for whatever [`Store::find`] found.
    pub fn open_found(&self, found: &Found, engine: &Engine, watch: &Watch<'_>) -> Result<Plain> {
        match found {
            Found::Kept(backup) => self.open(backup, engine, watch),
            Found::Stray(path) => {
                let plain = match kind_of(path)? {
                    Some(kind) if kind != super::kind(engine).0 => return Err(other_engine(path, kind, engine)),
                    // Neither a database nor a dump: it may be a piped one.
                    None if self.rules.unpipe.is_some() => self.unpiped(path, engine, watch)?,
                    _ => Plain { path: path.clone(), _aside: None },
                };
                engine.verify_backup(&plain.path, watch)?;
                Ok(plain)
            }
        }
    }

    /// Reads the stored bytes to their end; what is within a piped one is not seen.
    pub fn check_stored(&self, backup: &Backup) -> Result<()> {
        let unreadable = |error: std::io::Error| {
            Error::failed(format!("could not read the backup {}: {error}", backup.path.display()))
        };
        let (sha256, bytes) = take::digest(&backup.path).map_err(unreadable)?;
        let (path, written) = (backup.path.display(), backup.metadata.bytes);
        let what = if bytes != written {
            format!("the backup {path} has {bytes} bytes; {written} were written")
        } else if sha256 != backup.metadata.sha256 {
            format!("the backup {path} is not what was written: its SHA-256 differs")
        } else {
            return Ok(());
        };
        Err(Error::failed(what).help("choose another: shed backups --verify"))
    }

    /// An error where it is a backup of another engine, told without reading it.
    pub fn refuse_engine(&self, found: &Found, engine: &Engine) -> Result<()> {
        match found {
            Found::Kept(backup) => refuse_engine(&backup.path, &backup.metadata, engine),
            Found::Stray(_) => Ok(()),
        }
    }

    /// Whether it was taken from this very database, whatever its target was called.
    pub fn is_of(&self, metadata: &Metadata, engine: &Engine) -> bool {
        metadata.identity == super::identity(engine)
    }

    /// Whether [`Store::open`] can read it: a piped one needs `backup.unpipe`.
    pub fn can_open(&self, backup: &Backup) -> bool {
        !backup.metadata.piped || self.rules.unpipe.is_some()
    }

    fn unpiped(&self, path: &Path, engine: &Engine, watch: &Watch<'_>) -> Result<Plain> {
        let Some(command) = &self.rules.unpipe else {
            return Err(Error::usage(format!(
                "the backup {} went through `backup.pipe`, and there is no `backup.unpipe`",
                path.display()
            ))
            .help("set `backup.unpipe`, or decrypt it by hand and name the file: shed restore TARGET FILE"));
        };
        let folder = self.rules.location.join(".opened");
        aside::make_folder(&self.rules.location, &folder)?;
        aside::sweep(&folder);
        room::demand(&folder, fs::metadata(path).map_or(0, |metadata| room::with_reserve(metadata.len())))?;
        let aside = Aside::in_folder(&folder)?;
        let plain = aside.file(&format!("plain.{}", super::kind(engine).1));
        pipe::through("unpipe", command, &self.root, path, &plain, watch)?;
        match kind_of(&plain)? {
            Some(kind) if kind != super::kind(engine).0 => Err(other_engine(path, kind, engine)),
            _ => Ok(Plain { path: plain, _aside: Some(aside) }),
        }
    }
}

fn refuse_engine(path: &Path, metadata: &Metadata, engine: &Engine) -> Result<()> {
    if metadata.engine == super::kind(engine).0 { Ok(()) } else { Err(other_engine(path, &metadata.engine, engine)) }
}

fn other_engine(path: &Path, kind: &str, engine: &Engine) -> Error {
    let own = super::kind(engine).0;
    Error::usage(format!("the backup {} is one of a {kind} database; {} is {own}", path.display(), engine.place()))
        .help(format!("choose a backup of a {own} database"))
}

/// What a file is by its first bytes: SQLite's file, or `pg_dump -F custom`.
fn kind_of(path: &Path) -> Result<Option<&'static str>> {
    let mut start = Vec::new();
    let read = fs::File::open(path).and_then(|file| file.take(16).read_to_end(&mut start));
    read.map_err(|error| Error::usage(format!("could not read the backup {}: {error}", path.display())))?;
    Ok(match start.as_slice() {
        b"SQLite format 3\0" => Some("sqlite"),
        start if start.starts_with(b"PGDMP") => Some("postgres"),
        _ => None,
    })
}
