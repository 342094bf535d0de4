//! The files that kept answers are in: one for each key, in the cache directory.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::environment::Environment;
use crate::keep::picture::{self, Aspect, Pictures};
use crate::keep::{self, private_folder};

use super::{KeptTemplate, Key, Question, hex};

const VERSION: u32 = 1;
const MOST: usize = 2_000;

/// One kept answer. Only "in order" is kept.
#[derive(Debug, Serialize, Deserialize)]
pub struct Entry {
    version: u32,
    /// `billing.staging`
    pub target: String,
    /// `sqlite`, `postgres`
    pub kind: String,
    /// What the run looked at beyond what the key holds.
    watched: Vec<Watched>,
}

/// Something that looked like this.
#[derive(Debug, Serialize, Deserialize)]
pub struct Watched {
    pub aspect: Aspect,
    pub path: PathBuf,
    pub digest: String,
}

impl Entry {
    pub fn of(target: &str, kind: &str, watched: Vec<Watched>) -> Self {
        Self { version: VERSION, target: target.to_owned(), kind: kind.to_owned(), watched }
    }

    /// Whether everything still looks the same.
    pub(super) fn holds(&self, pictures: &Pictures) -> bool {
        let same = |watched: &Watched| {
            pictures.of(watched.aspect, &watched.path).is_some_and(|picture| hex(&picture.digest) == watched.digest)
        };
        self.version == VERSION && self.watched.iter().all(same)
    }
}

/// The folder of kept answers.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
}

impl Store {
    /// `None` where there is no cache directory.
    pub fn of(environment: &Environment) -> Option<Self> {
        Some(Self { folder: environment.cache_dir()?.join("v1/checks") })
    }

    /// Whether the answer to this is known to be "in order".
    pub fn knows(&self, key: &Key, pictures: &Pictures) -> bool {
        let is_ours = || keep::is_ours(&self.folder).is_ok_and(|ours| ours);
        let read = || fs::read(self.folder.join(&key.0)).ok();
        let entry = is_ours().then(read).flatten().and_then(|text| serde_json::from_slice::<Entry>(&text).ok());
        entry.is_some_and(|entry| entry.holds(pictures))
    }

    /// The time now, as files in this folder are stamped with it.
    pub fn now(&self) -> io::Result<i128> {
        self.make()?;
        Ok(picture::changed(&tempfile::NamedTempFile::new_in(&self.folder)?.as_file().metadata()?))
    }

    pub fn keep(&self, key: &Key, entry: &Entry) -> io::Result<()> {
        self.make()?;
        let mut aside = tempfile::Builder::new().prefix("new-").tempfile_in(&self.folder)?;
        aside.write_all(&serde_json::to_vec(entry)?)?;
        aside.persist(self.folder.join(&key.0)).map_err(|error| error.error)?;
        keep::prune(&self.folder, &self.folder.join(&key.0), MOST)
    }

    /// The file about the snapshot of a scratch database at its heads, in a folder that is ours; it may not be there.
    pub fn snapshot(&self, question: &Question) -> io::Result<PathBuf> {
        let folder = self.snapshots();
        make(&folder)?;
        let name = format!("{}.json", question.words_name());
        keep::prune(&folder, &folder.join(&name), MOST)?;
        Ok(folder.join(name))
    }

    /// What is known of the databases that are kept on servers.
    pub fn templates(&self) -> Vec<KeptTemplate> {
        let files = fs::read_dir(self.snapshots()).into_iter().flatten().flatten();
        let mut kept: Vec<KeptTemplate> = files.filter_map(|file| KeptTemplate::read(&file.path())).collect();
        kept.sort_by(|a, b| a.target.cmp(&b.target));
        kept
    }

    /// A name for this cache directory, for marks elsewhere.
    pub fn id(&self) -> String {
        let host = rustix::system::uname();
        let host = host.nodename().to_string_lossy().into_owned();
        let folder = self.folder.canonicalize().unwrap_or_else(|_| self.folder.clone());
        format!("{:016x}", keep::digest([host.as_str(), &folder.to_string_lossy()]))
    }

    /// The folder of the snapshots.
    pub fn snapshots(&self) -> PathBuf {
        self.folder.with_file_name("heads")
    }

    /// All that can be read, by target, with the bytes that each takes.
    pub fn entries(&self) -> Vec<(Entry, u64)> {
        let read =
            |path: &Path| Some((serde_json::from_slice(&fs::read(path).ok()?).ok()?, fs::metadata(path).ok()?.size()));
        let files = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let mut entries: Vec<(Entry, u64)> = files.filter_map(|file| read(&file.path())).collect();
        entries.sort_by(|(a, _), (b, _)| a.target.cmp(&b.target));
        entries
    }

    fn make(&self) -> io::Result<()> {
        make(&self.folder)
    }
}

fn make(folder: &Path) -> io::Result<()> {
    private_folder(folder)?;
    match keep::is_ours(folder)? {
        true => Ok(()),
        false => Err(io::ErrorKind::PermissionDenied.into()),
    }
}
