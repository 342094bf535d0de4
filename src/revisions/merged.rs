//! The revisions that a merge will leave, and whether it makes a fork.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use super::git::Listing;
use super::{Graph, NotStatic, Revision, python};

/// The three sides of a merge.
pub struct Sides {
    pub base: Listing,
    pub ours: Listing,
    pub theirs: Listing,
}

/// What a merge will leave.
pub struct Merged {
    pub graph: Graph,
    /// The heads that our side, and that theirs has.
    pub ours: Vec<String>,
    pub theirs: Vec<String>,
}

/// Whose revisions.
#[derive(Debug, Clone, Copy)]
pub enum Side {
    Ours,
    Theirs,
}

/// Why there is no answer.
pub enum Unmerged {
    /// A side of its own is not readable without Python.
    NotStatic(Side, NotStatic),
    /// Both sides are whole, and what the merge leaves is not.
    Broken(NotStatic),
}

impl Sides {
    /// The names of all contents.
    pub fn names(&self) -> BTreeSet<&str> {
        [&self.base, &self.ours, &self.theirs].into_iter().flat_map(|side| side.values().map(String::as_str)).collect()
    }

    /// Merges file by file as git does, each by its path in the repository; where both sides changed a file, its revision is what one of them made of it.
    pub fn merge(&self, contents: &HashMap<String, Vec<u8>>) -> Result<Merged, Unmerged> {
        let read = |path: &str, name: &str| {
            let content = contents.get(name).map(Vec::as_slice).unwrap_or_default();
            python::revision(Path::new(path), content)
        };
        let whole = |name: Side, side: &Listing| {
            let all = side.iter().map(|(path, name)| read(path, name)).collect::<Result<Vec<_>, _>>();
            all.and_then(Graph::of).map_err(|why| Unmerged::NotStatic(name, why))
        };
        let (ours, theirs) = (whole(Side::Ours, &self.ours)?, whole(Side::Theirs, &self.theirs)?);
        let mut merged = Vec::new();
        for (path, one, other) in self.files() {
            let revision = match (read(&path, &one), other) {
                (Ok(revision), Some(other)) if self.is_as_before(&path, &revision, &read) => read(&path, &other),
                (revision, _) => revision,
            };
            // Each content is one of those that were read just now.
            merged.push(revision.map_err(Unmerged::Broken)?);
        }
        let graph = Graph::of(merged).map_err(Unmerged::Broken)?;
        Ok(Merged { graph, ours: ids(&ours), theirs: ids(&theirs) })
    }

    /// The paths after the merge.
    pub fn paths(&self) -> Vec<PathBuf> {
        self.files().into_iter().map(|(path, ..)| PathBuf::from(path)).collect()
    }

    /// Path and content of each file; a second content where both sides changed it.
    fn files(&self) -> Vec<(String, String, Option<String>)> {
        let paths: BTreeSet<&String> = self.ours.keys().chain(self.theirs.keys()).collect();
        let mut files = Vec::new();
        for path in paths {
            let sides = (self.base.get(path), self.ours.get(path), self.theirs.get(path));
            let taken = match sides {
                (base, ours, theirs) if ours == base => theirs.map(|name| (name, None)),
                (base, ours, theirs) if theirs == base || ours == theirs => ours.map(|name| (name, None)),
                (_, Some(ours), Some(theirs)) => Some((ours, Some(theirs.clone()))),
                // Changed here and taken away there: whoever merges decides, and most keep it; a file that was moved is read in its new place.
                (Some(base), Some(kept), None) => (!is_moved(&self.theirs, base)).then_some((kept, None)),
                (Some(base), None, Some(kept)) => (!is_moved(&self.ours, base)).then_some((kept, None)),
                _ => None,
            };
            files.extend(taken.map(|(name, other)| (path.clone(), name.clone(), other)));
        }
        files
    }

    /// Whether a file that both sides changed says of the graph what it said before.
    fn is_as_before(
        &self,
        path: &str,
        revision: &Revision,
        read: &dyn Fn(&str, &str) -> Result<Revision, NotStatic>,
    ) -> bool {
        let hangs = |revision: &Revision| {
            (revision.id.clone(), revision.parents.clone(), revision.labels.clone(), revision.depends_on.clone())
        };
        let before = self.base.get(path).and_then(|name| read(path, name).ok());
        before.is_some_and(|before| hangs(&before) == hangs(revision))
    }
}

fn is_moved(side: &Listing, content: &String) -> bool {
    side.values().any(|name| name == content)
}

fn ids(graph: &Graph) -> Vec<String> {
    graph.heads().iter().map(|revision| revision.id.clone()).collect()
}

impl Merged {
    pub fn heads(&self) -> Vec<String> {
        ids(&self.graph)
    }

    /// The heads that part only through the merge: one of each side and below both the same revision, or more heads than
    /// either side has.
    pub fn fork(&self) -> Vec<String> {
        let heads = self.heads();
        let of_one = |own: &[String], other: &[String]| -> Vec<String> {
            heads.iter().filter(|head| own.contains(head) && !other.contains(head)).cloned().collect()
        };
        let (ours, theirs) = (of_one(&self.ours, &self.theirs), of_one(&self.theirs, &self.ours));
        let more = heads.len() > self.ours.len().max(self.theirs.len());
        let apart = |one: &String, other: &String| more || self.graph.share_an_ancestor(one, other);
        let parting = |own: &[String], other: &[String]| -> Vec<String> {
            own.iter().filter(|one| other.iter().any(|other| apart(one, other))).cloned().collect()
        };
        [parting(&ours, &theirs), parting(&theirs, &ours)].concat()
    }
}

impl Graph {
    fn share_an_ancestor(&self, one: &str, other: &str) -> bool {
        let above = |id: &str| self.place(id).map(|at| self.reach(&[at], |at| self.parents[at].clone()));
        match (above(one), above(other)) {
            (Some(one), Some(other)) => one.iter().zip(&other).any(|(one, other)| *one && *other),
            _ => false,
        }
    }
}
