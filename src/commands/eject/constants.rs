//! What an env.py without shed needs to know, as constants of Python.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::error::Result;
use crate::settings::{Module, Options};

use super::super::Scope;
use super::super::scope::Chosen;
use super::url::Place;
use super::{Written, from, python_path};

/// One line of the file.
#[derive(Serialize, JsonSchema)]
pub struct Constant {
    name: &'static str,
    value: String,
    about: String,
}

/// Values that may come from the environment: they are left out then.
pub const MAY_VARY: [&str; 13] = [
    "alembic",
    "env",
    "configure",
    "version_table",
    "version_table_schema",
    "schemas",
    "include_tables",
    "exclude_tables",
    "schema",
    "schema_translate_map",
    "on_connect",
    "script_imports",
    "setup",
];
/// Files of a folder without `__init__.py` that are no models.
const NOT_MODELS: [&str; 3] = ["__main__", "conftest", "setup"];

pub fn of(
    scope: &Scope<'_>,
    chosen: &Chosen<'_>,
    dir: &Path,
    written: &Written,
    place: &Place,
) -> Result<Vec<Constant>> {
    let project = chosen.project;
    let options = chosen.database.as_ref().map(|database| &database.options);
    let path = |module: &Module| match module {
        Module::Path(path) => below(dir, path),
        Module::Name(name) => name.clone(),
    };
    let modules: Vec<String> = project.module.iter().flat_map(files).map(|module| path(&module)).collect();
    let folders: Vec<String> = python_path(project).iter().map(|folder| from(dir, folder)).collect();
    let env: serde_json::Map<String, Value> =
        project.env.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
    let password = "a password comes from PGPASSWORD or ~/.pgpass, or in a URL in the variable";
    let has_default = place.default.as_deref().is_some_and(|url| url.starts_with("postgresql"));
    let mut constants = vec![
        constant("URL_VARIABLE", place.variable.as_str(), ""),
        constant("DEFAULT_URL", place.default.as_deref(), if has_default { password } else { "" }),
        constant("PYTHONPATH", folders, ""),
        constant("MODULES", modules, ""),
        constant("METADATA", project.metadata.clone(), ""),
        constant("AUTO_DISCOVERY", project.auto_discovery, ""),
        constant("HOOKS", project.hooks.as_ref().map(path), ""),
    ];
    let mut add = |name: &'static str, key: &str, value: Value| {
        let varies = written.varies(key);
        let value = if varies { nothing(&value) } else { value };
        constants.push(constant(name, value, ""));
    };
    add("SETUP", "setup", json!(project.setup));
    add("SCRIPT_IMPORTS", "script_imports", json!(project.script_imports));
    add("CONFIGURE", "configure", Value::Object(project.configure.clone()));
    add("ENV", "env", Value::Object(env));
    of_database(options, &mut add);
    constants.push(constant("OTHER_VERSION_TABLES", version_tables(scope)?, ""));
    Ok(constants)
}

fn of_database(options: Option<&Options>, add: &mut impl FnMut(&'static str, &str, Value)) {
    let table = options.and_then(|options| options.version_table.clone());
    add("VERSION_TABLE", "version_table", json!(table.unwrap_or_else(|| "alembic_version".to_owned())));
    let Some(options) = options else { return };
    let time = |time: Option<std::time::Duration>| json!(time.map(|time| format!("{}ms", time.as_millis())));
    add("VERSION_TABLE_SCHEMA", "version_table_schema", json!(options.version_table_schema));
    add("SCHEMAS", "schemas", json!(options.schemas));
    add("INCLUDE_TABLES", "include_tables", json!(options.include_tables));
    add("EXCLUDE_TABLES", "exclude_tables", json!(options.exclude_tables));
    add("SCHEMA", "schema", json!(options.schema));
    add("SCHEMA_TRANSLATE_MAP", "schema_translate_map", json!(options.schema_translate_map));
    add("ON_CONNECT", "on_connect", json!(options.on_connect));
    add("TRANSACTIONAL", "transactional", json!(options.transactional));
    add("LOCK_TIMEOUT", "lock_timeout", time(options.lock_timeout));
    add("STATEMENT_TIMEOUT", "statement_timeout", time(options.statement_timeout));
}

/// Every version table of the settings: autogenerate leaves those of others alone.
fn version_tables(scope: &Scope<'_>) -> Result<Vec<String>> {
    let databases = scope.settings.projects()?.values().flat_map(|project| project.db.values());
    let table = |options: &Options| options.version_table.clone().unwrap_or_else(|| "alembic_version".to_owned());
    let mut tables: Vec<String> = databases.map(|database| table(&database.options)).collect();
    tables.sort();
    tables.dedup();
    Ok(tables)
}

/// A folder that is no package stands for its files.
fn files(module: &Module) -> Vec<Module> {
    let Module::Path(folder) = module else { return vec![module.clone()] };
    if !folder.is_dir() || folder.join("__init__.py").is_file() {
        return vec![module.clone()];
    }
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_models = |path: &PathBuf| {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let is_word = stem.chars().all(|c| c.is_alphanumeric() || c == '_');
        path.extension().is_some_and(|extension| extension == "py")
            && is_word
            && !NOT_MODELS.contains(&stem.as_str())
            && !stem.starts_with("test_")
    };
    let mut files: Vec<PathBuf> = entries.filter(is_models).collect();
    files.sort();
    files.into_iter().map(Module::Path).collect()
}

/// A path that looks like one.
fn below(dir: &Path, path: &Path) -> String {
    let way = from(dir, path);
    if way.contains('/') || way.ends_with(".py") { way } else { format!("./{way}") }
}

fn constant(name: &'static str, value: impl Serialize, about: &str) -> Constant {
    let value = serde_json::to_value(value).unwrap_or(Value::Null);
    Constant { name, value: python(&value), about: about.to_owned() }
}

/// What stands where a value is left out.
fn nothing(value: &Value) -> Value {
    match value {
        Value::Array(_) => json!([]),
        Value::Object(_) => json!({}),
        _ => Value::Null,
    }
}

/// As Python writes it.
fn python(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Array(items) => format!("[{}]", items.iter().map(python).collect::<Vec<_>>().join(", ")),
        Value::Object(pairs) => {
            let pairs = pairs.iter().map(|(key, value)| format!("{}: {}", python(&key.as_str().into()), python(value)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_written_as_python_writes_it() {
        let value = json!({"a": [true, null, 1.5, "x\n\"y\" ü"], "b": {}});
        assert_eq!(python(&value), "{\"a\": [True, None, 1.5, \"x\\n\\\"y\\\" ü\"], \"b\": {}}");
    }
}
