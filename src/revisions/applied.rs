//! What a database has of the revisions, and what it has not.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use serde::Deserialize;

use super::Graph;

/// The revisions of one project, from wherever they were read.
#[derive(Debug, Default)]
pub struct Chain {
    /// Oldest first.
    pub revisions: Vec<Link>,
    pub heads: Vec<String>,
}

/// One revision.
#[derive(Debug, Deserialize)]
pub struct Link {
    pub revision: String,
    /// What has to be applied before it: `down_revision` and `depends_on`.
    pub parents: Vec<String>,
    pub message: Option<String>,
    pub is_head: bool,
    /// Its file.
    #[serde(default)]
    pub path: Option<PathBuf>,
}

impl From<&Graph> for Chain {
    fn from(graph: &Graph) -> Self {
        let heads = graph.head_places();
        let id = |at: usize| graph.revisions[at].id.clone();
        // Without a circle every revision is reached from the heads, so that nothing is left over.
        let all = vec![true; graph.revisions.len()];
        let newest_first = graph.sorted(&all, &graph.real_heads()).unwrap_or_default();
        let link = |at: usize| Link {
            revision: id(at),
            parents: graph.down(at).into_iter().map(id).collect(),
            message: Some(graph.revisions[at].message.clone()),
            is_head: heads.contains(&at),
            path: Some(graph.revisions[at].path.clone()),
        };
        Self::of(newest_first.into_iter().rev().map(link).collect())
    }
}

impl Chain {
    /// Of revisions, oldest first.
    pub fn of(revisions: Vec<Link>) -> Self {
        let heads = revisions.iter().filter(|link| link.is_head).map(|link| link.revision.clone());
        let mut heads: Vec<String> = heads.collect();
        heads.sort();
        Self { revisions, heads }
    }

    /// The revisions that a database holds whose version table has these rows: they and all before them.
    pub fn held(&self, rows: &[String]) -> HashSet<&str> {
        let known: HashMap<&str, &Link> = self.revisions.iter().map(|link| (link.revision.as_str(), link)).collect();
        let mut held = HashSet::new();
        let mut next: Vec<&str> = rows.iter().map(String::as_str).collect();
        while let Some(id) = next.pop() {
            if let Some(link) = known.get(id)
                && held.insert(link.revision.as_str())
            {
                next.extend(link.parents.iter().map(String::as_str));
            }
        }
        held
    }

    /// The rows of a version table that no file tells of.
    pub fn unknown(&self, rows: &[String]) -> Vec<String> {
        let is_known = |row: &&String| self.revisions.iter().any(|link| link.revision == **row);
        rows.iter().filter(|row| !is_known(row)).cloned().collect()
    }
}
