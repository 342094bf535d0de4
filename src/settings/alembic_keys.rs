//! Alembic's own keys, by their names in its ini, and its post-write hooks and log levels.

use std::borrow::Cow;
use std::fmt;

use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Unexpected, Visitor};

use crate::settings::units::{OneOrMany, Word};

/// Every key of `[alembic]` that has a meaning here.
const KEYS: [&str; 15] = [
    "file_template",
    "truncate_slug_length",
    "timezone",
    "sourceless",
    "revision_environment",
    "output_encoding",
    "databases",
    "version_locations",
    "recursive_version_locations",
    "path_separator",
    "version_path_separator",
    "prepend_sys_path",
    "post_write_hooks",
    "log_levels",
    "sqlalchemy.*",
];

const LEVELS: [&str; 7] = ["DEBUG", "INFO", "WARNING", "WARN", "ERROR", "CRITICAL", "NOTSET"];

/// `alembic` as it is written.
#[derive(Debug, Default)]
pub(super) struct Alembic {
    pub options: IndexMap<String, OneOrMany<Word>>,
    pub post_write_hooks: Vec<Hook>,
    pub log_levels: IndexMap<String, Option<Level>>,
}

/// One post-write hook: `name`, `type`, and what its type needs.
#[derive(Debug)]
pub(super) struct Hook(pub IndexMap<String, Word>);

/// A level of Python's logging.
#[derive(Debug)]
pub(super) struct Level(pub String);

/// A key of `alembic`, checked where its place is known.
struct Key(String);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let key = String::deserialize(deserializer)?;
        let own = |words: &str| Err(D::Error::custom(format!("`{key}` is written by shed itself: {words}")));
        match key.as_str() {
            "script_location" => own("`versions`, `script_template` and `env_py` say what it would"),
            "sqlalchemy.url" => own("the connection stands under `db`"),
            known if KEYS.contains(&known) || known.starts_with("sqlalchemy.") => Ok(Self(key)),
            unknown => Err(D::Error::unknown_field(unknown, &KEYS)),
        }
    }
}

impl<'de> Deserialize<'de> for Alembic {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Keys)
    }
}

struct Keys;

impl<'de> Visitor<'de> for Keys {
    type Value = Alembic;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Alembic, A::Error> {
        let mut alembic = Alembic::default();
        while let Some(Key(key)) = map.next_key()? {
            match key.as_str() {
                "post_write_hooks" => alembic.post_write_hooks = map.next_value()?,
                "log_levels" => alembic.log_levels = map.next_value()?,
                "recursive_version_locations" | "sourceless" | "revision_environment" => {
                    let value: bool = map.next_value()?;
                    alembic.options.insert(key, OneOrMany(vec![Word(value.to_string())]));
                }
                "truncate_slug_length" => {
                    let value: u32 = map.next_value()?;
                    alembic.options.insert(key, OneOrMany(vec![Word(value.to_string())]));
                }
                _ => {
                    let value = map.next_value()?;
                    alembic.options.insert(key, value);
                }
            }
        }
        Ok(alembic)
    }
}

impl<'de> Deserialize<'de> for Hook {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let hook = IndexMap::<String, Word>::deserialize(deserializer)?;
        let needs = |key: &str| match hook.contains_key(key) {
            true => Ok(()),
            false => Err(D::Error::custom(format!("a post-write hook needs `{key}`"))),
        };
        needs("name")?;
        needs("type")?;
        match hook.get("type").map(|kind| kind.0.as_str()) {
            Some("console_scripts") => needs("entrypoint")?,
            Some("exec") => needs("executable")?,
            Some("module") => needs("module")?,
            _ => {}
        }
        Ok(Self(hook))
    }
}

impl<'de> Deserialize<'de> for Level {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let level = String::deserialize(deserializer)?;
        match LEVELS.contains(&level.to_uppercase().as_str()) {
            true => Ok(Self(level.to_uppercase())),
            false => Err(D::Error::invalid_value(Unexpected::Str(&level), &"DEBUG, INFO, WARNING, ERROR or CRITICAL")),
        }
    }
}

impl JsonSchema for Alembic {
    fn schema_name() -> Cow<'static, str> {
        "Alembic".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let value = generator.subschema_for::<OneOrMany<Word>>();
        let named = KEYS.iter().filter(|key| !key.contains('*'));
        let mut properties: serde_json::Map<String, serde_json::Value> =
            named.map(|key| ((*key).to_owned(), value.clone().to_value())).collect();
        for key in ["recursive_version_locations", "sourceless", "revision_environment"] {
            properties.insert(key.to_owned(), serde_json::json!({"type": "boolean"}));
        }
        properties.insert("truncate_slug_length".to_owned(), serde_json::json!({"type": "integer", "minimum": 0}));
        let word = generator.subschema_for::<Word>().to_value();
        let hook = serde_json::json!({"type": "object", "required": ["name", "type"], "additionalProperties": word});
        properties.insert("post_write_hooks".to_owned(), serde_json::json!({"type": "array", "items": hook}));
        let levels = serde_json::json!({"type": "object", "additionalProperties": {"enum": LEVELS}});
        properties.insert("log_levels".to_owned(), levels);
        json_schema!({
            "type": ["object", "null"],
            "properties": properties,
            "patternProperties": {"^sqlalchemy\\.(?!url$)": value},
            "additionalProperties": false,
        })
    }
}
