//! A text with stretches left out, whose places are told as those of the whole.

use std::borrow::Cow;
use std::ops::Range;

use crate::settings::source::Span;

/// What is parsed: the whole text, or some lines of it.
pub(super) struct Cut<'t> {
    pub whole: &'t str,
    pub text: Cow<'t, str>,
    /// Where each piece begins: in `text`, and in `whole`.
    pieces: Vec<(usize, usize)>,
}

impl<'t> Cut<'t> {
    /// Nothing is left out.
    pub fn none(whole: &'t str) -> Self {
        Self { whole, text: Cow::Borrowed(whole), pieces: vec![(0, 0)] }
    }

    /// These stretches alone, in the order of the text.
    pub fn keeping(whole: &'t str, kept: impl IntoIterator<Item = Range<usize>>) -> Self {
        let (mut text, mut pieces) = (String::new(), vec![(0, 0)]);
        for range in kept {
            pieces.push((text.len(), range.start));
            text.push_str(&whole[range]);
        }
        Self { whole, text: Cow::Owned(text), pieces }
    }

    /// Where a place of `text` is in `whole`.
    pub fn place(&self, at: usize) -> usize {
        let piece = self.pieces.partition_point(|(begin, _)| *begin <= at).saturating_sub(1);
        self.from(piece, at)
    }

    /// A stretch that ends with a piece ends in it, not where the next one begins.
    pub fn span(&self, bytes: Range<usize>) -> Span {
        let start = self.place(bytes.start);
        if bytes.is_empty() {
            return Span { start, end: start };
        }
        let last = self.pieces.partition_point(|(begin, _)| *begin < bytes.end).saturating_sub(1);
        Span { start, end: self.from(last, bytes.end) }
    }

    fn from(&self, piece: usize, at: usize) -> usize {
        self.pieces.get(piece).map_or(at, |(begin, whole)| at - begin + whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_those_of_the_whole() {
        let cut = Cut::keeping("aa\nbb\ncc\ndd\n", [0..3, 6..9]);
        assert_eq!(cut.text, "aa\ncc\n");
        assert_eq!(cut.span(1..2), Span { start: 1, end: 2 });
        assert_eq!(cut.span(0..3), Span { start: 0, end: 3 });
        assert_eq!(cut.span(3..5), Span { start: 6, end: 8 });
        assert_eq!(cut.span(3..3), Span { start: 6, end: 6 });
        assert_eq!((cut.place(0), cut.place(6)), (0, 9));
        assert_eq!(Cut::none("ab").span(0..2), Span { start: 0, end: 2 });
    }
}
