//! What a database has of a graph, and what it has not.
#![expect(dead_code, reason = "what `status` asks")]

use super::{Graph, Revision};

impl Graph {
    /// All revisions, oldest first: parents and dependencies before what needs them.
    pub fn in_order(&self) -> Vec<&Revision> {
        self.revisions_at(&self.oldest_first())
    }

    /// The revisions that a database at these revisions (the rows of its version table) has not, in the order of
    /// [`Graph::in_order`]. Rows that [`Graph::knows`] nothing of count for nothing.
    pub fn pending(&self, current: &[String]) -> Vec<&Revision> {
        let current = current.iter().filter_map(|id| self.place(id)).collect::<Vec<_>>();
        let applied = self.reach(&current, |at| self.down(at));
        let missing: Vec<usize> = self.oldest_first().into_iter().filter(|at| !applied[*at]).collect();
        self.revisions_at(&missing)
    }

    /// What has to be applied before a revision: its parents, and what it depends on.
    pub fn needs(&self, id: &str) -> Vec<&str> {
        let down = self.place(id).map(|at| self.down(at)).unwrap_or_default();
        down.into_iter().map(|at| self.revisions[at].id.as_str()).collect()
    }

    /// Whether a revision has this id, written out.
    pub fn knows(&self, id: &str) -> bool {
        self.place(id).is_some()
    }

    /// The revision of this id, written out.
    pub fn get(&self, id: &str) -> Option<&Revision> {
        self.place(id).map(|at| &self.revisions[at])
    }

    /// The revisions that are nobody's parent: what `heads` lists.
    pub fn heads(&self) -> Vec<&Revision> {
        self.revisions_at(&self.head_places())
    }

    /// The heads that no other revision depends on either: the rows of the version table after `upgrade heads`.
    pub fn effective_heads(&self) -> Vec<&Revision> {
        self.revisions_at(&self.real_heads())
    }

    /// The revisions without a parent.
    pub fn bases(&self) -> Vec<&Revision> {
        self.revisions_at(&self.base_places())
    }

    /// The labels of the branch that a revision is on, sorted.
    pub fn labels(&self, id: &str) -> Vec<&str> {
        self.place(id).map(|at| self.labels[at].iter().map(String::as_str).collect()).unwrap_or_default()
    }

    fn oldest_first(&self) -> Vec<usize> {
        // Without a circle every revision is reached from the heads, so that nothing is left over.
        let mut sorted = self.sorted(&vec![true; self.revisions.len()], &self.real_heads()).unwrap_or_default();
        sorted.reverse();
        sorted
    }
}
