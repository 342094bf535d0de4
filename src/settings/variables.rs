//! `${VAR}`, `${VAR:-default}`, `$$`: from the environment, then from `.env` beside the settings file.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

use crate::environment::Environment;

/// Where the values of variables come from.
#[derive(Debug, Default)]
pub(super) struct Variables {
    values: HashMap<String, String>,
}

/// Why a text could not be expanded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unexpanded {
    /// The variable is set nowhere.
    Missing(String),
    /// `${` without an end, or with something that is no name.
    Malformed(String),
}

impl Variables {
    /// The environment's variables, and those of `.env` that it does not set.
    pub fn read(folder: &Path, environment: &Environment) -> Self {
        let file = std::fs::read_to_string(folder.join(".env")).unwrap_or_default();
        let mut values: HashMap<String, String> = dotenv(&file).collect();
        for (name, value) in environment.iter() {
            if let (Some(name), Some(value)) = (name.to_str(), value.to_str()) {
                values.insert(name.to_owned(), value.to_owned());
            }
        }
        Self { values }
    }

    /// The text with its variables put in.
    pub fn expand<'t>(&self, text: &'t str) -> Result<Cow<'t, str>, Unexpanded> {
        if !text.contains('$') {
            return Ok(Cow::Borrowed(text));
        }
        let mut done = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(dollar) = rest.find('$') {
            done.push_str(&rest[..dollar]);
            rest = &rest[dollar + 1..];
            if let Some(after) = rest.strip_prefix('$') {
                done.push('$');
                rest = after;
            } else if let Some(after) = rest.strip_prefix('{') {
                let (inside, after) = after.split_once('}').ok_or_else(|| malformed(rest))?;
                done.push_str(self.value(inside)?);
                rest = after;
            } else {
                done.push('$');
            }
        }
        done.push_str(rest);
        Ok(Cow::Owned(done))
    }

    fn value<'a>(&'a self, inside: &'a str) -> Result<&'a str, Unexpanded> {
        let (name, default) = match inside.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inside, None),
        };
        if !is_name(name) {
            return Err(malformed(&format!("{{{inside}}}")));
        }
        match (self.values.get(name), default) {
            (Some(value), None) => Ok(value),
            // As in a shell: `:-` stands in for an empty value too.
            (Some(value), Some(_)) if !value.is_empty() => Ok(value),
            (_, Some(default)) => Ok(default),
            (None, None) => Err(Unexpanded::Missing(name.to_owned())),
        }
    }
}

fn malformed(text: &str) -> Unexpanded {
    Unexpanded::Malformed(format!("${text}"))
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// What the `.env` in a folder sets.
pub fn env_file(folder: &Path) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(folder.join(".env")).unwrap_or_default();
    dotenv(&text).collect()
}

/// The `KEY=VALUE` lines of an `.env` file; what is not one is passed over, as everybody's readers do.
fn dotenv(text: &str) -> impl Iterator<Item = (String, String)> {
    text.trim_start_matches('\u{feff}').lines().filter_map(|line| {
        let line = line.trim();
        let line = line.strip_prefix("export ").unwrap_or(line);
        let (name, value) = line.split_once('=')?;
        is_name(name.trim()).then(|| (name.trim().to_owned(), unquoted(value.trim())))
    })
}

fn unquoted(value: &str) -> String {
    if let Some(inside) = value.strip_prefix('\'').and_then(|rest| rest.split_once('\'')) {
        return inside.0.to_owned();
    }
    if let Some(inside) = value.strip_prefix('"') {
        return double_quoted(inside);
    }
    let end = value.find(" #").unwrap_or(value.len());
    if value.starts_with('#') { String::new() } else { value[..end].trim_end().to_owned() }
}

fn double_quoted(text: &str) -> String {
    let mut done = String::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => break,
            '\\' => match letters.next() {
                Some('n') => done.push('\n'),
                Some('t') => done.push('\t'),
                Some(other) => done.push(other),
                None => done.push('\\'),
            },
            other => done.push(other),
        }
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> Variables {
        Variables { values: pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect() }
    }

    #[test]
    fn variables_defaults_and_dollars_are_put_in() {
        let variables = variables(&[("A", "x"), ("EMPTY", "")]);
        for (written, read) in [
            ("plain", "plain"),
            ("${A}-${A}", "x-x"),
            ("${B:-y:-z}", "y:-z"),
            ("[${EMPTY}]", "[]"),
            ("${EMPTY:-e}", "e"),
            ("$$5 $A $$$${A}", "$5 $A $${A}"),
        ] {
            assert_eq!(variables.expand(written).unwrap(), read);
        }
    }

    #[test]
    fn missing_and_malformed_variables_are_told_apart() {
        let variables = variables(&[]);
        assert_eq!(variables.expand("a ${B}"), Err(Unexpanded::Missing("B".to_owned())));
        assert_eq!(variables.expand("${B"), Err(Unexpanded::Malformed("${B".to_owned())));
        assert_eq!(variables.expand("${B-x}"), Err(Unexpanded::Malformed("${B-x}".to_owned())));
    }

    #[test]
    fn an_env_file_knows_quotes_comments_and_export() {
        let text = "# c\nA=1 # c\nexport B='x # y' \nC=\"a\\\"b\\n\"\n D = d e \nno line\n2X=1\nE=\nF=#x\nG=a#b\n";
        let read: Vec<(String, String)> = dotenv(text).collect();
        let pairs: Vec<(&str, &str)> = read.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(
            pairs,
            [("A", "1"), ("B", "x # y"), ("C", "a\"b\n"), ("D", "d e"), ("E", ""), ("F", ""), ("G", "a#b")]
        );
    }
}
