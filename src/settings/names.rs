//! Names of projects and databases.

use crate::settings::parse::cut;
use crate::settings::source::{Span, Trouble};

/// Words that mean something else in a target or a revision.
const RESERVED: [&str; 5] = ["development", "head", "heads", "base", "current"];

/// Whether a name is `[A-Za-z_][A-Za-z0-9_-]*` and at most 63 characters.
fn is_name(name: &str) -> bool {
    name.len() <= 63
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

/// A name made of these words: other signs become `_`, and a word that is taken gets a tail.
pub fn usable(words: &str) -> String {
    let mut name: String =
        words.trim().chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).take(60).collect();
    if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        name.insert(0, '_');
    }
    if RESERVED.contains(&name.as_str()) {
        name.push_str("_db");
    }
    name
}

pub(super) fn check(noun: &str, name: &str, span: Span) -> Result<(), Trouble> {
    if RESERVED.contains(&name) {
        let help =
            format!("{} are taken by targets and revisions", RESERVED.map(|word| format!("`{word}`")).join(", "));
        return Err(Trouble::new(span, format!("`{name}` is no name for a {noun}")).help(help));
    }
    if is_name(name) {
        return Ok(());
    }
    let trouble = Trouble::new(span, format!("`{}` is no name for a {noun}", cut(name)));
    let better: String =
        name.trim().chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect();
    Err(if is_name(&better) {
        trouble.help(format!("letters, digits, `_` and `-`, no spaces: `{better}`"))
    } else {
        trouble.help("letters, digits, `_` and `-`, at most 63, a letter or `_` first")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_words_become_a_name() {
        for (words, name) in [("my service", "my_service"), ("2fast", "_2fast"), ("head", "head_db"), ("", "_")] {
            assert_eq!(usable(words), name);
            assert!(check("project", &usable(words), Span::default()).is_ok());
        }
    }
}
