//! Where the projects of a sound text stand, so that one of them can be read without the others.

use std::ops::Range;

use crate::settings::cut::Cut;
use crate::settings::read::{Trees, entries};
use crate::settings::tree::{Data, Entry, Node};

/// The lines of each project, known from a reading of the whole text that found nothing wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outline {
    pub projects: Vec<Place>,
    /// From the line of `projects:` to the end of its last project.
    pub all: Range<usize>,
}

/// One project's lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub name: String,
    pub lines: Range<usize>,
    /// The folder of its revisions hangs on variables or on what is on the disk. Such a project is read along with
    /// every other, and with all of them: a project that shares its folder with another must not go unnoticed.
    pub moves: bool,
    /// It has a database that says `protected`.
    pub protected: bool,
}

impl Outline {
    /// `None` where the lines of a project are not all that it says: anchors, `<<`, flow style.
    pub fn of(text: &str, trees: &Trees) -> Option<Self> {
        let root = trees.written.map().filter(|root| !root.flow && root.merges.is_empty())?;
        let at = root.entries.iter().position(|entry| *entry.key == *"projects")?;
        let projects = &root.entries[at];
        let map = projects.node().map().filter(|map| !map.flow && map.merges.is_empty())?;
        if has_anchor(&trees.written) || root.get("root").is_some_and(|root| varies(root.node())) {
            return None;
        }
        let starts = map.entries.iter().map(|entry| line_of(text, entry)).collect::<Option<Vec<_>>>()?;
        let end = match root.entries.get(at + 1) {
            Some(next) => line_of(text, next)?,
            None => text.len(),
        };
        let ends = starts.iter().copied().skip(1).chain([end]);
        let merged = entries(&trees.merged, &["projects"]);
        let places = starts.iter().zip(ends).zip(merged).map(|((&start, end), project)| Place {
            name: project.key.to_string(),
            lines: start..end,
            moves: moves(project.node()),
            protected: entries(project.node(), &["db"])
                .iter()
                .any(|database| database.node().get("protected").is_some()),
        });
        let outline = Self { projects: places.collect(), all: line_of(text, projects)?..end };
        outline.fits(text).then_some(outline)
    }

    /// Whether the places can be those of this text: whole lines, one project after the other.
    pub fn fits(&self, text: &str) -> bool {
        let begins_line = |at: usize| {
            at <= text.len() && (at == 0 || at == text.len() || matches!(text.as_bytes()[at - 1], b'\n' | b'\r'))
        };
        let (Some(first), Some(last)) = (self.projects.first(), self.projects.last()) else {
            return false;
        };
        self.all.start < first.lines.start
            && last.lines.end == self.all.end
            && begins_line(self.all.start)
            && self.projects.windows(2).all(|pair| pair[0].lines.end == pair[1].lines.start)
            && self.projects.iter().all(|place| place.lines.start < place.lines.end)
            && self.projects.iter().all(|place| begins_line(place.lines.start) && begins_line(place.lines.end))
    }

    pub fn get(&self, name: &str) -> Option<&Place> {
        self.projects.iter().find(|place| place.name == name)
    }

    /// The text with this project and those that move; with none, what stands outside of `projects`.
    pub fn cut<'t>(&self, text: &'t str, name: Option<&str>) -> Cut<'t> {
        let head = match (name, self.projects.first()) {
            (Some(_), Some(first)) => first.lines.start,
            _ => self.all.start,
        };
        let wanted = |place: &&Place| name.is_some_and(|name| place.moves || place.name == name);
        let lines = self.projects.iter().filter(wanted).map(|place| place.lines.clone());
        Cut::keeping(text, std::iter::once(0..head).chain(lines).chain(std::iter::once(self.all.end..text.len())))
    }
}

/// Where the line of a key begins, if nothing stands before the key.
fn line_of(text: &str, entry: &Entry) -> Option<usize> {
    let before = text.get(..entry.key_span.start)?;
    let start = before.rfind(['\n', '\r']).map_or(0, |end| end + 1);
    (entry.item.alias.is_none() && before[start..].bytes().all(|byte| byte == b' ')).then_some(start)
}

fn has_anchor(node: &Node) -> bool {
    node.anchor
        || match &node.data {
            Data::Scalar(_) => false,
            Data::List(items) => items.iter().any(|item| has_anchor(&item.node)),
            Data::Map(map) => map.entries.iter().any(|entry| has_anchor(entry.node())),
        }
}

/// Whether a variable has a say in this value.
fn varies(node: &Node) -> bool {
    let mut varies = false;
    node.scalars(&mut |scalar, _| varies |= scalar.text.contains('$'));
    varies
}

/// Whether the same text can give this project another versions folder.
fn moves(project: &Node) -> bool {
    let has_variable = |key: &str| project.get(key).is_some_and(|entry| varies(entry.node()));
    if ["module", "versions", "alembic", "format"].into_iter().any(has_variable) {
        return true;
    }
    let databases = entries(project, &["db"]);
    if databases.iter().any(|database| database.node().get("type").is_some_and(|kind| varies(kind.node()))) {
        return true;
    }
    let set = project.get("versions").is_some() || project.at(&["alembic", "version_locations"]).is_some();
    !set && hangs_on_the_disk(project)
}

/// A word that is a package folder where there is one of this name, and else a dotted name.
fn hangs_on_the_disk(project: &Node) -> bool {
    let module = project.get("module").map(Entry::node);
    let first = module.and_then(|module| match &module.data {
        Data::List(items) => items.first().and_then(|item| item.node.scalar()),
        Data::Scalar(scalar) => Some(scalar),
        Data::Map(_) => None,
    });
    first.is_none_or(|first| !first.text.contains('/') && !first.text.ends_with(".py"))
}
