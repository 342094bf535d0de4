//! What `shed models` found, in words and as data.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::output::Report;

use super::Told;

/// The models of one project.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Inventory {
    pub target: String,
    pub models: Vec<Model>,
    /// With --verify: what is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub findings: Option<Vec<Finding>>,
    /// With --verify: why the types were not tried on a kind of database.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_tried: Vec<String>,
    /// Whether the names alone are printed.
    #[serde(skip)]
    pub names: bool,
}

/// A class with its table, or a table without a class.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Model {
    pub class: Option<String>,
    pub module: Option<String>,
    pub file: Option<String>,
    pub line: Option<u64>,
    /// The model that it derives from, where that has a table.
    pub inherits: Option<String>,
    pub schema: Option<String>,
    pub table: String,
    pub columns: Vec<Column>,
    pub primary_key: Option<Key>,
    pub foreign_keys: Vec<ForeignKey>,
    pub unique: Vec<Key>,
    pub indexes: Vec<Index>,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Column {
    pub name: String,
    /// As the project's database writes it.
    #[serde(rename = "type")]
    pub kind: String,
    pub nullable: bool,
    pub primary_key: bool,
    /// Where it is in the class.
    pub line: Option<u64>,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Key {
    pub name: Option<String>,
    pub columns: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ForeignKey {
    pub name: Option<String>,
    pub columns: Vec<String>,
    /// The columns that it refers to, as `table.column`.
    pub references: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Index {
    pub name: Option<String>,
    pub columns: Vec<String>,
    pub unique: bool,
}

/// Something that is wrong with the models.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// `not-imported`, `two-classes`, `no-primary-key`, `missing-table`, `unnamed-constraint`, `name-too-long` or `round-trip`.
    pub id: String,
    pub what: String,
    /// What to do about it.
    pub help: String,
    pub file: Option<String>,
    pub line: Option<u64>,
    pub table: Option<String>,
    pub column: Option<String>,
}

impl Inventory {
    pub(super) fn take(&mut self, all: Vec<Told>) {
        for told in all {
            self.models.extend(told.models);
            self.findings.get_or_insert_default().extend(told.findings);
            self.not_tried.extend(told.not_tried);
        }
    }
}

impl Model {
    fn name(&self) -> &str {
        self.class.as_deref().unwrap_or(&self.table)
    }
}

/// `/app/models.py:12`, or what is known of it.
struct At<'a>(&'a Option<String>, Option<u64>);

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0, self.1) {
            (Some(file), Some(line)) => write!(f, "{file}:{line}"),
            (Some(file), None) => f.write_str(file),
            (None, _) => f.write_str("?"),
        }
    }
}

impl fmt::Display for Inventory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.findings {
            Some(findings) if findings.is_empty() => {
                let count = self.models.len();
                writeln!(f, "{count} model{}, nothing found", if count == 1 { "" } else { "s" })
            }
            Some(findings) => findings.iter().try_for_each(|finding| writeln!(f, "{finding}")),
            None if self.names => self.models.iter().try_for_each(|model| writeln!(f, "{}", model.name())),
            None => self.models.iter().enumerate().try_for_each(|(place, model)| {
                let space = if place == 0 { "" } else { "\n" };
                write!(f, "{space}{model}")
            }),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}: {}", At(&self.file, self.line), self.id, self.what)?;
        write!(f, "  help: {}", self.help)
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let table = self.schema.iter().map(|schema| format!("{schema}.{}", self.table)).next();
        let table = table.unwrap_or_else(|| self.table.clone());
        match &self.class {
            Some(class) => writeln!(f, "{class}  table {table}  {}", At(&self.file, self.line))?,
            None => writeln!(f, "table {table}  {}", At(&self.file, self.line))?,
        }
        let width = |text: fn(&Column) -> &str| self.columns.iter().map(|column| text(column).chars().count()).max();
        let (names, types) = (width(|column| &column.name), width(|column| &column.kind));
        for column in &self.columns {
            let (names, types) = (names.unwrap_or_default(), types.unwrap_or_default());
            let line = format!("  {:names$}  {:types$}  {}", column.name, column.kind, self.remarks(column));
            writeln!(f, "{}", line.trim_end())?;
        }
        self.unique
            .iter()
            .try_for_each(|key| writeln!(f, "  unique{} ({})", named(&key.name), key.columns.join(", ")))?;
        self.indexes.iter().try_for_each(|index| {
            let unique = if index.unique { "unique " } else { "" };
            writeln!(f, "  {unique}index{} ({})", named(&index.name), index.columns.join(", "))
        })?;
        self.foreign_keys.iter().filter(|key| key.columns.len() > 1).try_for_each(|key| {
            let (columns, references) = (key.columns.join(", "), key.references.join(", "));
            writeln!(f, "  foreign key{} ({columns}) -> {references}", named(&key.name))
        })
    }
}

impl Model {
    /// What is worth saying of a column beside its type.
    fn remarks(&self, column: &Column) -> String {
        let own = |key: &&ForeignKey| key.columns == [column.name.as_str()];
        let references = self.foreign_keys.iter().filter(own).map(|key| format!("-> {}", key.references.join(", ")));
        let primary = column.primary_key.then(|| "primary key".to_owned());
        let null = column.nullable.then(|| "null".to_owned());
        primary.into_iter().chain(null).chain(references).collect::<Vec<_>>().join("  ")
    }
}

fn named(name: &Option<String>) -> String {
    name.as_ref().map(|name| format!(" {name}")).unwrap_or_default()
}

impl Report for Inventory {
    fn ok(&self) -> bool {
        self.findings.as_ref().is_none_or(Vec::is_empty)
    }
}
