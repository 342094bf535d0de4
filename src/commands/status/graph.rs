//! The revisions of a project, and which of them a database holds.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;
use serde_json::Map;

use crate::alembic::Step;
use crate::commands::Scope;
use crate::commands::live::Live;
use crate::commands::planning::Wishes;
use crate::commands::scope::{Chosen, Needs};
use crate::error::Result;
use crate::revisions;
use crate::settings::VersionsEntry;

/// The revisions of one project.
#[derive(Debug, Default)]
pub struct Graph {
    /// Oldest first.
    pub revisions: Vec<Revision>,
    pub heads: Vec<String>,
}

/// One revision.
#[derive(Debug, Deserialize)]
pub struct Revision {
    pub revision: String,
    /// What has to be applied before it: `down_revision` and `depends_on`.
    pub parents: Vec<String>,
    pub message: Option<String>,
    pub is_head: bool,
}

/// The graphs that were read; databases of one project share theirs.
#[derive(Default)]
pub struct Graphs {
    read: HashMap<(String, Vec<VersionsEntry>), Result<Graph>>,
}

impl Graphs {
    /// The graph of a target's revisions, read when it is first asked for.
    pub fn of(&mut self, scope: &Scope<'_>, target: &Chosen<'_>) -> Result<&Graph> {
        let kind = target.database_or_first().map_or(crate::settings::Kind::Sqlite, |database| database.kind);
        let key = (target.project.name.clone(), target.project.versions_for(kind));
        let read = self.read.entry(key).or_insert_with(|| match scope.graph(target)? {
            Ok(graph) => Ok(Graph::of(&graph)),
            Err(_) => ask(scope, target),
        });
        read.as_ref().map_err(Clone::clone)
    }
}

/// Asks the project's Alembic.
fn ask(scope: &Scope<'_>, target: &Chosen<'_>) -> Result<Graph> {
    let mut revisions = Vec::new();
    for answer in question(scope, target, Needs::Files, "graph")? {
        revisions.extend(serde_json::from_value::<Revision>(answer).ok());
    }
    revisions.reverse();
    let heads = revisions.iter().filter(|revision| revision.is_head).map(|revision| revision.revision.clone());
    let mut heads: Vec<String> = heads.collect();
    heads.sort();
    Ok(Graph { heads, revisions })
}

/// A question of ours to the project's Python: a list.
pub fn question(
    scope: &Scope<'_>,
    target: &Chosen<'_>,
    needs: Needs,
    question: &'static str,
) -> Result<Vec<serde_json::Value>> {
    let step = Step::Graph { question, arguments: Map::new() };
    let mut plan = scope.plan(target, needs, vec![step], Wishes::default())?;
    plan.verbose = false;
    let mut live = Live::keeping(scope.out, &plan.target);
    let told = scope.run(&plan, &mut live)?.good()?.told;
    let answer = told.results.into_iter().next().and_then(|value| value.as_array().cloned());
    Ok(answer.unwrap_or_default())
}

impl Graph {
    /// As it stands in the files.
    fn of(graph: &revisions::Graph) -> Self {
        let heads: HashSet<&str> = graph.heads().iter().map(|head| head.id.as_str()).collect();
        let revisions = graph.in_order().into_iter().map(|revision| Revision {
            revision: revision.id.clone(),
            parents: graph.needs(&revision.id).into_iter().map(str::to_owned).collect(),
            message: Some(revision.message.clone()),
            is_head: heads.contains(revision.id.as_str()),
        });
        let revisions: Vec<Revision> = revisions.collect();
        let mut heads: Vec<String> = heads.into_iter().map(str::to_owned).collect();
        heads.sort();
        Self { revisions, heads }
    }

    /// The revisions that a database holds whose version table has these rows: they and all before them.
    pub fn held(&self, rows: &[String]) -> HashSet<&str> {
        let known: HashMap<&str, &Revision> =
            self.revisions.iter().map(|revision| (revision.revision.as_str(), revision)).collect();
        let mut held = HashSet::new();
        let mut next: Vec<&str> = rows.iter().map(String::as_str).collect();
        while let Some(id) = next.pop() {
            if let Some(revision) = known.get(id)
                && held.insert(revision.revision.as_str())
            {
                next.extend(revision.parents.iter().map(String::as_str));
            }
        }
        held
    }

    /// The rows of a version table that no file tells of.
    pub fn unknown(&self, rows: &[String]) -> Vec<String> {
        let is_known = |row: &&String| self.revisions.iter().any(|revision| revision.revision == **row);
        rows.iter().filter(|row| !is_known(row)).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(revisions: &[(&str, &[&str])]) -> Graph {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let revisions = revisions.iter().map(|(id, parents)| Revision {
            revision: (*id).to_owned(),
            parents: owned(parents),
            message: None,
            is_head: false,
        });
        Graph { revisions: revisions.collect(), heads: Vec::new() }
    }

    #[test]
    fn a_database_holds_its_rows_and_all_before_them() {
        let graph = graph(&[("a", &[]), ("b", &["a"]), ("c", &["a"]), ("m", &["b", "c"]), ("d", &["c"])]);
        let held = |rows: &[&str]| {
            let rows: Vec<String> = rows.iter().map(|row| (*row).to_owned()).collect();
            let mut held: Vec<&str> = graph.held(&rows).into_iter().collect();
            held.sort_unstable();
            held.join(" ")
        };
        assert_eq!(held(&[]), "");
        assert_eq!(held(&["m"]), "a b c m");
        assert_eq!(held(&["b", "d"]), "a b c d");
        assert_eq!(held(&["d", "gone"]), "a c d");
        assert_eq!(graph.unknown(&["d".into(), "gone".into()]), ["gone"]);
    }
}
