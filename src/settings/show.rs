//! The settings as written, merged, without their passwords.

use serde_yaml::{Mapping, Value};

use crate::error::{Error, Result};
use crate::settings::mask::{self, MASK, is_secret, is_variable};
use crate::settings::merge::merged;
use crate::settings::read::tree;
use crate::settings::source::Source;
use crate::settings::tree::{Data, Node};
use crate::settings::value::{of_scalar, plain};

pub(super) fn redacted(source: &Source) -> Result<Value> {
    let tree = tree(source)?.ok_or_else(|| Error::usage("the settings are empty"))?;
    let merged = merged(&tree).map_err(|trouble| source.error(trouble))?;
    let mut shown = masked(&merged);
    if let Value::Mapping(map) = &mut shown {
        map.shift_remove("defaults");
    }
    Ok(shown)
}

fn masked(node: &Node) -> Value {
    match &node.data {
        Data::Scalar(scalar) => match of_scalar(scalar) {
            Value::String(text) => Value::String(mask::urls(&text)),
            other => other,
        },
        Data::List(items) => Value::Sequence(items.iter().map(|item| masked(&item.node)).collect()),
        Data::Map(map) => {
            let entries = map.entries.iter().map(|entry| {
                let value = match entry.node().scalar() {
                    Some(scalar) if is_secret(&entry.key) && !is_variable(&scalar.text) => plain(MASK),
                    _ => masked(entry.node()),
                };
                (plain(&entry.key), value)
            });
            Value::Mapping(entries.collect::<Mapping>())
        }
    }
}
