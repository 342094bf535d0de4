//! Branch labels, handed on as Alembic does: to all descendants, and back to where the branch began.

use std::collections::BTreeSet;

use super::Graph;

/// The labels of each revision.
pub(super) fn of(graph: &Graph) -> Vec<BTreeSet<String>> {
    let mut labels: Vec<BTreeSet<String>> =
        graph.revisions.iter().map(|revision| revision.labels.iter().cloned().collect()).collect();
    for at in (0..labels.len()).filter(|at| !graph.revisions[*at].labels.is_empty()) {
        let own = labels[at].clone();
        let descendants = descendants(graph, at);
        let last = descendants.last().copied();
        for descendant in descendants {
            labels[descendant].extend(own.iter().cloned());
        }
        let mut parent = last;
        while let Some(at) = parent.filter(|at| graph.all_next[*at].len() < 2 && graph.parents[*at].len() < 2) {
            labels[at].extend(own.iter().cloned());
            parent = graph.parents[at].first().copied();
        }
    }
    labels
}

/// The revision and all that follow, in the order of Alembic's walk.
fn descendants(graph: &Graph, at: usize) -> Vec<usize> {
    let mut seen = vec![false; graph.revisions.len()];
    let (mut todo, mut found) = (vec![at], Vec::new());
    while let Some(at) = todo.pop() {
        if !std::mem::replace(&mut seen[at], true) {
            found.push(at);
            todo.extend(&graph.next[at]);
        }
    }
    found
}
