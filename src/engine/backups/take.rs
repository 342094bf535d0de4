//! Taking a backup: written aside, read to its end, renamed into place, its metadata last.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use sha2::{Digest, Sha256};

use crate::engine::{Engine, Watch};
use crate::error::{Error, Result};
use crate::failpoint;

use super::aside::{self, Aside};
use super::metadata::{Metadata, VERSION};
use super::{Backup, Store, name, pipe, room};

/// What a backup is taken for.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    pub target: &'a str,
    /// The run's id.
    pub run: &'a str,
    /// The command: `manual`, `migrate`, `downgrade`, `restore`.
    pub reason: &'a str,
    /// The revisions that the database holds.
    pub heads: &'a [String],
    /// Backups that are not pruned: those that journals of dead runs name.
    pub except: &'a [PathBuf],
}

/// What a backup is of.
pub(super) struct Of {
    pub engine: &'static str,
    pub ending: &'static str,
    pub identity: String,
    pub place: String,
    pub system_identifier: Option<String>,
    pub version: Option<String>,
    /// Bytes that it is expected to take.
    pub size: u64,
}

impl Store {
    /// Takes a backup that has been read to its end, and prunes before and after.
    pub fn take(&self, engine: &Engine, wish: &Wish<'_>, watch: &Watch<'_>) -> Result<Backup> {
        let of = Of::engine(engine, wish.target)?;
        self.put(&of, wish, watch, &mut |plain| {
            engine.back_up(plain, watch)?;
            engine.verify_backup(plain, watch)
        })
    }

    /// Puts what `fill` writes, and has checked, into the store.
    pub(super) fn put(
        &self,
        of: &Of,
        wish: &Wish<'_>,
        watch: &Watch<'_>,
        fill: &mut dyn FnMut(&Path) -> Result<()>,
    ) -> Result<Backup> {
        failpoint::reach("backup-start")?;
        let (begun, folder) = (name::now(), self.folder(wish.target));
        aside::make_folder(&self.rules.location, &folder)?;
        aside::sweep(&folder);
        self.prune_for(wish.target, of.size, wish.except, watch);
        // The plain file and the piped one are there at the same time.
        let copies = if self.rules.pipe.is_some() { 2 } else { 1 };
        room::demand(&folder, room::with_reserve(of.size).saturating_mul(copies))?;
        let aside = Aside::in_folder(&folder)?;
        let stored = self.stored(&aside, of, watch, fill)?;
        let backup = self.published(&aside, &stored, of, wish, begun)?;
        failpoint::reach("backup-done")?;
        let except: Vec<PathBuf> = wish.except.iter().chain([&backup.path]).cloned().collect();
        self.prune(wish.target, &except, watch);
        Ok(backup)
    }

    /// The bytes as they will be kept, written to the disk.
    fn stored(
        &self,
        aside: &Aside,
        of: &Of,
        watch: &Watch<'_>,
        fill: &mut dyn FnMut(&Path) -> Result<()>,
    ) -> Result<PathBuf> {
        let plain = aside.file(&format!("plain.{}", of.ending));
        fill(&plain)?;
        if let Some(signal) = watch.interrupts.seen() {
            return Err(Error::Interrupted(signal));
        }
        fs::set_permissions(&plain, Permissions::from_mode(0o600)).map_err(|error| failed(&plain, &error))?;
        failpoint::reach("backup-mid")?;
        let stored = match &self.rules.pipe {
            None => plain,
            Some(command) => {
                let stored = aside.file("stored");
                pipe::through("pipe", command, &self.root, &plain, &stored, watch)?;
                fs::remove_file(&plain).map_err(|error| failed(&plain, &error))?;
                stored
            }
        };
        let synced = OpenOptions::new().read(true).write(true).open(&stored).and_then(|file| file.sync_all());
        synced.map_err(|error| failed(&stored, &error)).map(|()| stored)
    }

    /// Gives it its name: the bytes first, then the metadata, without which they do not count.
    fn published(&self, aside: &Aside, stored: &Path, of: &Of, wish: &Wish<'_>, begun: u64) -> Result<Backup> {
        let folder = self.folder(wish.target);
        let (sha256, bytes) = digest(stored).map_err(|error| failed(stored, &error))?;
        // A clock that was set back must not make the newest backup look old.
        let newest = self.entries(wish.target).iter().filter_map(|entry| name::time_of(entry.name())).max();
        let mut time = begun.max(newest.map_or(0, |newest| newest + 1));
        loop {
            let name = format!("{}-{}", name::stamp(time), name::revision(wish.heads));
            let file = format!("{name}.{}", of.ending);
            let metadata = self.metadata(of, wish, file, (sha256.clone(), bytes), begun);
            let path = folder.join(&metadata.file);
            let publish = || -> io::Result<()> {
                let written = aside.file("metadata.json");
                write_metadata(&written, &metadata)?;
                rename_new(stored, &path)?;
                failpoint::reach("backup-rename").map_err(|error| io::Error::other(error.to_string()))?;
                rename_new(&written, &super::find::metadata_of(&path))?;
                File::open(&folder)?.sync_all()
            };
            match publish() {
                Ok(()) => return Ok(Backup { name, path, metadata: Box::new(metadata) }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && stored.exists() => time += 1,
                Err(error) => {
                    let _ = fs::remove_file(if stored.exists() { stored } else { &path });
                    return Err(failed(&path, &error));
                }
            }
        }
    }

    fn metadata(&self, of: &Of, wish: &Wish<'_>, file: String, content: (String, u64), begun: u64) -> Metadata {
        Metadata {
            version: VERSION,
            target: wish.target.to_owned(),
            identity: of.identity.clone(),
            system_identifier: of.system_identifier.clone(),
            engine: of.engine.to_owned(),
            place: of.place.clone(),
            created: name::moment(begun),
            heads: wish.heads.to_vec(),
            file,
            sha256: content.0,
            bytes: content.1,
            reason: wish.reason.to_owned(),
            run: wish.run.to_owned(),
            piped: self.rules.pipe.is_some(),
            shed: env!("CARGO_PKG_VERSION").to_owned(),
            database_version: of.version.clone(),
        }
    }
}

impl Of {
    fn engine(engine: &Engine, target: &str) -> Result<Self> {
        if let Engine::Sqlite(file) = engine
            && file.real_path().is_none()
        {
            return Err(Error::usage(format!("{target}: a database in memory has no backup")));
        }
        if engine.is_missing_file() {
            return Err(Error::database(format!("{target}: {} is not there", engine.place())));
        }
        let (kind, ending) = super::kind(engine);
        let (version, system_identifier) = engine.version();
        Ok(Self {
            engine: kind,
            ending,
            identity: super::identity(engine),
            place: engine.place(),
            system_identifier,
            version,
            size: engine.size()?,
        })
    }
}

/// SHA-256 and length of a file.
pub fn digest(path: &Path) -> io::Result<(String, u64)> {
    let (mut file, mut digest, mut bytes) = (File::open(path)?, Sha256::new(), 0);
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok((name::hex(&digest.finalize()), bytes)),
            count => {
                digest.update(&buffer[..count]);
                bytes += count as u64;
            }
        }
    }
}

fn write_metadata(path: &Path, metadata: &Metadata) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(&serde_json::to_vec_pretty(metadata)?)?;
    file.sync_all()
}

/// Two runs may want the same name: the later one must not write over the earlier one's.
fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // Some file systems cannot do it in one step.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::NOTSUP) if !to.exists() => {
            fs::rename(from, to)
        }
        done => Ok(done?),
    }
}

fn failed(path: &Path, error: &io::Error) -> Error {
    Error::failed(format!("could not write the backup {}: {error}", path.display()))
        .help("nothing of it was kept; `backup: { location: … }` names another folder for it")
}
