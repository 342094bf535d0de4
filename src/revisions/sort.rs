//! Alembic's own topological sort, whose order is the order of `history`.

use super::{Graph, NotStatic};

/// Where the sort stands.
struct Sorting<'g> {
    graph: &'g Graph,
    todo: Vec<bool>,
    heads: Vec<usize>,
    /// What lies below each of the heads.
    below: Vec<Vec<bool>>,
    output: Vec<usize>,
    /// Which head goes on.
    turn: usize,
}

impl Graph {
    /// These revisions, newest first, from these heads.
    pub(super) fn sorted(&self, revisions: &[bool], heads: &[usize]) -> Result<Vec<usize>, NotStatic> {
        let mut heads: Vec<usize> = heads.iter().copied().filter(|at| revisions[*at]).collect();
        heads.sort_unstable();
        heads.dedup();
        let below = heads.iter().map(|at| self.reach(&[*at], |at| self.down(at))).collect();
        let mut sorting = Sorting { graph: self, todo: revisions.to_vec(), heads, below, output: Vec::new(), turn: 0 };
        while !sorting.heads.is_empty() {
            sorting.step();
        }
        match sorting.todo.contains(&true) {
            true => Err(NotStatic::because("not every revision is below the ends of the range")),
            false => Ok(sorting.output),
        }
    }
}

impl Sorting<'_> {
    fn step(&mut self) {
        let candidate = self.heads[self.turn];
        // Another head needs this one: that head goes first.
        let needed_by = |at: &usize| *at != self.turn && self.below[*at][candidate];
        if let Some(other) = (0..self.heads.len()).find(needed_by) {
            self.turn = other;
            return;
        }
        if std::mem::replace(&mut self.todo[candidate], false) {
            self.output.push(candidate);
        }
        let down = self.graph.down(candidate);
        let next: Vec<usize> = down.into_iter().filter(|at| self.todo[*at] && !self.heads.contains(at)).collect();
        let Some((first, others)) = next.split_first() else {
            self.heads.remove(self.turn);
            self.below.remove(self.turn);
            self.turn = self.turn.saturating_sub(1);
            return;
        };
        self.heads[self.turn] = *first;
        if self.graph.own_depends_on[candidate].is_empty() && self.graph.parents[candidate].len() == 1 {
            self.below[self.turn][candidate] = false;
            return;
        }
        self.below[self.turn] = self.below_of(*first);
        for other in others {
            self.heads.push(*other);
            self.below.push(self.below_of(*other));
        }
    }

    fn below_of(&self, at: usize) -> Vec<bool> {
        self.graph.reach(&[at], |at| self.graph.down(at))
    }
}
