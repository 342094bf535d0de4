//! Trees and YAML values.

use serde_yaml::{Mapping, Value};

use crate::settings::tree::{Data, Node, Scalar, Style, is_null};

pub(super) fn plain(text: &str) -> Value {
    Value::String(text.to_owned())
}

/// The value that a node stands for, aliases and `<<` followed.
pub(super) fn of_node(node: &Node) -> Value {
    match &node.data {
        Data::Scalar(scalar) => of_scalar(scalar),
        Data::List(items) => Value::Sequence(items.iter().map(|item| of_node(&item.node)).collect()),
        Data::Map(map) => {
            let entries = map.entries.iter().map(|entry| (plain(&entry.key), of_node(entry.node())));
            Value::Mapping(entries.collect::<Mapping>())
        }
    }
}

/// A scalar by YAML 1.2's rules; a number whose digits would be written otherwise stays text.
pub(super) fn of_scalar(scalar: &Scalar) -> Value {
    let text = scalar.text.as_str();
    if scalar.style != Style::Plain {
        return plain(text);
    }
    match text {
        _ if is_null(text) => Value::Null,
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ => match text.parse::<i64>() {
            Ok(number) if number.to_string() == text => Value::Number(number.into()),
            _ => plain(text),
        },
    }
}
