//! An env.py that `shed eject` wrote: its constants are the settings that it was written from.

use std::collections::HashMap;
use std::path::Path;

use serde_yaml::Value as Yaml;

use crate::settings::{normal, relative};

use super::config::Config;
use super::names::Names;
use super::python::Python;
use super::value::{Reference, Value};

/// Below this line nothing depends on the project.
const END: &str = "# Nothing below depends on the project.";
/// The template, whose end an untouched file has.
const TEMPLATE: &str = include_str!("../../templates/env_eject.py.tera");

/// What stands above that line.
pub struct Constants(HashMap<String, Value>);

/// The constants of a file that nobody has changed below them.
pub fn read(python: &Python) -> Option<Constants> {
    let below = |text: &str| text.split_once(END).map(|(_, below)| below.replace("{% endraw %}", "").trim().to_owned());
    if below(python.text())? != below(TEMPLATE)? {
        return None;
    }
    let config = Config::nothing();
    let mut names = Names {
        python,
        config: &config,
        base: python.folder(),
        values: HashMap::new(),
        functions: HashMap::new(),
        options: HashMap::new(),
        elsewhere: &|_: &Reference| None,
    };
    for statement in python.suite() {
        if let ruff_python_ast::Stmt::Assign(assign) = statement {
            let value = names.value(&assign.value);
            assign.targets.iter().for_each(|target| names.bind(target, value.clone()));
        }
    }
    Some(Constants(names.values))
}

impl Constants {
    fn get(&self, name: &str) -> &Value {
        self.0.get(name).unwrap_or(&Value::None)
    }

    /// The URL's variable, and what stands in for it.
    pub fn url(&self) -> Value {
        let name = self.get("URL_VARIABLE").plain().unwrap_or_default();
        Value::variable(&name, Some(self.get("DEFAULT_URL").clone()))
    }

    /// The keys of the project.
    pub fn project_keys(&self, folder: &Path, root: &Path) -> Vec<(String, Yaml)> {
        let place = |text: String| {
            let is_path = text.contains('/') || text.ends_with(".py");
            if is_path { relative(&normal(&folder.join(text)), root) } else { text }
        };
        let mut keys = Vec::new();
        for (key, constant) in [("module", "MODULES"), ("pythonpath", "PYTHONPATH"), ("hooks", "HOOKS")] {
            let value = self.get(constant);
            let list: Vec<Yaml> = match value {
                Value::List(items) => items.iter().filter_map(Value::plain).map(&place).map(Yaml::from).collect(),
                one => one.plain().map(&place).map(Yaml::from).into_iter().collect(),
            };
            keys.push((key, if list.len() == 1 { list[0].clone() } else { Yaml::Sequence(list) }));
        }
        for (key, constant) in [
            ("metadata", "METADATA"),
            ("setup", "SETUP"),
            ("auto_discovery", "AUTO_DISCOVERY"),
            ("script_imports", "SCRIPT_IMPORTS"),
            ("configure", "CONFIGURE"),
            ("version_table", "VERSION_TABLE"),
            ("version_table_schema", "VERSION_TABLE_SCHEMA"),
            ("schemas", "SCHEMAS"),
            ("include_tables", "INCLUDE_TABLES"),
            ("exclude_tables", "EXCLUDE_TABLES"),
            ("schema", "SCHEMA"),
            ("schema_translate_map", "SCHEMA_TRANSLATE_MAP"),
            ("on_connect", "ON_CONNECT"),
            ("lock_timeout", "LOCK_TIMEOUT"),
            ("statement_timeout", "STATEMENT_TIMEOUT"),
            ("env", "ENV"),
        ] {
            keys.extend(self.get(constant).data().map(|value| (key, value)));
        }
        if *self.get("TRANSACTIONAL") == Value::Bool(false) {
            keys.push(("transactional", false.into()));
        }
        keys.into_iter()
            .filter(|(key, value)| says_something(key, value))
            .map(|(key, value)| (key.to_owned(), value))
            .collect()
    }
}

/// What is as it is anyway is left out.
fn says_something(key: &str, value: &Yaml) -> bool {
    match value {
        Yaml::Null => false,
        Yaml::Sequence(list) => !list.is_empty(),
        Yaml::Mapping(map) => !map.is_empty(),
        Yaml::Bool(is) => *is || key == "transactional",
        Yaml::String(text) => key != "version_table" || text != "alembic_version",
        _ => true,
    }
}
