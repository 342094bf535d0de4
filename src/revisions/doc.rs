//! Docstrings as Python and Alembic treat them.

/// What Alembic makes of a docstring.
pub struct Doc {
    pub text: String,
    pub message: String,
    pub create_date: Option<String>,
    pub varies: bool,
}

pub fn of(docstring: Option<&str>) -> Doc {
    let whole = docstring.unwrap_or_default();
    let text = whole.trim_matches(is_space);
    let message = text.split("\n\n").next().unwrap_or_default();
    Doc {
        text: text.to_owned(),
        message: message.to_owned(),
        create_date: create_date(text),
        varies: is_indented(whole),
    }
}

/// Python's `str.splitlines`.
pub fn lines(text: &str) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut rest = text;
    while let Some((at, end)) = rest.char_indices().find(|(_, c)| is_line_end(*c)) {
        lines.push(&rest[..at]);
        let after = &rest[at + end.len_utf8()..];
        rest = if end == '\r' { after.strip_prefix('\n').unwrap_or(after) } else { after };
    }
    if !rest.is_empty() {
        lines.push(rest);
    }
    lines
}

/// `^Create Date: *(.+?) *$`
fn create_date(text: &str) -> Option<String> {
    let found = text.split('\n').filter_map(|line| line.strip_prefix("Create Date:")).find(|rest| !rest.is_empty())?;
    let date = found.trim_matches(' ');
    Some(if date.is_empty() { " ".to_owned() } else { date.to_owned() })
}

/// Python's `str.isspace`, which knows the four separators besides.
fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)
}

fn is_line_end(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\x0b' | '\x0c' | '\x1c'..='\x1e' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Python 3.13 and later expand tabs, and take away what all lines after the first have in front of them.
fn is_indented(text: &str) -> bool {
    if text.trim_matches(is_space).contains('\t') {
        return true;
    }
    let is_filled = |line: &&str| !line.trim_matches(is_space).is_empty();
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    let mut lines = rest.split('\n').filter(is_filled);
    // What stands first of all is stripped by Alembic.
    let counted = usize::from(!is_filled(&first));
    lines.clone().count() > counted && lines.all(|line| line.starts_with(' '))
}
