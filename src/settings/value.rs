//! Trees and YAML values.

use serde_yaml::{Mapping, Value};

use crate::error::Error;
use crate::settings::cut::Cut;
use crate::settings::parse::parse;
use crate::settings::source::Source;
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
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => number(text).unwrap_or_else(|| plain(text)),
    }
}

fn number(text: &str) -> Option<Value> {
    if let Some(number) = text.parse::<i64>().ok().filter(|number| number.to_string() == text) {
        return Some(Value::Number(number.into()));
    }
    let number = text.parse::<f64>().ok().filter(|number| number.to_string() == text && number.is_finite())?;
    Some(Value::Number(number.into()))
}

/// A value as somebody types it on a command line: a YAML scalar, or a list or map in one line; else text.
pub(super) fn typed(text: &str) -> Result<Value, Error> {
    let source = Source::new("VALUE", text, false);
    match parse(&Cut::none(text)) {
        Ok(Some(node)) if is_whole(&node, text.trim()) => Ok(of_node(&node)),
        Err(trouble) if text.trim_start().starts_with(['[', '{']) => {
            Err(source.error(trouble.help(format!("if you mean the text, put it in quotes: {}", plain_quoted(text)))))
        }
        _ => Ok(plain(text)),
    }
}

fn plain_quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

/// Not a block, and nothing of the text is a comment, an anchor, or the like.
fn is_whole(node: &Node, text: &str) -> bool {
    let flow = match &node.data {
        Data::Scalar(_) => true,
        Data::List(_) => text.starts_with('['),
        Data::Map(_) => text.starts_with('{'),
    };
    flow && !text.contains('\n') && node.span.end - node.span.start == text.len()
}

/// The value in one line.
pub(super) fn in_one_line(value: &Value, in_flow: bool) -> String {
    match value {
        Value::Mapping(map) if map.is_empty() => "{}".to_owned(),
        Value::Mapping(map) => {
            let pairs = map.iter().map(|(key, value)| pair(key.as_str().unwrap_or_default(), value));
            format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
        }
        Value::Sequence(list) => {
            let items: Vec<String> = list.iter().map(|item| in_one_line(item, true)).collect();
            format!("[{}]", items.join(", "))
        }
        other => scalar(other, in_flow),
    }
}

/// `key: value` inside braces.
pub(super) fn pair(key: &str, value: &Value) -> String {
    format!("{}: {}", scalar(&plain(key), true), in_one_line(value, true))
}

/// `key: value`, a map as lines below its key, each line with this indentation and without an end.
pub(super) fn in_lines(key: &str, value: &Value, indent: usize, step: usize, lines: &mut Vec<String>) {
    let blank = " ".repeat(indent);
    let key = scalar(&plain(key), false);
    match value {
        Value::Mapping(map) if !map.is_empty() => {
            lines.push(format!("{blank}{key}:"));
            for (key, value) in map {
                in_lines(key.as_str().unwrap_or_default(), value, indent + step, step, lines);
            }
        }
        other => lines.push(format!("{blank}{key}: {}", in_one_line(other, false))),
    }
}

/// A scalar, quoted where YAML needs it.
fn scalar(value: &Value, in_flow: bool) -> String {
    let written = serde_yaml::to_string(value).unwrap_or_default();
    let written = written.trim_end_matches('\n');
    let Value::String(text) = value else {
        return written.to_owned();
    };
    let bare = !written.starts_with(['"', '\'']);
    let not_for_flow = bare && in_flow && text.contains([',', '[', ']', '{', '}']);
    let reads_back = || parse(&Cut::none(written)).is_ok_and(|node| node.is_some_and(|node| of_node(&node) == *value));
    if not_for_flow || written.contains('\n') || written.starts_with(['|', '>']) || !reads_back() {
        return plain_quoted(text);
    }
    written.to_owned()
}
