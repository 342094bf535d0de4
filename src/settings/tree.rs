//! The settings file as a tree with positions: one source for reading, errors and saving.

use std::rc::Rc;

use crate::settings::source::Span;

/// One value of the file.
#[derive(Debug)]
pub(super) struct Node {
    /// Without anchor; of a block collection up to the end of its last value.
    pub span: Span,
    pub data: Data,
    /// Whether `&name` stands before it.
    pub anchor: bool,
    /// Nodes in it, with those that aliases stand for.
    pub weight: usize,
    pub height: usize,
}

#[derive(Debug)]
pub(super) enum Data {
    Scalar(Scalar),
    List(Vec<Item>),
    Map(Map),
}

#[derive(Debug, Clone)]
pub(super) struct Scalar {
    pub text: String,
    pub style: Style,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Quoted,
    /// `|` or `>`.
    Block,
}

/// A value in its place; where it is an alias, with the place of the alias.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub node: Rc<Node>,
    pub alias: Option<Span>,
}

#[derive(Debug, Default)]
pub(super) struct Map {
    pub entries: Vec<Entry>,
    pub flow: bool,
    /// The `<<` keys as written; what they bring stands in `entries`, marked `inherited`.
    pub merges: Vec<Entry>,
}

#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub key: Rc<str>,
    pub key_span: Span,
    pub item: Item,
    /// Came through `<<`, `defaults`, or from the project into its database.
    pub inherited: bool,
}

impl Item {
    /// Where it stands in the text.
    pub fn span(&self) -> Span {
        self.alias.unwrap_or(self.node.span)
    }
}

impl Entry {
    pub fn node(&self) -> &Node {
        &self.item.node
    }
}

impl Map {
    pub fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| *entry.key == *key)
    }
}

impl Node {
    pub fn map_of(span: Span, entries: Vec<Entry>) -> Self {
        Self::new(span, Data::Map(Map { entries, ..Map::default() }))
    }

    pub fn new(span: Span, data: Data) -> Self {
        let add =
            |(weight, height): (usize, usize), item: &Item| (weight + item.node.weight, height.max(item.node.height));
        let (weight, height) = match &data {
            Data::Scalar(_) => (1, 0),
            Data::List(items) => items.iter().fold((1, 0), add),
            Data::Map(map) => map.entries.iter().map(|entry| &entry.item).fold((1, 0), add),
        };
        Self { span, data, anchor: false, weight, height: height + 1 }
    }

    pub fn map(&self) -> Option<&Map> {
        match &self.data {
            Data::Map(map) => Some(map),
            Data::Scalar(_) | Data::List(_) => None,
        }
    }

    pub fn scalar(&self) -> Option<&Scalar> {
        match &self.data {
            Data::Scalar(scalar) => Some(scalar),
            Data::List(_) | Data::Map(_) => None,
        }
    }

    pub fn get(&self, key: &str) -> Option<&Entry> {
        self.map().and_then(|map| map.get(key))
    }

    /// The node under these keys.
    pub fn at(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(self, |node, key| node.get(key).map(Entry::node))
    }

    pub fn is_null(&self) -> bool {
        self.scalar().is_some_and(|scalar| scalar.style == Style::Plain && is_null(&scalar.text))
    }

    /// Calls `visit` for every scalar below, in order.
    pub fn scalars(&self, visit: &mut dyn FnMut(&Scalar, Span)) {
        match &self.data {
            Data::Scalar(scalar) => visit(scalar, self.span),
            Data::List(items) => items.iter().for_each(|item| item.node.scalars(visit)),
            Data::Map(map) => map.entries.iter().for_each(|entry| entry.node().scalars(visit)),
        }
    }
}

pub(super) fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}
