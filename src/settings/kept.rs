//! What is kept of a sound settings file in the cache directory: where its projects stand, and never a value.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::environment::Environment;
use crate::keep::{self, private_folder};
use crate::settings::outline::{Outline, Place};

/// A text that is shorter than this is read whole sooner than a file is opened.
const WORTH: usize = 8 * 1024;
const KEPT: usize = 50;
const FIRST_LINE: &str = "shed settings 1";

/// The place in the cache of what is known about one text: it goes by the text itself, its folder, and this program.
pub(super) struct Kept {
    file: PathBuf,
    length: usize,
}

impl Kept {
    /// `None` for a short text, and where there is no cache directory.
    pub fn of(text: &str, folder: &Path, environment: &Environment) -> Option<Self> {
        if text.len() < WORTH {
            return None;
        }
        let all = environment.cache_dir()?.join("v1/settings");
        let name = keep::digest([text, &folder.to_string_lossy(), &environment.program()]);
        Some(Self { file: all.join(format!("{name:016x}")), length: text.len() })
    }

    /// What is known about the text; nothing where anything about the file is not as it should be.
    pub fn read(&self, text: &str) -> Option<Outline> {
        if !keep::is_ours(self.file.parent()?).ok()? {
            return None;
        }
        let outline = parsed(&fs::read_to_string(&self.file).ok()?, self.length)?;
        outline.fits(text).then_some(outline)
    }

    /// Keeps the outline; a cache that cannot be written to spoils nothing.
    pub fn write(&self, outline: &Outline) {
        let _ = self.try_write(&told(outline, self.length));
    }

    fn try_write(&self, text: &str) -> io::Result<()> {
        let folder = self.file.parent().unwrap_or(Path::new("/"));
        private_folder(folder)?;
        if !keep::is_ours(folder)? {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let mut aside = tempfile::Builder::new().prefix("new-").tempfile_in(folder)?;
        aside.write_all(text.as_bytes())?;
        aside.persist(&self.file).map_err(|error| error.error)?;
        keep::prune(folder, &self.file, KEPT)
    }
}

/// A line about the whole, a line for each project, and a sum over them.
pub(super) fn told(outline: &Outline, length: usize) -> String {
    let mut text = format!("{FIRST_LINE} {length} {} {}\n", outline.all.start, outline.all.end);
    for place in &outline.projects {
        let moves = if place.moves { "moves" } else { "stays" };
        let protected = if place.protected { "protected" } else { "free" };
        text += &format!("{} {moves} {protected} {}\n", place.lines.start, place.name);
    }
    let sum = sum(&text);
    text + &sum
}

pub(super) fn parsed(text: &str, length: usize) -> Option<Outline> {
    let (lines, last) = text.split_at_checked(text.len().checked_sub(SUM)?)?;
    if last != sum(lines) {
        return None;
    }
    let mut lines = lines.lines();
    let mut first = lines.next()?.strip_prefix(FIRST_LINE)?.split_ascii_whitespace().map(str::parse::<usize>);
    let mut number = || first.next()?.ok();
    let (of, all) = (number()?, number()?..number()?);
    let mut projects = lines.map(place).collect::<Option<Vec<Place>>>()?;
    let mut end = all.end;
    for place in projects.iter_mut().rev() {
        place.lines.end = end;
        end = place.lines.start;
    }
    (of == length).then_some(Outline { projects, all })
}

fn place(line: &str) -> Option<Place> {
    let mut words = line.split(' ');
    let start = words.next()?.parse().ok()?;
    let moves = words.next()? == "moves";
    let protected = words.next()? == "protected";
    Some(Place { name: words.next()?.to_owned(), lines: start..start, moves, protected })
}

const SUM: usize = 17;

fn sum(text: &str) -> String {
    format!("{:016x}\n", keep::digest([text]))
}
