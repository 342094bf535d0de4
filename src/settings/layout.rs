//! How the text is laid out: lines, line ends, indentation.

use crate::settings::source::{Source, Span, Trouble};
use crate::settings::tree::{Entry, Node};

pub(super) struct Layout<'a> {
    source: &'a Source,
    /// `\n` or `\r\n`, as the first line has it.
    pub line_end: &'static str,
    /// By how many columns a map stands under its key.
    pub step: usize,
}

impl<'a> Layout<'a> {
    pub fn new(source: &'a Source, root: &Node) -> Self {
        let crlf = source
            .text
            .find('\n')
            .is_some_and(|at| source.text[..at].ends_with('\r'));
        let line_end = if crlf { "\r\n" } else { "\n" };
        let step = step(source, root).filter(|step| (1..=16).contains(step)).unwrap_or(2);
        Self { source, line_end, step }
    }

    pub fn text(&self) -> &'a str {
        &self.source.text
    }

    pub fn replaced(&self, span: Span, with: &str) -> String {
        format!("{}{with}{}", &self.text()[..span.start], &self.text()[span.end..])
    }

    /// Where the line after this place begins.
    pub fn next_line(&self, at: usize) -> usize {
        self.text()[at..]
            .find('\n')
            .map_or(self.text().len(), |end| at + end + 1)
    }

    fn line_of(&self, at: usize) -> usize {
        self.text()[..at].rfind('\n').map_or(0, |end| end + 1)
    }

    /// Whether only blanks stand before the key in its line.
    pub fn starts_its_line(&self, entry: &Entry) -> bool {
        let start = entry.key_span.start;
        self.text()[self.line_of(start)..start].bytes().all(|byte| byte == b' ')
    }

    /// The columns before the key, which must be the first of its line.
    pub fn indent(&self, entry: &Entry) -> Result<usize, Trouble> {
        if self.starts_its_line(entry) {
            return Ok(entry.key_span.start - self.line_of(entry.key_span.start));
        }
        Err(Trouble::new(
            entry.key_span,
            format!("`{}` is not alone in its line", entry.key),
        ))
    }

    /// The place after the colon of a key.
    pub fn after_colon(&self, entry: &Entry) -> Result<usize, Trouble> {
        let after = &self.text()[entry.key_span.end..];
        let blank = after.len() - after.trim_start_matches([' ', '\t']).len();
        if after[blank..].starts_with(':') {
            return Ok(entry.key_span.end + blank + 1);
        }
        Err(Trouble::new(
            entry.key_span,
            format!("`{}` has no colon beside it", entry.key),
        ))
    }

    /// The text without the lines from `start`'s to `end`'s.
    pub fn without_lines(&self, start: usize, end: usize) -> Result<String, Trouble> {
        let line = self.line_of(start);
        let before = &self.text()[line..start];
        if !before.bytes().all(|byte| byte == b' ') {
            return Err(Trouble::new(Span { start, end }, "the key is not alone in its line"));
        }
        Ok(self.replaced(
            Span {
                start: line,
                end: self.next_line(end),
            },
            "",
        ))
    }

    /// The text with lines after the line of `at`.
    pub fn with_lines_after(&self, at: usize, lines: &[String]) -> String {
        self.lines_after(self.text(), at, lines)
    }

    /// As `with_lines_after`, for a text that differs from ours only after `at`.
    pub fn lines_after(&self, text: &str, at: usize, lines: &[String]) -> String {
        let lines = lines.join(self.line_end);
        match text[at..].find('\n') {
            Some(end) => {
                let at = at + end + 1;
                format!("{}{lines}{}{}", &text[..at], self.line_end, &text[at..])
            }
            None => format!("{text}{}{lines}", self.line_end),
        }
    }
}

/// The indentation of the first block map inside a block map.
fn step(source: &Source, node: &Node) -> Option<usize> {
    let column = |entry: &Entry| source.position(entry.key_span.start).1;
    let map = node.map().filter(|map| !map.flow)?;
    map.entries
        .iter()
        .filter(|entry| !entry.inherited && entry.item.alias.is_none())
        .find_map(|entry| {
            let inner = entry.node().map().filter(|inner| !inner.flow)?;
            let first = inner.entries.iter().find(|entry| !entry.inherited)?;
            column(first)
                .checked_sub(column(entry))
                .or_else(|| step(source, entry.node()))
        })
}
