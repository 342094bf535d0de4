//! Text to tree, within budgets: size, depth, nodes, anchors, aliases; duplicate keys are errors.

use std::borrow::Cow;
use std::collections::HashMap;
use std::rc::Rc;

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, StrInput, StructureStyle};

use crate::settings::cut::Cut;
use crate::settings::parse_map::map;
use crate::settings::source::{Span, Trouble};
use crate::settings::tree::{Data, Entry, Item, Node, Scalar, Style};

pub(super) const LARGEST: usize = 1 << 20;
const DEEPEST: usize = 64;
const MOST_NODES: usize = 20_000;
const MOST_ANCHORS: usize = 100;

pub(super) type Result<T> = std::result::Result<T, Trouble>;

/// The only document of the text, `None` where there is nothing but comments.
pub(super) fn parse(cut: &Cut<'_>) -> Result<Option<Rc<Node>>> {
    let options = granit_parser::options! {
        emit_comments: false,
        flow_nesting_limit: DEEPEST,
        block_nesting_limit: DEEPEST,
    };
    let mut builder = Builder { text: cut.whole, ..Builder::default() };
    for event in Parser::<StrInput<'_>>::new_from_str_with_options(&cut.text, options) {
        let (event, span) = event.map_err(|error| not_yaml(&error, cut))?;
        let bytes = span.byte_range().unwrap_or_default();
        let place = cut.span(bytes);
        if let Some(tag) = event.tag() {
            let start = span.tag_start().and_then(|mark| mark.byte_offset()).map_or(place.start, |at| cut.place(at));
            return Err(tagged(&tag.original(), Span { start, end: place.start.max(start + 1) }));
        }
        builder.take(event, place)?;
    }
    let absent = |node: &Rc<Node>| node.is_null() && node.span.start == node.span.end;
    Ok(builder.root.map(|item| item.node).filter(|node| !absent(node)))
}

#[derive(Default)]
struct Builder<'t> {
    text: &'t str,
    root: Option<Item>,
    open: Vec<Open>,
    anchors: HashMap<usize, Rc<Node>>,
    anchor_count: usize,
    nodes: usize,
    documents: usize,
}

/// A collection whose end has not been read.
struct Open {
    start: usize,
    flow: bool,
    anchor: usize,
    kind: Kind,
}

enum Kind {
    List(Vec<Item>),
    Map(Vec<Entry>, Option<(Rc<str>, Span)>),
}

impl Builder<'_> {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<()> {
        match event {
            Event::DocumentStart(..) => self.document(span),
            Event::Alias(id) => self.alias(id, span),
            Event::Scalar(text, style, anchor, _) => self.scalar(text, style, anchor, span),
            Event::SequenceStart(style, anchor, _) => self.start(Kind::List(Vec::new()), style, anchor, span),
            Event::MappingStart(style, anchor, _) => self.start(Kind::Map(Vec::new(), None), style, anchor, span),
            Event::SequenceEnd | Event::MappingEnd => self.end(span),
            _ => Ok(()),
        }
    }

    fn document(&mut self, span: Span) -> Result<()> {
        self.documents += 1;
        match self.documents {
            1 => Ok(()),
            _ => Err(Trouble::new(span, "a second document begins here").help("keep one document: take out the `---`")),
        }
    }

    fn alias(&mut self, id: usize, span: Span) -> Result<()> {
        let Some(node) = self.anchors.get(&id).cloned() else {
            return Err(Trouble::new(span, "this alias stands inside what it names"));
        };
        self.count(node.weight, span)?;
        if self.open.len() + node.height > DEEPEST {
            return Err(too_deep(span));
        }
        self.add(Item { node, alias: Some(span) })
    }

    fn scalar(&mut self, text: Cow<'_, str>, style: ScalarStyle, anchor: usize, mut span: Span) -> Result<()> {
        self.count(1, span)?;
        let style = match style {
            ScalarStyle::Plain => Style::Plain,
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => Style::Quoted,
            ScalarStyle::Literal | ScalarStyle::Folded => Style::Block,
        };
        // The parser gives an absent value as `~`.
        let empty = style == Style::Plain && span.start == span.end;
        let text = if empty { String::new() } else { text.into_owned() };
        if style == Style::Block {
            span = self.block_scalar(span);
        }
        let node = Node { anchor: anchor > 0, ..Node::new(span, Data::Scalar(Scalar { text, style })) };
        self.finish(node, anchor)
    }

    /// From its `|` or `>` to the end of its last line that is not blank.
    fn block_scalar(&self, span: Span) -> Span {
        let start = self.text[..span.start].rfind(['|', '>']).unwrap_or(span.start);
        let body = self.text[start..span.end].trim_end_matches([' ', '\t', '\n', '\r']);
        Span { start, end: start + body.len() }
    }

    fn start(&mut self, kind: Kind, style: StructureStyle, anchor: usize, span: Span) -> Result<()> {
        self.count(1, span)?;
        if self.open.len() >= DEEPEST {
            return Err(too_deep(span));
        }
        self.open.push(Open { start: span.start, flow: style == StructureStyle::Flow, anchor, kind });
        Ok(())
    }

    fn end(&mut self, span: Span) -> Result<()> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let end = if open.flow { span.end } else { open.kind.end().unwrap_or(span.start) };
        let data = match open.kind {
            Kind::List(items) => Data::List(items),
            Kind::Map(entries, _) => Data::Map(map(entries, open.flow)?),
        };
        let node = Node::new(Span { start: open.start, end: end.max(open.start) }, data);
        // What `<<` brings counts too.
        self.count(node.map().map_or(0, |map| map.entries.iter().filter(|entry| entry.inherited).count()), span)?;
        self.finish(Node { anchor: open.anchor > 0, ..node }, open.anchor)
    }

    fn finish(&mut self, node: Node, anchor: usize) -> Result<()> {
        let node = Rc::new(node);
        if anchor > 0 {
            self.anchor_count += 1;
            if self.anchor_count > MOST_ANCHORS {
                return Err(Trouble::new(node.span, format!("more than {MOST_ANCHORS} anchors")));
            }
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        self.add(Item { node, alias: None })
    }

    fn add(&mut self, item: Item) -> Result<()> {
        match self.open.last_mut().map(|open| &mut open.kind) {
            None => {
                self.root.get_or_insert(item);
            }
            Some(Kind::List(items)) => items.push(item),
            Some(Kind::Map(_, key @ None)) => *key = Some(key_of(&item)?),
            Some(Kind::Map(entries, key)) => {
                let (key, key_span) = key.take().unwrap_or_else(|| (Rc::from(""), item.span()));
                entries.push(Entry { key, key_span, item, inherited: false });
            }
        }
        Ok(())
    }

    fn count(&mut self, nodes: usize, span: Span) -> Result<()> {
        self.nodes += nodes;
        if self.nodes > MOST_NODES {
            let what = format!("more than {MOST_NODES} values, counting what aliases repeat");
            return Err(Trouble::new(span, what));
        }
        Ok(())
    }
}

impl Kind {
    fn end(&self) -> Option<usize> {
        match self {
            Self::List(items) => items.last().map(|item| item.span().end),
            Self::Map(entries, _) => entries.last().map(|entry| entry.item.span().end.max(entry.key_span.end)),
        }
    }
}

fn key_of(item: &Item) -> Result<(Rc<str>, Span)> {
    match item.node.scalar() {
        Some(scalar) if item.alias.is_none() => Ok((Rc::from(scalar.text.as_str()), item.span())),
        _ => {
            Err(Trouble::new(item.span(), "a key must be a plain word")
                .help("values with `{` or `*` in front need quotes"))
        }
    }
}

/// At most sixty characters of a text, for messages.
pub(super) fn cut(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(60) {
        None => Cow::Borrowed(text),
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
    }
}

fn too_deep(span: Span) -> Trouble {
    Trouble::new(span, format!("nested more than {DEEPEST} levels deep"))
}

fn tagged(tag: &str, span: Span) -> Trouble {
    Trouble::new(span, format!("tags such as `{}` mean nothing here", cut(tag)))
        .help("write the value itself; `${VARIABLE}` reads the environment")
}

fn not_yaml(error: &ScanError, cut: &Cut<'_>) -> Trouble {
    let start = cut.place(error.marker().byte_offset().unwrap_or_default());
    let span = Span { start, end: start + 1 };
    match error.kind() {
        ErrorKind::TabNotAllowed | ErrorKind::TabInBlockIndentation => {
            Trouble::new(span, "a tab in the indentation").help("YAML is indented with spaces")
        }
        ErrorKind::RecursionLimitExceeded => too_deep(span),
        ErrorKind::UnknownAnchor => {
            Trouble::new(span, "this alias has no anchor").help("a value that begins with `*` needs quotes")
        }
        kind => Trouble::new(span, format!("not valid YAML: {kind}")),
    }
}
