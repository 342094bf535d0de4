//! Takes passwords out of the settings' lines before they are shown.

/// What stands for a password.
pub(super) const MASK: &str = "***";

/// Keys whose value is a secret.
pub(super) fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    let plain = key.trim_end_matches("_file").trim_end_matches("_command");
    key == plain
        && ["password", "passwd", "pwd", "secret", "token", "passphrase", "api_key"]
            .iter()
            .any(|word| key.contains(word))
}

/// The text with the password of every URL in it masked.
pub(super) fn urls(text: &str) -> String {
    line_with(text, url_passwords(text)).into_iter().map(|(_, c)| c).collect()
}

/// A line of YAML with its passwords masked: each character with its place in the true line.
pub(super) fn line(text: &str) -> Vec<(usize, char)> {
    let mut ranges = url_passwords(text);
    ranges.extend(values_of_secret_keys(text));
    ranges.sort_unstable();
    line_with(text, ranges)
}

fn line_with(text: &str, ranges: Vec<(usize, usize)>) -> Vec<(usize, char)> {
    let mut shown = Vec::new();
    let mut done = 0;
    for (start, end) in ranges {
        if start < done {
            continue;
        }
        shown.extend(text[done..start].char_indices().map(|(i, c)| (done + i, c)));
        shown.extend(MASK.chars().map(|c| (start, c)));
        done = end;
    }
    shown.extend(text[done..].char_indices().map(|(i, c)| (done + i, c)));
    shown
}

/// From the first `:` after `scheme://` up to the last `@` before a blank or quote.
fn url_passwords(text: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("://") {
        let start = at + 3;
        let end = text[start..].find([' ', '"', '\'', '\t']).map_or(text.len(), |i| start + i);
        let Some(at_sign) = text[start..end].rfind('@') else {
            continue;
        };
        let Some(colon) = text[start..start + at_sign].find(':') else {
            continue;
        };
        if found.last().is_none_or(|(_, last)| *last <= start) {
            found.push((start + colon + 1, start + at_sign));
        }
    }
    for (at, _) in text.match_indices("password=") {
        let start = at + "password=".len();
        let end = text[start..].find(['&', ' ', '"', '\'', '\t']).map_or(text.len(), |i| start + i);
        found.push((start, end));
    }
    found.sort_unstable();
    found
}

/// The value after `password:`, up to a comma or brace of a flow map, or a comment.
fn values_of_secret_keys(text: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for (colon, _) in text.match_indices(':') {
        let key = text[..colon].trim_end().trim_end_matches(['"', '\'']);
        let start = key.rfind(|c: char| !c.is_alphanumeric() && c != '_').map_or(0, |i| i + 1);
        let key = key.get(start..).unwrap_or(key);
        if !is_secret(key.trim_start_matches(|c: char| !c.is_alphanumeric())) {
            continue;
        }
        let value = colon + 1 + (text[colon + 1..].len() - text[colon + 1..].trim_start().len());
        let end = value + end_of_value(&text[value..], text[..colon].contains('{'));
        if end > value && !is_variable(&text[value..end]) {
            found.push((value, end));
        }
    }
    found
}

fn end_of_value(text: &str, in_flow: bool) -> usize {
    let end = match text.chars().next() {
        Some(quote @ ('"' | '\'')) => closing_quote(text, quote),
        Some('[' | '{') => None,
        _ if in_flow => text.find(',').or_else(|| text.find('}')),
        _ => text.find(" #"),
    };
    text[..end.unwrap_or(text.len())].trim_end().len()
}

/// Just after the quote that ends a text.
fn closing_quote(text: &str, quote: char) -> Option<usize> {
    let mut letters = text.char_indices().skip(1).peekable();
    while let Some((at, letter)) = letters.next() {
        let doubled = quote == '\'' && letters.peek().is_some_and(|(_, next)| *next == quote);
        if (letter == '\\' && quote == '"') || (letter == quote && doubled) {
            letters.next();
        } else if letter == quote {
            return Some(at + 1);
        }
    }
    None
}

/// `${NAME}` alone names a secret and is none.
pub(super) fn is_variable(text: &str) -> bool {
    let name = text.trim_matches(['"', '\'']).strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    name.is_some_and(|name| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
}
