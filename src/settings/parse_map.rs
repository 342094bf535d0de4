//! A map's keys: none twice, and what `<<` brings.

use std::collections::HashSet;
use std::rc::Rc;

use crate::settings::parse::{Result, cut};
use crate::settings::source::Trouble;
use crate::settings::tree::{Data, Entry, Map};

/// The map with its `<<` applied; a key written twice is an error.
pub(super) fn map(entries: Vec<Entry>, flow: bool) -> Result<Map> {
    duplicate(&entries)?;
    let (merges, mut entries): (Vec<Entry>, Vec<Entry>) = entries.into_iter().partition(|entry| *entry.key == *"<<");
    let Some(merge) = merges.first() else {
        return Ok(Map { entries, flow, merges });
    };
    let mut known: HashSet<Rc<str>> = entries.iter().map(|entry| Rc::clone(&entry.key)).collect();
    for part in merged_parts(merge)? {
        for entry in &part.entries {
            if known.insert(Rc::clone(&entry.key)) {
                entries.push(Entry { inherited: true, ..entry.clone() });
            }
        }
    }
    Ok(Map { entries, flow, merges })
}

fn merged_parts(merge: &Entry) -> Result<Vec<&Map>> {
    let wrong = || Trouble::new(merge.item.span(), "`<<` takes a map or a list of maps");
    match &merge.node().data {
        Data::Map(map) => Ok(vec![map]),
        Data::List(items) => items.iter().map(|item| item.node.map().ok_or_else(wrong)).collect(),
        Data::Scalar(_) => Err(wrong()),
    }
}

fn duplicate(entries: &[Entry]) -> Result<()> {
    let twice = |(at, entry): (usize, &Entry)| entries[..at].iter().any(|other| other.key == entry.key);
    if entries.len() <= 8 && !entries.iter().enumerate().any(twice) {
        return Ok(());
    }
    let mut order: Vec<&Entry> = entries.iter().collect();
    order.sort_by(|a, b| a.key.cmp(&b.key));
    let twice = order.windows(2).filter(|pair| pair[0].key == pair[1].key).min_by_key(|pair| pair[1].key_span.start);
    match twice {
        None => Ok(()),
        Some(pair) => Err(Trouble::new(pair[1].key_span, format!("duplicate key `{}`", cut(&pair[1].key)))
            .help("keep one of the two")
            .also(pair[0].key_span, "first here")),
    }
}
