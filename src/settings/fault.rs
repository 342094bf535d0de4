//! What serde finds wrong with a value, told with the key, the place and the nearest valid name.

use std::fmt;

use serde::de::{Error, Expected, Unexpected};

use crate::settings::mask;
use crate::settings::nearest::nearest;
use crate::settings::parse::cut;
use crate::settings::source::{Span, Trouble};

#[derive(Debug)]
pub(super) struct Fault(Box<Inside>);

#[derive(Debug)]
struct Inside {
    what: What,
    key: Option<String>,
    span: Option<Span>,
    in_list: bool,
}

#[derive(Debug)]
enum What {
    /// The words, and the next step.
    Words(String, Option<String>),
    Wrong {
        expected: String,
        found: String,
        help: Option<String>,
    },
    Key(String, &'static [&'static str]),
    Variant(String, &'static [&'static str]),
}

impl Fault {
    fn new(what: What) -> Self {
        Self(Box::new(Inside { what, key: None, span: None, in_list: false }))
    }

    pub fn wrong(expected: impl Into<String>, found: &str, help: Option<String>) -> Self {
        Self::new(What::Wrong { expected: expected.into(), found: format!("`{}`", cut(found)), help })
    }

    pub fn malformed_variable(text: &str) -> Self {
        let help = "write `${NAME}` or `${NAME:-default}`; `$$` is a dollar";
        Self::new(What::Words(format!("`{}` is not a variable", cut(text)), Some(help.to_owned())))
    }

    pub fn not_a_bool(found: &str) -> Self {
        let help = match found.to_ascii_lowercase().as_str() {
            "yes" | "on" | "y" | "true" => Some("write `true`, without quotes".to_owned()),
            "no" | "off" | "n" | "false" => Some("write `false`, without quotes".to_owned()),
            _ => None,
        };
        Self::wrong("true or false", found, help)
    }

    /// A text that YAML takes for a truth value.
    pub fn quote(found: &str) -> Self {
        Self::wrong("text", found, Some(format!("if you mean the text, put it in quotes: \"{found}\"")))
    }

    /// The innermost place wins.
    pub fn at(mut self, span: Span) -> Self {
        self.0.span.get_or_insert(span);
        self
    }

    /// The innermost key wins.
    pub fn of(mut self, key: &str) -> Self {
        self.0.key.get_or_insert_with(|| key.to_owned());
        self
    }

    pub fn entry(mut self) -> Self {
        self.0.in_list |= self.0.key.is_none();
        self
    }

    pub fn trouble(self) -> Trouble {
        let inside = *self.0;
        let key = inside.key.unwrap_or_default();
        let (what, help) = match inside.what {
            What::Words(what, help) => (what, help),
            What::Wrong { expected, found, help } => (wrong(&key, inside.in_list, &expected, &found), help),
            What::Key(found, known) => unknown("key", &found, known),
            What::Variant(found, known) => unknown(&key.replace('_', " "), &found, known),
        };
        Trouble { span: inside.span.unwrap_or_default(), what, help, also: None }
    }
}

fn wrong(key: &str, in_list: bool, expected: &str, found: &str) -> String {
    let subject = match (key, in_list) {
        ("", _) => "the settings".to_owned(),
        (key, true) => format!("an entry of `{}`", cut(key)),
        (key, false) => format!("`{}`", cut(key)),
    };
    if mask::is_secret(key) || key.ends_with("url") {
        return format!("{subject} must be {expected}");
    }
    format!("{subject} must be {expected}, not {found}")
}

/// The words about a name that is none of the known, and the nearest or all of those.
pub(super) fn unknown(noun: &str, found: &str, known: &[&str]) -> (String, Option<String>) {
    let help = match nearest(found, known.iter().copied()) {
        Some(name) => format!("did you mean `{name}`?"),
        None if known.len() > 16 => "`shed settings schema` lists the keys".to_owned(),
        None => format!("known here: {}", known.join(", ")),
    };
    (format!("unknown {noun} `{}`", cut(found)), Some(help))
}

impl Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(What::Words(message.to_string(), None))
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let found = match found {
            Unexpected::Unit | Unexpected::Option => "nothing".to_owned(),
            Unexpected::Seq => "a list".to_owned(),
            Unexpected::Map => "a map".to_owned(),
            Unexpected::Str(text) => format!("`{}`", cut(text)),
            Unexpected::Bool(value) => format!("`{value}`"),
            Unexpected::Signed(value) => format!("`{value}`"),
            Unexpected::Unsigned(value) => format!("`{value}`"),
            Unexpected::Float(value) => format!("`{value}`"),
            other => other.to_string(),
        };
        Self::new(What::Wrong { expected: words_of(&expected.to_string()), found, help: None })
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::new(What::Key(field.to_owned(), expected))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::new(What::Variant(variant.to_owned(), expected))
    }
}

/// Serde's own names of what it expects, in the user's words.
fn words_of(expected: &str) -> String {
    match expected {
        "a string" => "text",
        "a boolean" => "true or false",
        "u16" => "a number from 0 to 65535",
        "u32" | "u64" | "usize" => "a number from 0",
        other if other.starts_with("struct ") || other == "a map" => "a map",
        other if other.starts_with("a sequence") => "a list",
        other => other,
    }
    .to_owned()
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0.what)
    }
}

impl std::error::Error for Fault {}
