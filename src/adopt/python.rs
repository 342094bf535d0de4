//! A Python file as a syntax tree.

use std::path::{Path, PathBuf};

use ruff_python_ast::{ModModule, Stmt};
use ruff_python_parser::{Parsed, parse_module};
use ruff_text_size::Ranged;

/// A file and its tree.
pub struct Python {
    pub path: PathBuf,
    text: String,
    parsed: Parsed<ModModule>,
}

impl Python {
    /// Reads a file; the error says why it cannot be.
    pub fn read(path: &Path) -> Result<Self, String> {
        let text = std::fs::read(path).map_err(|error| error.to_string())?;
        let text = String::from_utf8(text).map_err(|_| "it is not UTF-8".to_owned())?;
        let text = text.trim_start_matches('\u{feff}').to_owned();
        let parsed = parse_module(&text).map_err(|error| {
            let line = line_of(&text, error.location.start().into());
            format!("line {line}: {}", error.error.to_string().to_lowercase())
        })?;
        Ok(Self { path: path.to_path_buf(), text, parsed })
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn suite(&self) -> &[Stmt] {
        self.parsed.suite()
    }

    pub fn line(&self, place: &impl Ranged) -> usize {
        line_of(&self.text, place.start().into())
    }

    /// The beginning of a piece of the file, in one line.
    pub fn code(&self, place: &impl Ranged) -> String {
        let code = self.text.get(place.start().into()..place.end().into()).unwrap_or_default();
        let mut words: String = code.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(61).collect();
        if words.chars().count() > 60 {
            words.pop();
            words.push('…');
        }
        words
    }

    pub fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("/"))
    }
}

fn line_of(text: &str, at: usize) -> usize {
    1 + text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count()
}
