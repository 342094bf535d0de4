//! What an expression of env.py is worth.

use std::path::{Path, PathBuf};

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    None,
    Bool(bool),
    Number(i64),
    Text(Vec<Piece>),
    List(Vec<Value>),
    Map(Vec<(String, Value)>),
    /// Something that was imported, or an attribute of it.
    Reference(Reference),
    /// A function of this file.
    Local(String),
    /// `path.parents`.
    Parents(PathBuf),
    /// A section of Alembic's config.
    Section,
    /// Its code.
    Unknown(String),
}

/// A part of a text.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    Plain(String),
    Variable { name: String, default: Option<Vec<Piece>> },
}

/// A module, and names in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    pub module: String,
    pub names: Vec<String>,
}

impl Reference {
    pub fn module(module: &str) -> Self {
        Self { module: module.to_owned(), names: Vec::new() }
    }

    pub fn attribute(&self, name: &str) -> Self {
        let names = self.names.iter().cloned().chain(std::iter::once(name.to_owned())).collect();
        Self { module: self.module.clone(), names }
    }

    pub fn dotted(&self) -> String {
        std::iter::once(&self.module).chain(&self.names).cloned().collect::<Vec<_>>().join(".")
    }

    pub fn is(&self, dotted: &str) -> bool {
        self.dotted() == dotted
    }
}

impl Value {
    pub fn text(text: &str) -> Self {
        Self::Text(vec![Piece::Plain(text.to_owned())])
    }

    pub fn path(path: &Path) -> Self {
        Self::text(&path.to_string_lossy())
    }

    /// A variable of the environment.
    pub fn variable(name: &str, default: Option<Value>) -> Self {
        let default = match default {
            Some(Self::Text(pieces)) => Some(pieces),
            _ => None,
        };
        Self::Text(vec![Piece::Variable { name: name.to_owned(), default }])
    }

    /// The text, where no variable is in it.
    pub fn plain(&self) -> Option<String> {
        let Self::Text(pieces) = self else { return None };
        let plain = |piece: &Piece| match piece {
            Piece::Plain(text) => Some(text.clone()),
            Piece::Variable { .. } => None,
        };
        pieces.iter().map(plain).collect()
    }

    /// The text with its variables as settings write them.
    pub fn written(&self) -> Option<String> {
        match self {
            Self::Text(pieces) => Some(pieces.iter().map(Piece::written).collect()),
            _ => None,
        }
    }

    /// `self or other`.
    pub fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::None | Self::Unknown(_), other) => other,
            (Self::Text(mut pieces), Self::Text(second)) => {
                if let [Piece::Variable { default, .. }] = pieces.as_mut_slice() {
                    default.get_or_insert(second);
                }
                Self::Text(pieces)
            }
            (first, _) => first,
        }
    }

    /// As a value of the settings; none where it is no plain data.
    pub fn data(&self) -> Option<serde_yaml::Value> {
        Some(match self {
            Self::None => serde_yaml::Value::Null,
            Self::Bool(value) => (*value).into(),
            Self::Number(number) => (*number).into(),
            Self::Text(_) => self.written()?.into(),
            Self::List(items) => serde_yaml::Value::Sequence(items.iter().map(Self::data).collect::<Option<_>>()?),
            Self::Map(pairs) => {
                let pairs = pairs.iter().map(|(key, value)| Some((key.as_str().into(), value.data()?)));
                serde_yaml::Value::Mapping(pairs.collect::<Option<_>>()?)
            }
            _ => return None,
        })
    }
}

impl Piece {
    pub fn replaced(self, from: &str, to: &str) -> Self {
        match self {
            Self::Plain(text) => Self::Plain(text.replace(from, to)),
            Self::Variable { name, default } => {
                let default = default.map(|pieces| pieces.into_iter().map(|piece| piece.replaced(from, to)).collect());
                Self::Variable { name, default }
            }
        }
    }

    fn written(&self) -> String {
        match self {
            Self::Plain(text) => text.replace('$', "$$"),
            Self::Variable { name, default: None } => format!("${{{name}}}"),
            Self::Variable { name, default: Some(pieces) } => {
                let default: String = pieces.iter().map(Self::written).collect();
                // A default with a variable of its own has no way of being written.
                if default.contains(['$', '}']) { format!("${{{name}}}") } else { format!("${{{name}:-{default}}}") }
            }
        }
    }
}
