//! A password, and taking passwords out of everything that is shown.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Shorter secrets are not looked for: they would blot out ordinary words.
const SHORTEST: usize = 4;
const MASK: &[u8] = b"***";

/// A value that is never shown: no `Display`, no `Serialize`, a `Debug` that hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself, for the environment of the one child that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// Replaces every spelling of the known secrets by `***`.
#[derive(Clone, Default)]
pub struct Redactor {
    needles: Vec<Vec<u8>>,
}

impl Redactor {
    /// Learns the spellings in which a secret may turn up.
    pub fn learn(&mut self, secret: &Secret) {
        let value = secret.expose();
        if value.len() < SHORTEST {
            return;
        }
        for spelling in spellings(value) {
            if !self.needles.iter().any(|known| known == spelling.as_bytes()) {
                self.needles.push(spelling.into_bytes());
            }
        }
        // The longest first, so that no spelling leaves the tail of a longer one behind.
        self.needles.sort_by_key(|needle| std::cmp::Reverse(needle.len()));
    }

    /// The text without secrets.
    pub fn text(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.bytes(text.as_bytes())).into_owned()
    }

    /// The bytes without secrets.
    pub fn bytes<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        let mut shown: Vec<u8> = Vec::new();
        let (mut from, mut at) = (0, 0);
        while at < bytes.len() {
            match self.needles.iter().find(|needle| bytes[at..].starts_with(needle)) {
                Some(needle) => {
                    shown.extend_from_slice(&bytes[from..at]);
                    shown.extend_from_slice(MASK);
                    at += needle.len();
                    from = at;
                }
                None => at += 1,
            }
        }
        if from == 0 {
            return Cow::Borrowed(bytes);
        }
        shown.extend_from_slice(&bytes[from..]);
        Cow::Owned(shown)
    }

    /// How many bytes at the end may be the beginning of a secret.
    fn undecided(&self, bytes: &[u8]) -> usize {
        let beginning = |needle: &Vec<u8>| {
            let longest = bytes.len().min(needle.len().saturating_sub(1));
            (1..=longest).rev().find(|&length| bytes.ends_with(&needle[..length])).unwrap_or(0)
        };
        self.needles.iter().map(beginning).max().unwrap_or(0)
    }
}

/// A stream without secrets: one that is cut over two chunks is found too.
pub struct Redacted {
    redactor: Redactor,
    pending: Vec<u8>,
}

impl Redacted {
    pub fn new(redactor: Redactor) -> Self {
        Self { redactor, pending: Vec::new() }
    }

    /// Takes the next bytes, gives back what may be shown now.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.pending.extend_from_slice(bytes);
        let keep = self.redactor.undecided(&self.pending);
        let tail = self.pending.split_off(self.pending.len() - keep);
        let ready = std::mem::replace(&mut self.pending, tail);
        self.redactor.bytes(&ready).into_owned()
    }

    /// Gives back the rest.
    pub fn finish(&mut self) -> Vec<u8> {
        let rest = std::mem::take(&mut self.pending);
        self.redactor.bytes(&rest).into_owned()
    }
}

/// The value raw, percent-encoded in both ways and cases, as in JSON, in Python's repr and in a SQL literal.
fn spellings(value: &str) -> Vec<String> {
    let percent = encoded(value, "-_.~");
    let json = serde_json::Value::from(value).to_string();
    vec![
        value.to_owned(),
        encoded(value, "-_.~/"),
        encoded(value, "-_.~ +"),
        percent.replace("%20", "+"),
        percent.replace('%', "%%"),
        lower_escapes(&percent),
        percent,
        json.trim_matches('"').to_owned(),
        ascii_json(value),
        value.replace('\\', "\\\\").replace('\'', "\\'"),
        value.replace('\\', "\\\\"),
        value.replace('\'', "''"),
    ]
}

fn encoded(value: &str, kept: &str) -> String {
    value.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || kept.as_bytes().contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
        text
    })
}

fn lower_escapes(percent: &str) -> String {
    let mut escape = 0;
    let lower = |c: char| {
        escape = if c == '%' { 2 } else { i32::max(escape - 1, -1) };
        if escape >= 0 { c.to_ascii_lowercase() } else { c }
    };
    percent.chars().map(lower).collect()
}

/// As Python's `json.dumps` writes it: everything beyond ASCII as `\uXXXX`.
fn ascii_json(value: &str) -> String {
    let quoted = serde_json::Value::from(value).to_string();
    quoted.trim_matches('"').chars().fold(String::new(), |mut text, c| {
        if c.is_ascii() {
            text.push(c);
        } else {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                let _ = write!(text, "\\u{unit:04x}");
            }
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redactor(secret: &str) -> Redactor {
        let mut redactor = Redactor::default();
        redactor.learn(&Secret::new(secret));
        redactor
    }

    #[test]
    fn every_spelling_of_a_secret_is_masked() {
        let redactor = redactor("p@ss %20/:#?'\"\\ ü");
        let shown = redactor.text(
            "raw p@ss %20/:#?'\"\\ ü url p%40ss%20%2520%2F%3A%23%3F%27%22%5C%20%C3%BC json p@ss %20/:#?'\\\"\\\\ \\u00fc",
        );
        assert_eq!(shown, "raw *** url *** json ***");
    }

    #[test]
    fn a_secret_cut_over_two_chunks_is_masked() {
        let mut stream = Redacted::new(redactor("hunter22"));
        let mut shown = stream.push(b"the word is hunt");
        shown.extend(stream.push(b"er22, hunt"));
        shown.extend(stream.finish());
        assert_eq!(String::from_utf8_lossy(&shown), "the word is ***, hunt");
    }

    #[test]
    fn a_short_secret_blots_out_nothing() {
        assert_eq!(redactor("abc").text("abc abc"), "abc abc");
    }

    #[test]
    fn a_secret_hides_from_debug() {
        assert_eq!(format!("{:?}", Secret::new("hunter22")), "***");
    }
}
