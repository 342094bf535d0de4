//! What an alembic.ini and a pyproject.toml say, as Alembic puts them together: the ini wins.

use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use serde_json::{Map, Value};

use crate::error::{Error, Result};

use super::ini::Ini;

/// One section of an alembic.ini, `[tool.alembic]`, or both.
#[derive(Debug, Clone)]
pub struct Config {
    /// The file that names the scripts.
    pub file: PathBuf,
    pub section: String,
    ini: Option<Ini>,
    toml: Map<String, Value>,
}

/// What of `[alembic]` is put elsewhere, or says nothing.
const ELSEWHERE: [&str; 8] = [
    "script_location",
    "version_locations",
    "path_separator",
    "version_path_separator",
    "prepend_sys_path",
    "recursive_version_locations",
    "sqlalchemy.url",
    "post_write_hooks",
];
/// What goes under `alembic` by its own name.
const CARRIED: [&str; 7] = [
    "file_template",
    "timezone",
    "truncate_slug_length",
    "sourceless",
    "revision_environment",
    "output_encoding",
    "databases",
];
/// What Alembic's own templates say of the loggers.
const LEVELS: [(&str, &[&str]); 4] = [
    ("root", &["WARN", "WARNING"]),
    ("sqlalchemy", &["WARN", "WARNING"]),
    ("sqlalchemy.engine", &["WARN", "WARNING"]),
    ("alembic", &["INFO"]),
];

impl Config {
    /// Every section of an ini that tells of scripts, with the pyproject.toml beside it.
    pub fn of_ini(file: &Path) -> Result<Vec<Self>> {
        let here = file.parent().unwrap_or(Path::new("/"));
        let ini = Ini::read(&read(file)?, &here.to_string_lossy());
        let beside = here.join("pyproject.toml");
        let toml = if beside.is_file() { tool_alembic(&beside)? } else { None };
        let toml = toml.unwrap_or_default();
        let logging = ["loggers", "handlers", "formatters", "post_write_hooks"];
        let is_one = |section: &&str| {
            let tells = ["script_location", "version_locations", "sqlalchemy.url"];
            let of_logging = logging.contains(section) || section.contains("logger_");
            !of_logging && (*section == "alembic" || tells.iter().any(|key| ini.keys(section).any(|own| own == *key)))
        };
        let sections: Vec<String> = ini.sections().filter(is_one).map(str::to_owned).collect();
        let config = |section: String| {
            // `-n NAME` reads the ini alone.
            let toml = if section == "alembic" { toml.clone() } else { Map::new() };
            Self { file: file.to_path_buf(), section, ini: Some(ini.clone()), toml }
        };
        Ok(sections.into_iter().map(config).collect())
    }

    /// `[tool.alembic]`, where there is one.
    pub fn of_pyproject(file: &Path) -> Result<Option<Self>> {
        let toml = tool_alembic(file)?;
        Ok(toml.map(|toml| Self { file: file.to_path_buf(), section: "alembic".to_owned(), ini: None, toml }))
    }

    /// A configuration that says nothing.
    pub fn nothing() -> Self {
        Self { file: PathBuf::new(), section: String::new(), ini: None, toml: Map::new() }
    }

    pub fn folder(&self) -> &Path {
        self.file.parent().unwrap_or(Path::new("/"))
    }

    /// A key as text.
    pub fn text(&self, key: &str) -> Option<String> {
        let of_ini = self.ini.as_ref().and_then(|ini| ini.get(&self.section, key));
        of_ini.or_else(|| self.toml.get(key).and_then(|value| self.toml_text(value))).filter(|text| !text.is_empty())
    }

    /// A key of the ini with its `%(…)s` left in.
    pub fn raw(&self, key: &str) -> Option<&str> {
        self.ini.as_ref().and_then(|ini| ini.raw(&self.section, key))
    }

    fn toml_text(&self, value: &Value) -> Option<String> {
        let here = self.folder().to_string_lossy();
        match value {
            Value::String(text) => Some(text.replace("%(here)s", &here).replace("%%", "%")),
            Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
            _ => None,
        }
    }

    /// A list of paths, split as Alembic splits it.
    pub fn paths(&self, key: &str) -> Vec<String> {
        if let Some(Value::Array(list)) = self.toml.get(key).filter(|_| self.raw(key).is_none()) {
            return list.iter().filter_map(|value| self.toml_text(value)).collect();
        }
        let Some(text) = self.text(key) else { return Vec::new() };
        let separator = self.text("path_separator").or_else(|| self.text("version_path_separator"));
        let parts: Vec<&str> = match separator.as_deref() {
            Some("os" | ":") => text.split([':', '\n']).collect(),
            Some(";") => text.split([';', '\n']).collect(),
            Some("newline") => text.split('\n').collect(),
            Some("space") => text.split_whitespace().collect(),
            _ if key == "prepend_sys_path" => text.split([',', ' ', ':', '\n']).collect(),
            _ => text.split([',', ' ', '\n']).collect(),
        };
        parts.into_iter().map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }

    /// Those of the ini's sections that are the engines of one env.py, as Alembic's template `multidb` has them.
    pub fn engines(&self, sections: &[String]) -> Vec<String> {
        let names = self.text("databases").unwrap_or_default();
        let is_one = |name: &&str| sections.iter().any(|section| section == name);
        names.split([',', ' ']).filter(is_one).map(str::to_owned).collect()
    }

    pub fn is_set(&self, key: &str) -> bool {
        self.text(key).is_some_and(|text| ["true", "yes", "on", "1"].contains(&text.to_lowercase().as_str()))
    }

    /// Alembic's own keys, by their names.
    pub fn carried(&self) -> IndexMap<String, String> {
        let engine =
            self.own_keys().into_iter().filter(|key| key.starts_with("sqlalchemy.") && key != "sqlalchemy.url");
        let keys = CARRIED.iter().map(|key| (*key).to_owned()).chain(engine);
        keys.filter_map(|key| self.text(&key).map(|value| (key, value))).collect()
    }

    /// Keys that only this env.py knows.
    pub fn strange(&self) -> Vec<String> {
        let known = |key: &String| {
            ELSEWHERE.contains(&key.as_str()) || CARRIED.contains(&key.as_str()) || key.starts_with("sqlalchemy.")
        };
        self.own_keys().into_iter().filter(|key| !known(key)).collect()
    }

    fn own_keys(&self) -> Vec<String> {
        let of_ini = self.ini.iter().flat_map(|ini| ini.keys(&self.section));
        let mut keys: Vec<String> = of_ini.chain(self.toml.keys().map(String::as_str)).map(str::to_owned).collect();
        keys.dedup();
        keys
    }

    /// The post-write hooks, each with its name and type.
    pub fn hooks(&self) -> Vec<IndexMap<String, String>> {
        if let Some(Value::Array(list)) = self.toml.get("post_write_hooks") {
            let hook = |value: &Value| {
                let pairs = value.as_object().into_iter().flatten();
                pairs.filter_map(|(key, value)| Some((key.clone(), self.toml_text(value)?))).collect()
            };
            return list.iter().map(hook).collect();
        }
        let Some(ini) = &self.ini else { return Vec::new() };
        let names = ini.get("post_write_hooks", "hooks").unwrap_or_default();
        let hook = |name: &str| {
            let name = name.trim();
            let prefix = format!("{}.", name.to_lowercase());
            let own = ini.keys("post_write_hooks").filter_map(|key| key.strip_prefix(&prefix).map(|rest| (key, rest)));
            let values = own.filter_map(|(key, rest)| Some((rest.to_owned(), ini.get("post_write_hooks", key)?)));
            std::iter::once(("name".to_owned(), name.to_owned())).chain(values).collect()
        };
        names.split(',').filter(|name| !name.trim().is_empty()).map(hook).collect()
    }

    /// The loggers whose level is another than in Alembic's own template.
    pub fn levels(&self) -> IndexMap<String, String> {
        let Some(ini) = &self.ini else { return IndexMap::new() };
        let mut levels = IndexMap::new();
        for section in ini.sections().filter(|section| section.starts_with("logger_")) {
            let name = ini.get(section, "qualname").filter(|name| !name.is_empty());
            let name = name.unwrap_or_else(|| section.trim_start_matches("logger_").to_owned());
            let Some(level) = ini.get(section, "level").map(|level| level.to_uppercase()) else { continue };
            let usual = LEVELS.iter().find(|(known, _)| *known == name);
            let known_level = ["DEBUG", "INFO", "WARN", "WARNING", "ERROR", "CRITICAL"].contains(&level.as_str());
            if known_level && usual.is_none_or(|(_, usual)| !usual.contains(&level.as_str())) {
                levels.insert(name, level);
            }
        }
        levels
    }
}

/// The text of a file that is to be adopted.
pub fn read(file: &Path) -> Result<String> {
    let bytes = std::fs::read(file)
        .map_err(|error| Error::environment(format!("could not read {}: {error}", file.display())))?;
    String::from_utf8(bytes).map_err(|_| Error::usage(format!("{} is not UTF-8", file.display())))
}

fn tool_alembic(file: &Path) -> Result<Option<Map<String, Value>>> {
    Ok(pyproject(file)?.pointer("/tool/alembic").and_then(Value::as_object).cloned())
}

/// A pyproject.toml as data.
pub fn pyproject(file: &Path) -> Result<Value> {
    toml::from_str(&read(file)?).map_err(|error| {
        Error::usage(format!("{} is no TOML", file.display())).detail(error.to_string().trim_end().to_owned())
    })
}
