//! `defaults` merged under every project, and a project's shared keys under its databases: trees, so that places stay.

use std::rc::Rc;

use crate::settings::source::Trouble;
use crate::settings::tree::{Data, Entry, Item, Map, Node};
use crate::settings::written::SHARED;

/// What all merging together may give: a small file must not become a large one.
const MOST: usize = 400_000;

/// The root with everything merged.
pub(super) fn merged(root: &Rc<Node>) -> Result<Rc<Node>, Trouble> {
    let Some(map) = root.map() else {
        return Ok(Rc::clone(root));
    };
    let defaults = map.get("defaults").map(|entry| Rc::clone(&entry.item.node));
    if let Some(wrong) = defaults.as_ref().and_then(|defaults| defaults.get("db")) {
        return Err(
            Trouble::new(wrong.key_span, "`db` cannot stand in `defaults`").help("databases stand in their project")
        );
    }
    let mut weight = 0;
    let mut entries = map.entries.clone();
    for entry in entries.iter_mut().filter(|entry| *entry.key == *"projects") {
        let Some(projects) = entry.node().map() else { continue };
        let mut done = Vec::with_capacity(projects.entries.len());
        for project in &projects.entries {
            let node = project_node(defaults.as_ref(), &project.item.node);
            weight += node.weight;
            if weight > MOST {
                let what = "the settings are too large once `defaults` are merged into every project";
                return Err(Trouble::new(project.key_span, what));
            }
            done.push(Entry { item: Item { node, alias: project.item.alias }, ..project.clone() });
        }
        entry.item = Item { node: Rc::new(Node::map_of(entry.node().span, done)), alias: entry.item.alias };
    }
    Ok(Rc::new(Node::map_of(root.span, entries)))
}

fn project_node(defaults: Option<&Rc<Node>>, project: &Rc<Node>) -> Rc<Node> {
    let node = match defaults {
        Some(defaults) => under(defaults, project),
        None => Rc::clone(project),
    };
    let Some(map) = node.map() else { return node };
    let shared: Vec<Entry> = map.entries.iter().filter(|entry| SHARED.contains(&&*entry.key)).cloned().collect();
    if shared.is_empty() || map.get("db").is_none_or(|db| db.node().map().is_none()) {
        return node;
    }
    let shared = Rc::new(Node::map_of(node.span, shared));
    let entries = map.entries.iter().map(|entry| match &*entry.key {
        "db" => with_shared(&shared, entry),
        _ => entry.clone(),
    });
    Rc::new(Node::map_of(node.span, entries.collect()))
}

fn with_shared(shared: &Rc<Node>, db: &Entry) -> Entry {
    let databases = db.node().map().map(|map| map.entries.as_slice()).unwrap_or_default();
    let entries = databases.iter().map(|database| {
        let node = under(shared, &database.item.node);
        Entry { item: Item { node, alias: database.item.alias }, ..database.clone() }
    });
    let node = Rc::new(Node::map_of(db.node().span, entries.collect()));
    Entry { item: Item { node, alias: db.item.alias }, ..db.clone() }
}

/// `own` with what it does not say taken from `lower`; maps merge, anything else replaces.
fn under(lower: &Rc<Node>, own: &Rc<Node>) -> Rc<Node> {
    let (Some(below), Some(map)) = (lower.map(), entries_of(own)) else {
        return Rc::clone(own);
    };
    let mut entries: Vec<Entry> = Vec::with_capacity(map.len() + below.entries.len());
    for entry in map {
        entries.push(match below.get(&entry.key) {
            Some(low) if low.node().map().is_some() && entry.node().map().is_some() => {
                let node = under(&low.item.node, &entry.item.node);
                Entry { item: Item { node, alias: entry.item.alias }, ..entry.clone() }
            }
            _ => entry.clone(),
        });
    }
    let known: std::collections::HashSet<&str> = map.iter().map(|entry| &*entry.key).collect();
    let new = below.entries.iter().filter(|entry| !known.contains(&*entry.key));
    entries.extend(new.map(|entry| Entry { inherited: true, ..entry.clone() }));
    Rc::new(Node::new(own.span, Data::Map(Map { entries, ..Map::default() })))
}

/// The entries of a map; a key with nothing after it is an empty map.
fn entries_of(node: &Node) -> Option<&[Entry]> {
    match node.map() {
        Some(map) => Some(&map.entries),
        None => node.is_null().then_some(&[]),
    }
}
