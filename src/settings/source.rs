//! The text of a settings file: decoded, cut into lines, quoted in errors.

use std::sync::OnceLock;

use crate::error::Error;
use crate::settings::mask;

/// A stretch of the text, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Span {
    pub start: usize,
    pub end: usize,
}

/// The text of the file without its byte order mark, and how errors call it.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub name: String,
    pub text: String,
    pub bom: bool,
    /// Counted where a place is told, which most runs never do.
    line_starts: OnceLock<Vec<usize>>,
}

/// What is wrong, before it is told with its place.
#[derive(Debug, Clone, Default)]
pub(super) struct Trouble {
    pub span: Span,
    pub what: String,
    pub help: Option<String>,
    /// Another place that belongs to it, with a word about it.
    pub also: Option<(Span, &'static str)>,
}

impl Trouble {
    pub fn new(span: Span, what: impl Into<String>) -> Self {
        Self { span, what: what.into(), ..Self::default() }
    }

    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub fn also(mut self, span: Span, word: &'static str) -> Self {
        self.also = Some((span, word));
        self
    }
}

const WIDEST: usize = 120;

impl Source {
    /// Decodes the bytes; `name` is the path as errors show it.
    pub fn decode(name: &str, bytes: &[u8]) -> Result<Self, Error> {
        if looks_like_utf16(bytes) {
            return Err(Error::usage(format!("{name}:1:1: the file is UTF-16")).help("save it as UTF-8"));
        }
        let (bom, bytes) = match bytes.strip_prefix(b"\xef\xbb\xbf") {
            Some(rest) => (true, rest),
            None => (false, bytes),
        };
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Self::new(name, text, bom)),
            Err(error) => Err(not_utf8(name, bytes, error.valid_up_to())),
        }
    }

    pub fn new(name: &str, text: &str, bom: bool) -> Self {
        Self { name: name.to_owned(), text: text.to_owned(), bom, line_starts: OnceLock::new() }
    }

    /// The bytes of the file.
    pub fn bytes(&self) -> Vec<u8> {
        let bom: &[u8] = if self.bom { b"\xef\xbb\xbf" } else { b"" };
        [bom, self.text.as_bytes()].concat()
    }

    /// Line and column of a place, both from 1; the column counts characters.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let offset = self.floor(offset);
        let line = self.line_starts().partition_point(|start| *start <= offset);
        let start = self.line_start(line);
        (line, self.text[start..offset].chars().count() + 1)
    }

    /// Where a line (from 1) begins.
    pub fn line_start(&self, line: usize) -> usize {
        self.line_starts().get(line.saturating_sub(1)).copied().unwrap_or(self.text.len())
    }

    /// The error with file, line, column, the offending line and a caret.
    pub fn error(&self, trouble: Trouble) -> Error {
        let (line, column) = self.position(trouble.span.start);
        let mut places = vec![(line, trouble.span, '^', "")];
        if let Some((span, word)) = trouble.also {
            places.push((self.position(span.start).0, span, '-', word));
        }
        places.sort_by_key(|place| place.0);
        let width = places.iter().map(|place| place.0.to_string().len()).max().unwrap_or(1);
        let mut shown = 0;
        let mut snippets = Vec::new();
        for place in places {
            let (text, marks) = self.snippet(place, width);
            if place.0 != shown {
                snippets.push(text);
            }
            snippets.push(marks);
            shown = place.0;
        }
        let error =
            Error::usage(format!("{}:{line}:{column}: {}", self.name, trouble.what)).detail(snippets.join("\n"));
        match trouble.help {
            Some(help) => error.help(help),
            None => error,
        }
    }

    fn snippet(&self, (line, span, mark, word): (usize, Span, char, &str), width: usize) -> (String, String) {
        let start = self.line_start(line);
        let end = self.line_start(line + 1);
        let text = self.text[start..end].trim_end_matches(['\n', '\r']);
        let from = self.floor(span.start) - start;
        let to = self.floor(span.end.min(start + text.len())).saturating_sub(start).max(from);
        let (shown, column, marks) = shorten(&mask::line(text), from, to);
        let marks = mark.to_string().repeat(marks);
        let label = if word.is_empty() { String::new() } else { format!(" {word}") };
        let blank = " ".repeat(column);
        (format!("  {line:width$} | {shown}"), format!("  {:width$} | {blank}{marks}{label}", ""))
    }

    fn line_starts(&self) -> &[usize] {
        self.line_starts.get_or_init(|| line_starts(&self.text))
    }

    fn floor(&self, offset: usize) -> usize {
        let offset = offset.min(self.text.len());
        (0..=offset).rev().find(|at| self.text.is_char_boundary(*at)).unwrap_or_default()
    }
}

/// The shown part of a long line, where its mark begins, and how long the mark is.
/// Each character comes with its place in the true line, because passwords are masked.
fn shorten(line: &[(usize, char)], from: usize, to: usize) -> (String, usize, usize) {
    let begin = line.iter().position(|(at, _)| *at >= from).unwrap_or(line.len());
    let marked = line[begin..].iter().take_while(|(at, _)| *at < to).count().max(1);
    let clean = |(_, c): &(usize, char)| if c.is_control() { ' ' } else { *c };
    if line.len() <= WIDEST {
        return (line.iter().map(clean).collect(), begin, marked);
    }
    let first = begin.saturating_sub(WIDEST / 2);
    let last = (first + WIDEST).min(line.len());
    let (head, tail) = (if first > 0 { "…" } else { "" }, if last < line.len() { "…" } else { "" });
    let shown: String = line[first..last].iter().map(clean).collect();
    let column = begin - first + head.chars().count();
    (format!("{head}{shown}{tail}"), column, marked.min(last.saturating_sub(begin).max(1)))
}

fn line_starts(text: &str) -> Vec<usize> {
    let ends = text.match_indices(['\n', '\r']).filter(|(at, end)| *end == "\n" || !text[at + 1..].starts_with('\n'));
    std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect()
}

fn looks_like_utf16(bytes: &[u8]) -> bool {
    matches!(bytes, [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, 1..=127, ..] | [1..=127, 0, ..])
}

fn not_utf8(name: &str, bytes: &[u8], valid: usize) -> Error {
    let text = String::from_utf8_lossy(&bytes[..valid]).into_owned();
    let source = Source::new(name, &text, false);
    let (line, column) = source.position(valid);
    let byte = bytes[valid];
    Error::usage(format!("{name}:{line}:{column}: byte 0x{byte:02x} is not UTF-8")).help("save the file as UTF-8")
}
