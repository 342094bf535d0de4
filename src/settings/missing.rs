//! Variables that are set nowhere: remembered with their place, an error only where they are needed.

use indexmap::IndexMap;

use crate::settings::read::entries;
use crate::settings::source::{Span, Trouble};
use crate::settings::tree::{Entry, Node};
use crate::settings::variables::{Unexpanded, Variables};

/// The missing variables of each project (without its databases), database, and development server.
#[derive(Debug, Default)]
pub(super) struct Missing {
    /// By `project`, `project.database`, `development.database`.
    found: IndexMap<String, Vec<Trouble>>,
}

impl Missing {
    /// The first variable that this part lacks.
    pub fn first(&self, part: &str) -> Option<&Trouble> {
        self.found.get(part).and_then(|troubles| troubles.first())
    }
}

pub(super) fn collect(merged: &Node, variables: &Variables) -> Missing {
    let mut found = IndexMap::new();
    let mut add = |part: String, entry: &Entry, skip_databases: bool| {
        let mut troubles = Vec::new();
        let mut look = |node: &Node| {
            node.scalars(&mut |scalar, span| {
                if let Err(Unexpanded::Missing(name)) = variables.expand(&scalar.text) {
                    troubles.push(trouble(&name, span));
                }
            });
        };
        match entry.node().map() {
            Some(map) => {
                let parts = map.entries.iter().filter(|part| !(skip_databases && *part.key == *"db"));
                parts.for_each(|part| look(part.node()));
            }
            None => look(entry.node()),
        }
        if !troubles.is_empty() {
            found.insert(part, troubles);
        }
    };
    for project in entries(merged, &["projects"]) {
        add(project.key.to_string(), project, true);
        for database in entries(project.node(), &["db"]) {
            add(format!("{}.{}", project.key, database.key), database, false);
        }
    }
    for database in entries(merged, &["development", "db"]) {
        add(format!("development.{}", database.key), database, false);
    }
    Missing { found }
}

pub(super) fn trouble(name: &str, span: Span) -> Trouble {
    Trouble::new(span, format!("the variable {name} is not set"))
        .help(format!("set it in the environment or in .env beside the settings, or write `${{{name}:-default}}`"))
}
