//! Serde reads the typed settings from the tree; every error takes the place of the value it is about.

use std::borrow::Cow;

use serde::de::value::StrDeserializer;
use serde::de::{self, Deserializer, IntoDeserializer, Unexpected, Visitor};

use crate::settings::de_walk::{Entries, Items, One};
use crate::settings::fault::Fault;
use crate::settings::tree::{Data, Node, Scalar, Style, is_null};
use crate::settings::variables::{Unexpanded, Variables};

/// A value that serde reads. One whose variable is missing counts as not written.
#[derive(Clone, Copy)]
pub(super) struct De<'a> {
    pub node: &'a Node,
    pub variables: &'a Variables,
}

/// A scalar as serde sees it.
enum Value<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Cow<'a, str>),
}

pub(super) type Result<T> = std::result::Result<T, Fault>;

impl<'a> De<'a> {
    fn text(&self, scalar: &'a Scalar) -> Result<Cow<'a, str>> {
        match self.variables.expand(&scalar.text) {
            Ok(text) => Ok(text),
            Err(Unexpanded::Missing(_)) => Ok(Cow::Borrowed("")),
            Err(Unexpanded::Malformed(text)) => Err(Fault::malformed_variable(&text)),
        }
    }

    fn value(&self, scalar: &'a Scalar) -> Result<Value<'a>> {
        let text = self.text(scalar)?;
        let expanded = matches!(text, Cow::Owned(_));
        Ok(match scalar.style {
            Style::Plain if !expanded && is_null(&text) => Value::Null,
            Style::Plain => resolve(text),
            Style::Quoted | Style::Block => Value::Text(text),
        })
    }

    /// As `value`, but what a variable gave counts as unquoted, since `"${PORT}"` needs its quotes in a flow map.
    fn unquoted(&self, scalar: &'a Scalar) -> Result<Value<'a>> {
        Ok(match self.value(scalar)? {
            Value::Text(text @ Cow::Owned(_)) => resolve(text),
            value => value,
        })
    }

    pub fn missing(&self) -> bool {
        let missing = |scalar: &Scalar| matches!(self.variables.expand(&scalar.text), Err(Unexpanded::Missing(_)));
        self.node.scalar().is_some_and(missing)
    }

    pub fn of(&self, node: &'a Node) -> Self {
        Self { node, ..*self }
    }

    fn wrong<T>(&self, expected: &dyn de::Expected) -> Result<T> {
        match &self.node.data {
            Data::List(_) => Err(de::Error::invalid_type(Unexpected::Seq, expected)),
            Data::Map(_) => Err(de::Error::invalid_type(Unexpected::Map, expected)),
            Data::Scalar(scalar) => match self.value(scalar)? {
                Value::Null => Err(de::Error::invalid_type(Unexpected::Unit, expected)),
                _ => Err(de::Error::invalid_type(Unexpected::Str(&self.text(scalar)?), expected)),
            },
        }
    }
}

/// YAML 1.2's core schema, decimal numbers only.
fn resolve(text: Cow<'_, str>) -> Value<'_> {
    match text.as_ref() {
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.')) {
        return Value::Text(text);
    }
    if let Ok(number) = text.parse() {
        return Value::Int(number);
    }
    match text.parse() {
        Ok(number) if text.contains(|c: char| c.is_ascii_digit()) => Value::Float(number),
        _ => Value::Text(text),
    }
}

macro_rules! numbers {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
            if let Some(scalar) = self.node.scalar()
                && let Value::Int(number) = self.unquoted(scalar)?
            {
                return visitor.visit_i64(number);
            }
            self.wrong(&visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for De<'de> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match &self.node.data {
            Data::List(items) => visitor.visit_seq(Items { de: self, items: items.iter() }),
            Data::Map(map) => visitor.visit_map(Entries::new(self, map)),
            Data::Scalar(scalar) => match self.value(scalar)? {
                Value::Null => visitor.visit_unit(),
                Value::Bool(value) => visitor.visit_bool(value),
                Value::Int(value) => visitor.visit_i64(value),
                Value::Float(value) => visitor.visit_f64(value),
                Value::Text(text) => visitor.visit_str(&text),
            },
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let Some(scalar) = self.node.scalar() else {
            return self.wrong(&visitor);
        };
        if self.missing() {
            return visitor.visit_bool(false);
        }
        match self.unquoted(scalar)? {
            Value::Bool(value) => visitor.visit_bool(value),
            Value::Text(text) => Err(Fault::not_a_bool(&text)),
            _ => self.wrong(&"true or false"),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let Some(scalar) = self.node.scalar() else {
            return self.wrong(&visitor);
        };
        match self.value(scalar)? {
            Value::Null if !self.missing() => self.wrong(&visitor),
            Value::Bool(_) => Err(Fault::quote(&scalar.text)),
            // A number stays as it is written: `1.10` is no `1.1`.
            _ => visitor.visit_str(&self.text(scalar)?),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_string(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        if self.node.is_null() || self.missing() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match &self.node.data {
            Data::List(items) => visitor.visit_seq(Items { de: self, items: items.iter() }),
            _ if self.node.is_null() || self.missing() => visitor.visit_seq(Items { de: self, items: [].iter() }),
            _ => self.wrong(&"a list"),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match &self.node.data {
            Data::Map(map) => visitor.visit_map(Entries::new(self, map)),
            _ if self.node.is_null() => visitor.visit_map(Entries { de: self, entries: [].iter(), current: None }),
            _ => self.wrong(&"a map"),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        match self.node.scalar() {
            Some(scalar) if !self.node.is_null() => {
                let text = self.text(scalar)?;
                let name: StrDeserializer<'_, Fault> = text.as_ref().into_deserializer();
                visitor.visit_enum(name)
            }
            _ => self.wrong(&"a word"),
        }
    }

    /// `OneOrMany` takes a single value as a list of one; `Word` takes any scalar as it is written.
    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value> {
        match (name, &self.node.data) {
            ("OneOrMany", Data::Scalar(_) | Data::Map(_)) if !self.node.is_null() && !self.missing() => {
                visitor.visit_newtype_struct(de::value::SeqAccessDeserializer::new(One(Some(self))))
            }
            ("Word", Data::Scalar(scalar)) if !self.node.is_null() => {
                let text = self.text(scalar)?;
                let text: StrDeserializer<'_, Fault> = text.as_ref().into_deserializer();
                visitor.visit_newtype_struct(text)
            }
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_unit()
    }

    numbers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
    }

    serde::forward_to_deserialize_any! {
        i128 u128 f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct identifier
    }
}
