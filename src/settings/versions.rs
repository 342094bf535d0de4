//! Where a project's revisions are.

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::settings::paths;
use crate::settings::units::OneOrMany;

/// `versions` as it is written.
#[derive(Debug)]
pub(super) enum Written {
    List(Vec<String>),
    PerDialect(PerDialect),
}

/// Folders for each dialect.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct PerDialect {
    /// Folders of the revisions for SQLite.
    sqlite: OneOrMany<String>,
    /// Folders of the revisions for PostgreSQL.
    postgres: OneOrMany<String>,
}

/// One place of revisions.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum VersionsEntry {
    Folder(PathBuf),
    /// `package:folder`, resolved in the project's interpreter.
    Package(String),
}

/// The places of a project's revisions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Versions {
    /// In the folder of the module.
    Default,
    List(Vec<VersionsEntry>),
    PerDialect {
        sqlite: Vec<VersionsEntry>,
        postgres: Vec<VersionsEntry>,
    },
}

impl Written {
    pub fn places(self, root: &Path) -> Versions {
        let entries = |written: Vec<String>| written.iter().map(|text| entry(text, root)).collect();
        match self {
            Self::List(list) => Versions::List(entries(list)),
            Self::PerDialect(PerDialect { sqlite, postgres }) => {
                Versions::PerDialect { sqlite: entries(sqlite.0), postgres: entries(postgres.0) }
            }
        }
    }
}

/// `package:folder` where the part before the colon can be a package; a path has `/` or `.` in front of it.
pub(super) fn entry(text: &str, root: &Path) -> VersionsEntry {
    let is_package = |package: &str| {
        !package.is_empty()
            && package.split('.').all(|part| !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || c == '_'))
    };
    match text.split_once(':') {
        Some((package, _)) if is_package(package) => VersionsEntry::Package(text.to_owned()),
        _ => VersionsEntry::Folder(paths::absolute(root, text)),
    }
}

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Either)
    }
}

struct Either;

impl<'de> Visitor<'de> for Either {
    type Value = Written;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a folder, a list of folders, or a map of `sqlite` and `postgres`")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Written, E> {
        Ok(Written::List(vec![text.to_owned()]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Written, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(list)).map(Written::List)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Written, A::Error> {
        PerDialect::deserialize(MapAccessDeserializer::new(map)).map(Written::PerDialect)
    }
}

impl JsonSchema for Written {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Versions".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let list = generator.subschema_for::<Vec<String>>();
        let per_dialect = generator.subschema_for::<PerDialect>();
        json_schema!({"anyOf": [{"type": "string"}, list, per_dialect]})
    }
}
