//! The lists and maps of the tree as serde walks through them.

use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeSeed, IntoDeserializer};

use crate::settings::de::{De, Result};
use crate::settings::fault::Fault;
use crate::settings::source::Span;
use crate::settings::tree::{Data, Entry, Item, Map};

/// A list.
pub(super) struct Items<'a> {
    pub de: De<'a>,
    pub items: std::slice::Iter<'a, Item>,
}

impl<'de> de::SeqAccess<'de> for Items<'de> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        let de = self.de;
        let Some(item) = self.items.by_ref().find(|item| !de.of(&item.node).missing()) else {
            return Ok(None);
        };
        seed.deserialize(de.of(&item.node)).map(Some).map_err(|fault| fault.at(item.span()).entry())
    }
}

/// A value that stands for a list of one.
pub(super) struct One<'a>(pub Option<De<'a>>);

impl<'de> de::SeqAccess<'de> for One<'de> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        self.0.take().map(|de| seed.deserialize(de)).transpose()
    }
}

/// A map.
pub(super) struct Entries<'a> {
    pub de: De<'a>,
    pub entries: std::slice::Iter<'a, Entry>,
    pub current: Option<&'a Entry>,
}

impl<'a> Entries<'a> {
    pub fn new(de: De<'a>, map: &'a Map) -> Self {
        Self { de, entries: map.entries.iter(), current: None }
    }
}

impl<'de> de::MapAccess<'de> for Entries<'de> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        self.current = self.entries.next();
        let Some(entry) = self.current else { return Ok(None) };
        let key: StrDeserializer<'_, Fault> = IntoDeserializer::into_deserializer(&*entry.key);
        seed.deserialize(key).map(Some).map_err(|fault| fault.at(entry.key_span))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value> {
        let Some(entry) = self.current else {
            return Err(de::Error::custom("a value without a key"));
        };
        let span = entry.item.span();
        let place = if span.start == span.end { entry.key_span } else { first_line(span, entry) };
        seed.deserialize(self.de.of(entry.node())).map_err(|fault| fault.at(place).of(&entry.key))
    }
}

/// A whole map or list in a block is too much to underline: its key is.
fn first_line(span: Span, entry: &Entry) -> Span {
    let block = !matches!(&entry.node().data, Data::Scalar(_)) && entry.item.alias.is_none();
    if block { entry.key_span } else { span }
}
