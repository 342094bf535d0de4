//! Revision files read: from what is kept of them where they are unchanged, otherwise from themselves.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::environment::Environment;

use super::kept::{self, Entry, Kept, Stamp};
use super::{NotStatic, Revision, python};

/// How many files are worth a thread.
const FILES_A_THREAD: usize = 48;

/// The revisions of these files, in their order.
pub fn revisions(
    files: Vec<PathBuf>,
    folders: &[PathBuf],
    environment: &Environment,
) -> Result<Vec<Revision>, NotStatic> {
    revisions_at(files, folders, environment, kept::now())
}

/// The same, at that time: it is taken before anything is looked at.
pub fn revisions_at(
    files: Vec<PathBuf>,
    folders: &[PathBuf],
    environment: &Environment,
    now: i128,
) -> Result<Vec<Revision>, NotStatic> {
    let Some(kept) = Kept::of(files.len(), folders, environment) else {
        return on_all_processors(&files, |path| python::revision(path, &content(path)?.1));
    };
    let mut known = kept.read();
    let asked: Vec<Asked> = files.into_iter().map(|path| unchanged(path, &mut known)).collect();
    let before: Vec<Before> = asked.iter().filter_map(Asked::before).collect();
    let mut fresh = on_all_processors(&before, |(path, old)| entry(path, old.as_ref(), now))?;
    // Files in motion look the same again and again: nothing new to keep.
    let is_news = before.iter().zip(&fresh).any(|((_, old), new)| old.as_ref() != Some(new));
    fresh.reverse();
    let one = |asked| match asked {
        Asked::Unchanged(entry) => Some(entry),
        Asked::Before(_) => fresh.pop(),
    };
    let all: Vec<Entry> = asked.into_iter().filter_map(one).collect();
    if is_news {
        kept.write(&all);
    }
    Ok(all.into_iter().map(|entry| entry.revision).collect())
}

/// A file to be read, and what it said before.
type Before = (PathBuf, Option<Entry>);

enum Asked {
    Unchanged(Entry),
    Before(Before),
}

impl Asked {
    fn before(&self) -> Option<Before> {
        match self {
            Self::Unchanged(_) => None,
            Self::Before(before) => Some(before.clone()),
        }
    }
}

fn unchanged(path: PathBuf, known: &mut HashMap<PathBuf, Entry>) -> Asked {
    let Some(entry) = known.remove(&path) else { return Asked::Before((path, None)) };
    match fs::metadata(&path) {
        Ok(found) if entry.settled && Stamp::of(&found) == entry.stamp => Asked::Unchanged(entry),
        _ => Asked::Before((path, Some(entry))),
    }
}

/// Reads files, in their order.
fn on_all_processors<F: Sync, R: Send>(
    files: &[F],
    read: impl Fn(&F) -> Result<R, NotStatic> + Sync,
) -> Result<Vec<R>, NotStatic> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = files.len().div_ceil(threads.max(1)).max(FILES_A_THREAD);
    let read = |files: &[F]| files.iter().map(&read).collect::<Result<Vec<_>, _>>();
    std::thread::scope(|scope| {
        let mut shares = files.chunks(share);
        let first = shares.next().unwrap_or_default();
        let others: Vec<_> = shares.map(|files| scope.spawn(move || read(files))).collect();
        let mut all = read(first)?;
        for other in others {
            all.extend(other.join().map_err(|_| NotStatic::because("a file could not be parsed"))??);
        }
        Ok(all)
    })
}

/// One file; equal content has the facts that it had.
fn entry(path: &Path, old: Option<&Entry>, now: i128) -> Result<Entry, NotStatic> {
    let (stamp, source) = content(path)?;
    let digest: [u8; 32] = Sha256::digest(&source).into();
    let revision = match old.filter(|old| old.digest == digest) {
        Some(old) => old.revision.clone(),
        None => python::revision(path, &source)?,
    };
    Ok(Entry { stamp, settled: stamp.is_settled(now), digest, revision })
}

/// The stamp is that of the very file that is read, taken first: what is written meanwhile shows in the next one.
fn content(path: &Path) -> Result<(Stamp, Vec<u8>), NotStatic> {
    let read = || -> io::Result<_> {
        let mut file = File::open(path)?;
        let stamp = Stamp::of(&file.metadata()?);
        let mut source = Vec::with_capacity(usize::try_from(stamp.size).unwrap_or_default());
        file.read_to_end(&mut source)?;
        Ok((stamp, source))
    };
    read().map_err(|error| NotStatic::because(format!("{}: {error}", path.display())))
}
