//! How revisions hang together, as Alembic's `RevisionMap` works it out.

use std::collections::{BTreeSet, HashMap};

use super::{NotStatic, Revision, labels};

/// The revisions of a project, each known by its place in the order in which Alembic reads them.
///
/// Where Alembic keeps a set, whose order varies with Python's hash seed, this keeps that order.
#[derive(Debug)]
pub struct Graph {
    pub(super) revisions: Vec<Revision>,
    /// Ids and branch labels.
    pub(super) names: HashMap<String, usize>,
    /// All branch labels, as names.
    pub(super) label_names: Vec<String>,
    pub(super) parents: Vec<Vec<usize>>,
    /// `depends_on` as revisions.
    pub(super) depends_on: Vec<Vec<usize>>,
    /// The same without what a parent's chain depends on already.
    pub(super) own_depends_on: Vec<Vec<usize>>,
    /// Revisions whose parent this is.
    pub(super) next: Vec<Vec<usize>>,
    /// The same, and those that depend on it.
    pub(super) all_next: Vec<Vec<usize>>,
    /// The labels of the branch.
    pub(super) labels: Vec<BTreeSet<String>>,
}

impl Graph {
    /// Joins the revisions; an error where Alembic would warn, refuse, or answer by chance.
    pub fn of(revisions: Vec<Revision>) -> Result<Self, NotStatic> {
        let mut names = HashMap::with_capacity(revisions.len());
        for (at, revision) in revisions.iter().enumerate() {
            check_name(&revision.id, "@-+:")?;
            if names.insert(revision.id.clone(), at).is_some() {
                return Err(NotStatic::because(format!("revision {} is there twice", revision.id)));
            }
        }
        let parents = parents(&revisions, &names)?;
        let mut label_names = Vec::new();
        for (at, revision) in revisions.iter().enumerate() {
            for label in &revision.labels {
                check_name(label, "")?;
                label_names.push(label.clone());
                if names.insert(label.clone(), at).is_some() {
                    return Err(NotStatic::because(format!("branch label {label} is there twice")));
                }
            }
        }
        let depends_on = depends_on(&revisions, &names)?;
        let count = revisions.len();
        let mut graph = Self {
            revisions,
            names,
            label_names,
            parents,
            depends_on,
            own_depends_on: vec![Vec::new(); count],
            next: vec![Vec::new(); count],
            all_next: vec![Vec::new(); count],
            labels: Vec::new(),
        };
        graph.join();
        graph.demand_no_cycle()?;
        graph.own_depends_on = (0..count).map(|at| graph.without_inherited(at)).collect();
        graph.labels = labels::of(&graph);
        Ok(graph)
    }

    /// The revisions that are nobody's parent: what `heads` lists.
    pub fn heads(&self) -> Vec<&Revision> {
        self.revisions_at(&self.head_places())
    }

    pub(super) fn revisions_at(&self, places: &[usize]) -> Vec<&Revision> {
        places.iter().map(|at| &self.revisions[*at]).collect()
    }

    pub(super) fn place(&self, id: &str) -> Option<usize> {
        self.names.get(id).copied().filter(|at| self.revisions[*at].id == id)
    }

    pub(super) fn head_places(&self) -> Vec<usize> {
        (0..self.revisions.len()).filter(|at| self.next[*at].is_empty()).collect()
    }

    pub(super) fn real_heads(&self) -> Vec<usize> {
        (0..self.revisions.len()).filter(|at| self.all_next[*at].is_empty()).collect()
    }

    pub(super) fn base_places(&self) -> Vec<usize> {
        (0..self.revisions.len()).filter(|at| self.parents[*at].is_empty()).collect()
    }

    /// Parents, then own dependencies: Alembic's `_normalized_down_revisions`.
    pub(super) fn down(&self, at: usize) -> Vec<usize> {
        let mut all = self.parents[at].clone();
        all.extend(self.own_depends_on[at].iter().filter(|down| !self.parents[at].contains(down)));
        all
    }

    /// These revisions and all that `step` leads to.
    pub(super) fn reach(&self, from: &[usize], step: impl Fn(usize) -> Vec<usize>) -> Vec<bool> {
        let mut reached = vec![false; self.revisions.len()];
        let mut todo = from.to_vec();
        while let Some(at) = todo.pop() {
            if !std::mem::replace(&mut reached[at], true) {
                todo.extend(step(at));
            }
        }
        reached
    }

    fn join(&mut self) {
        for at in 0..self.revisions.len() {
            for down in self.parents[at].iter().chain(&self.depends_on[at]) {
                if !self.all_next[*down].contains(&at) {
                    self.all_next[*down].push(at);
                }
            }
            for down in &self.parents[at] {
                self.next[*down].push(at);
            }
        }
    }

    /// Takes away what has no parents left, again and again: what stays is a circle.
    fn demand_no_cycle(&self) -> Result<(), NotStatic> {
        let wait = |at: usize| {
            let needs: BTreeSet<_> = self.parents[at].iter().chain(&self.depends_on[at]).collect();
            needs.len()
        };
        let mut waits: Vec<usize> = (0..self.revisions.len()).map(wait).collect();
        let mut free: Vec<usize> = (0..waits.len()).filter(|at| waits[*at] == 0).collect();
        let mut seen = 0;
        while let Some(at) = free.pop() {
            seen += 1;
            for next in &self.all_next[at] {
                waits[*next] -= 1;
                if waits[*next] == 0 {
                    free.push(*next);
                }
            }
        }
        if seen == self.revisions.len() { Ok(()) } else { Err(NotStatic::because("the revisions go in a circle")) }
    }

    fn without_inherited(&self, at: usize) -> Vec<usize> {
        if self.depends_on[at].is_empty() {
            return Vec::new();
        }
        let mut above = self.reach(&self.parents[at], |at| self.parents[at].clone());
        above[at] = false;
        let inherited: BTreeSet<usize> =
            (0..above.len()).filter(|at| above[*at]).flat_map(|at| self.depends_on[at].clone()).collect();
        self.depends_on[at].iter().copied().filter(|at| !inherited.contains(at)).collect()
    }
}

/// Names with a meaning of their own, or that cannot be printed and found again.
fn check_name(name: &str, forbidden: &str) -> Result<(), NotStatic> {
    let special = ["", "head", "heads", "base", "current"].contains(&name);
    if special || name.contains(|c: char| c.is_control() || forbidden.contains(c)) {
        return Err(NotStatic::because(format!("`{}` is no plain name", name.escape_debug())));
    }
    Ok(())
}

fn parents(revisions: &[Revision], names: &HashMap<String, usize>) -> Result<Vec<Vec<usize>>, NotStatic> {
    let of = |revision: &Revision| {
        let mut places = Vec::new();
        for parent in &revision.parents {
            let Some(at) = names.get(parent) else {
                return Err(NotStatic::because(format!("{parent}, the parent of {}, is not there", revision.id)));
            };
            if places.contains(at) {
                return Err(NotStatic::because(format!("{} has one parent twice", revision.id)));
            }
            places.push(*at);
        }
        Ok(places)
    };
    revisions.iter().map(of).collect()
}

fn depends_on(revisions: &[Revision], names: &HashMap<String, usize>) -> Result<Vec<Vec<usize>>, NotStatic> {
    let of = |revision: &Revision| {
        let mut places = Vec::new();
        for name in &revision.depends_on {
            match names.get(name) {
                Some(at) if places.contains(at) => {}
                Some(at) => places.push(*at),
                None => return Err(NotStatic::because(format!("{name}, which {} needs, is not there", revision.id))),
            }
        }
        Ok(places)
    };
    revisions.iter().map(of).collect()
}
