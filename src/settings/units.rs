//! Durations (`60s`), sizes (`1GiB`), a value or a list of them, and words of any kind, as settings write them.

use std::borrow::Cow;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};

/// A duration such as `60s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Time(pub Duration);

/// A number of bytes such as `1GiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size(pub u64);

/// One value, or a list of them. The reader (`de.rs`) knows this type by its name.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
pub(super) struct OneOrMany<T>(pub Vec<T>);

/// Text, a number, true or false, as it is written. The reader (`de.rs`) knows this type by its name.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
pub(super) struct Word(pub String);

impl<T> Default for OneOrMany<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

const TIMES: [(&str, u64); 5] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
const SIZES: [(&str, u64); 10] = [
    ("B", 1),
    ("kB", 1000),
    ("KB", 1000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

fn number_with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim_start();
    let factor = units.iter().find(|(name, _)| *name == unit)?.1;
    number.parse::<u64>().ok()?.checked_mul(factor)
}

/// `60s`, `10m`, `500ms`, `1h`, `2d`.
pub fn duration(text: &str) -> Option<Duration> {
    number_with_unit(text, &TIMES).map(Duration::from_millis)
}

/// `1GiB`, `500MB`, `1024`.
pub fn size(text: &str) -> Option<u64> {
    text.parse().ok().or_else(|| number_with_unit(text, &SIZES))
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = deserializer.deserialize_string(Text("a duration such as 500ms, 60s, 10m, 1h"))?;
        let expected = &"a duration such as 500ms, 60s, 10m, 1h";
        duration(&text).map(Self).ok_or_else(|| D::Error::invalid_value(Unexpected::Str(&text), expected))
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = deserializer.deserialize_string(Text("a size such as 500MB or 1GiB"))?;
        let expected = &"a size such as 500MB or 1GiB";
        size(&text).map(Self).ok_or_else(|| D::Error::invalid_value(Unexpected::Str(&text), expected))
    }
}

/// A text, or an error that says what was expected.
struct Text(&'static str);

impl Visitor<'_> for Text {
    type Value = String;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }
}

impl JsonSchema for Time {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": r"^([0-9]+ *(ms|s|m|h|d)|.*\$\{.*)$", "examples": ["60s", "10m", "500ms"]})
    }
}

impl JsonSchema for Size {
    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let pattern = r"^([0-9]+ *(B|kB|KB|MB|GB|TB|KiB|MiB|GiB|TiB)?|.*\$\{.*)$";
        json_schema!({"type": ["string", "integer"], "pattern": pattern, "examples": ["1GiB", "500MB"]})
    }
}

impl<T: JsonSchema> JsonSchema for OneOrMany<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("OneOrMany_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<T>();
        let many = generator.subschema_for::<Vec<T>>();
        json_schema!({"anyOf": [one, many, {"type": "null"}]})
    }
}

impl JsonSchema for Word {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Word".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": ["string", "number", "boolean"]})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_need_known_units() {
        assert_eq!(duration("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(duration("10m"), Some(Duration::from_secs(600)));
        assert_eq!([duration("60"), duration("s"), duration("1 week"), duration("99999999999999999999s")], [None; 4]);
        assert_eq!([size("1GiB"), size("12"), size("3 MB")], [Some(1 << 30), Some(12), Some(3_000_000)]);
        assert_eq!([size("1gb"), size("GiB"), size("99999999999TiB")], [None; 3]);
    }
}
