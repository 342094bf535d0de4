//! Changing one place of the text: only the lines that must change do.

use serde_yaml::{Mapping, Value};

use crate::settings::layout::Layout;
use crate::settings::source::{Source, Span, Trouble};
use crate::settings::tree::{Data, Entry, Map, Node, Style};
use crate::settings::value::{in_lines, in_one_line, pair, plain};

/// The new text, or why it is for a person to write.
type Changed = Result<String, Trouble>;

/// The text with `value` under `path`; maps on the way are made.
pub(super) fn set(source: &Source, root: &Node, path: &[String], value: &Value) -> Changed {
    let layout = Layout::new(source, root);
    let mut place = Place { node: root, entry: None, in_flow: is_flow(root) };
    for (depth, key) in path.iter().enumerate() {
        let rest = &path[depth + 1..];
        let Some(map) = place.node.map() else {
            return insert_into_nothing(&layout, &place, key, &nested(rest, value));
        };
        let Some(entry) = map.get(key).filter(|entry| !entry.inherited) else {
            return insert(&layout, &place, map, key, &nested(rest, value));
        };
        if rest.is_empty() {
            return replace(&layout, entry, value, place.in_flow);
        }
        place = place.enter(entry)?;
    }
    Err(Trouble::new(root.span, "an empty path names nothing"))
}

/// The text without what stands under `path`.
pub(super) fn remove(source: &Source, root: &Node, path: &[String]) -> Changed {
    let layout = Layout::new(source, root);
    let mut place = Place { node: root, entry: None, in_flow: is_flow(root) };
    for (depth, key) in path.iter().enumerate() {
        let Some((map, entry)) = place.node.map().and_then(|map| Some((map, map.get(key)?))) else {
            break;
        };
        if entry.inherited {
            return Err(Trouble::new(entry.key_span, format!("`{key}` comes from another place, through `<<`")));
        }
        if depth + 1 == path.len() {
            return remove_entry(&layout, &place, map, entry);
        }
        place = place.enter(entry)?;
    }
    Err(Trouble::new(root.span, format!("there is no `{}`", path.join("."))))
}

/// Where the walk along the path is.
struct Place<'a> {
    node: &'a Node,
    /// The entry whose value `node` is; none for the root.
    entry: Option<&'a Entry>,
    in_flow: bool,
}

impl<'a> Place<'a> {
    fn enter(&self, entry: &'a Entry) -> Result<Self, Trouble> {
        if let Some(alias) = entry.item.alias {
            let what = format!("`{}` is an alias: a change there would change another place too", entry.key);
            return Err(Trouble::new(alias, what));
        }
        let node = entry.node();
        Ok(Self { node, entry: Some(entry), in_flow: self.in_flow || is_flow(node) })
    }
}

fn is_flow(node: &Node) -> bool {
    node.map().is_some_and(|map| map.flow)
}

fn nested(path: &[String], value: &Value) -> Value {
    path.iter()
        .rev()
        .fold(value.clone(), |value, key| Value::Mapping(std::iter::once((plain(key), value)).collect::<Mapping>()))
}

fn replace(layout: &Layout<'_>, entry: &Entry, value: &Value, in_flow: bool) -> Changed {
    let text = in_one_line(value, in_flow);
    let span = entry.item.span();
    let node = entry.node();
    if span.start == span.end && entry.item.alias.is_none() {
        let colon = layout.after_colon(entry)?;
        return Ok(layout.replaced(Span { start: colon, end: colon }, &format!(" {text}")));
    }
    if !in_block(layout, entry) {
        return Ok(layout.replaced(span, &text));
    }
    let colon = layout.after_colon(entry)?;
    if let Data::Scalar(_) = &node.data {
        return Ok(layout.replaced(Span { start: colon, end: span.end }, &format!(" {text}")));
    }
    if node.anchor {
        return Err(Trouble::new(entry.key_span, format!("`{}` has an anchor", entry.key)));
    }
    let below = Span { start: layout.next_line(colon), end: layout.next_line(span.end) };
    let without = layout.replaced(below, "");
    Ok(format!("{} {text}{}", &without[..colon], &without[colon..]))
}

/// Whether the value takes lines of its own.
fn in_block(layout: &Layout<'_>, entry: &Entry) -> bool {
    let block = match &entry.node().data {
        Data::Scalar(scalar) => scalar.style == Style::Block,
        Data::List(_) => !layout.text()[entry.node().span.start..].starts_with('['),
        Data::Map(map) => !map.flow,
    };
    block && entry.item.alias.is_none()
}

fn insert(layout: &Layout<'_>, place: &Place<'_>, map: &Map, key: &str, value: &Value) -> Changed {
    let own = || map.entries.iter().filter(|entry| !entry.inherited).chain(&map.merges);
    let Some(last) = own().max_by_key(|entry| entry.key_span.start) else {
        return insert_into_nothing(layout, place, key, value);
    };
    let end = last.item.span().end.max(last.key_span.end);
    if map.flow {
        let pair = format!(", {}", pair(key, value));
        return Ok(layout.replaced(Span { start: end, end }, &pair));
    }
    let indent = layout.indent(last)?;
    let mut lines = Vec::new();
    in_lines(key, value, indent, layout.step, &mut lines);
    Ok(layout.with_lines_after(end, &lines))
}

/// A first key below `key:`, `key: {}` or `key: ~`.
fn insert_into_nothing(layout: &Layout<'_>, place: &Place<'_>, key: &str, value: &Value) -> Changed {
    let node = place.node;
    let nothing = node.is_null() || node.map().is_some_and(|map| map.entries.is_empty() && map.merges.is_empty());
    let Some(entry) = place.entry.filter(|_| nothing && !node.anchor) else {
        let root_is_empty = nothing && place.entry.is_none();
        return if root_is_empty { first_of_all(layout, node, key, value) } else { Err(no_map(place)) };
    };
    let around_is_flow = place.in_flow && !layout.starts_its_line(entry);
    if around_is_flow {
        let braces = in_one_line(&nested(&[key.to_owned()], value), true);
        return replace_nothing(layout, entry, &format!(" {braces}"));
    }
    let mut lines = Vec::new();
    in_lines(key, value, layout.indent(entry)? + layout.step, layout.step, &mut lines);
    let text = replace_nothing(layout, entry, "")?;
    let colon = layout.after_colon(entry)?;
    Ok(layout.lines_after(&text, colon, &lines))
}

/// The text with `text` in place of the empty value, from the colon on.
fn replace_nothing(layout: &Layout<'_>, entry: &Entry, text: &str) -> Changed {
    let colon = layout.after_colon(entry)?;
    let end = entry.item.span().end.max(colon);
    Ok(layout.replaced(Span { start: colon, end }, text))
}

fn first_of_all(layout: &Layout<'_>, root: &Node, key: &str, value: &Value) -> Changed {
    let mut lines = Vec::new();
    in_lines(key, value, 0, layout.step, &mut lines);
    Ok(layout.replaced(root.span, &lines.join(layout.line_end)))
}

fn no_map(place: &Place<'_>) -> Trouble {
    let (key, span) = place.entry.map_or(("the settings", place.node.span), |entry| (&entry.key, entry.key_span));
    Trouble::new(span, format!("`{key}` is no map"))
}

fn remove_entry(layout: &Layout<'_>, place: &Place<'_>, map: &Map, entry: &Entry) -> Changed {
    let mut own: Vec<&Entry> = map.entries.iter().filter(|entry| !entry.inherited).chain(&map.merges).collect();
    own.sort_by_key(|entry| entry.key_span.start);
    if own.len() == 1 {
        return remove_last(layout, place, map, entry);
    }
    let end = |entry: &Entry| entry.item.span().end.max(entry.key_span.end);
    if !map.flow {
        return layout.without_lines(entry.key_span.start, end(entry));
    }
    let at = own.iter().position(|other| other.key_span == entry.key_span).unwrap_or_default();
    let span = match (at.checked_sub(1).and_then(|before| own.get(before)), own.get(at + 1)) {
        (Some(before), _) => Span { start: end(before), end: end(entry) },
        (None, Some(after)) => Span { start: entry.key_span.start, end: after.key_span.start },
        (None, None) => entry.key_span,
    };
    Ok(layout.replaced(span, ""))
}

/// Nothing after a key would be null: `{}` says that the map is empty.
fn remove_last(layout: &Layout<'_>, place: &Place<'_>, map: &Map, entry: &Entry) -> Changed {
    let Some(parent) = place.entry else {
        return Err(Trouble::new(entry.key_span, format!("`{}` is the only key of the settings", entry.key)));
    };
    if map.flow {
        return Ok(layout.replaced(place.node.span, "{}"));
    }
    if place.node.anchor {
        return Err(Trouble::new(parent.key_span, format!("`{}` has an anchor", parent.key)));
    }
    let end = entry.item.span().end.max(entry.key_span.end);
    let without = layout.without_lines(entry.key_span.start, end)?;
    let colon = layout.after_colon(parent)?;
    Ok(format!("{} {{}}{}", &without[..colon], &without[colon..]))
}
