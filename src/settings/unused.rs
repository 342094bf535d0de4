//! Keys that are checked and do nothing yet.

use crate::settings::read::entries;
use crate::settings::source::Span;
use crate::settings::tree::{Entry, Node};

/// A key that does nothing yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unused {
    /// The dotted path of the key.
    pub path: String,
    pub span: Span,
}

const LATER: [&str; 2] = ["lint", "policy"];

/// The keys of later work that are set, in the order of the file.
pub(super) fn collect(tree: &Node) -> Vec<Unused> {
    let mut found = Vec::new();
    let mut add = |place: String, keys: &[Entry]| {
        for key in keys.iter().filter(|key| !key.inherited && is_later(key)) {
            found.push(Unused { path: format!("{place}.{}", key.key), span: key.key_span });
        }
    };
    add("defaults".to_owned(), entries(tree, &["defaults"]));
    for database in entries(tree, &["development", "db"]) {
        add(format!("development.db.{}", database.key), entries(database.node(), &[]));
    }
    for project in entries(tree, &["projects"]) {
        add(format!("projects.{}", project.key), entries(project.node(), &[]));
        for database in entries(project.node(), &["db"]) {
            add(format!("projects.{}.db.{}", project.key, database.key), entries(database.node(), &[]));
        }
    }
    found.sort_by_key(|key| key.span.start);
    found
}

fn is_later(key: &Entry) -> bool {
    LATER.contains(&&*key.key)
}
