//! The revisions of a project, from its files or else from its Alembic.

use std::collections::HashMap;

use serde_json::Map;

use crate::alembic::Step;
use crate::commands::Scope;
use crate::commands::live::Live;
use crate::commands::planning::Wishes;
use crate::commands::scope::{Chosen, Needs};
use crate::error::Result;
use crate::revisions::{Chain, Link};
use crate::settings::VersionsEntry;

/// The revisions that were read; databases of one project share theirs.
#[derive(Default)]
pub struct Graphs {
    read: HashMap<(String, Vec<VersionsEntry>), Result<Chain>>,
}

impl Graphs {
    /// The revisions of a target, read when they are first asked for.
    pub fn of(&mut self, scope: &Scope<'_>, target: &Chosen<'_>) -> Result<&Chain> {
        let kind = target.database_or_first().map_or(crate::settings::Kind::Sqlite, |database| database.kind);
        let key = (target.project.name.clone(), target.project.versions_for(kind));
        let read = self.read.entry(key).or_insert_with(|| match scope.graph(target)? {
            Ok(graph) => Ok(Chain::from(&graph)),
            Err(_) => ask(scope, target),
        });
        read.as_ref().map_err(Clone::clone)
    }
}

/// Asks the project's Alembic.
fn ask(scope: &Scope<'_>, target: &Chosen<'_>) -> Result<Chain> {
    // From the second one on there is a warm interpreter.
    scope.common.warm.expect(std::iter::once(target.project.name.clone()));
    let mut revisions = Vec::new();
    for answer in question(scope, target, Needs::Files, "graph")? {
        revisions.extend(serde_json::from_value::<Link>(answer).ok());
    }
    revisions.reverse();
    Ok(Chain::of(revisions))
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
