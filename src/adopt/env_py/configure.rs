//! The keywords of `context.configure`.

use ruff_python_ast::{Expr, ExprCall};

use super::super::filters;
use super::super::value::{Reference, Value};
use super::Walk;

/// Callables that a hooks module may have.
const HOOKS: [&str; 8] = [
    "include_object",
    "include_name",
    "process_revision_directives",
    "compare_type",
    "compare_server_default",
    "render_item",
    "on_version_apply",
    "configure",
];
/// What belongs to a run, which shed says itself.
const OF_A_RUN: [&str; 5] = ["connection", "url", "literal_binds", "dialect_opts", "dialect_name"];
impl<'a> Walk<'a> {
    pub(super) fn configure(&mut self, call: &'a ExprCall) {
        let is_offline =
            call.arguments.find_keyword("connection").is_none() && call.arguments.find_keyword("url").is_some();
        if is_offline {
            return;
        }
        if let Some(line) = self.configured.filter(|line| *line != self.python.line(call)) {
            self.reason(call, &format!("a second context.configure, beside line {line}"));
        }
        self.configured = Some(self.python.line(call));
        for keyword in &call.arguments.keywords {
            let value = self.names.value(&keyword.value);
            match &keyword.arg {
                Some(name) => self.keyword(name.as_str(), value, &keyword.value),
                None => match value {
                    Value::Map(pairs) => {
                        pairs.into_iter().for_each(|(name, value)| self.keyword(&name, value, &keyword.value))
                    }
                    _ => self.reason(&keyword.value, "keywords that cannot be told"),
                },
            }
        }
    }

    pub(super) fn keyword(&mut self, name: &str, value: Value, place: &Expr) {
        match (name, value) {
            (name, _) if OF_A_RUN.contains(&name) => {}
            ("target_metadata", value) => self.metadata(value, place),
            ("version_table", value) => match value.written() {
                Some(text) => self.found.version_table = Some(text),
                None => self.reason(place, "the version table's name cannot be told"),
            },
            ("version_table_schema", Value::None) => {}
            ("version_table_schema", value) => match value.written() {
                Some(text) => self.found.version_table_schema = Some(text),
                None => self.reason(place, "the version table's schema cannot be told"),
            },
            ("render_as_batch", Value::Unknown(code)) if code.contains("sqlite") => {}
            (name, Value::Local(function)) => self.local_hook(name, &function, place),
            (name, Value::Reference(function)) if HOOKS.contains(&name) => self.hook(name, &function, place),
            (name, value) => match value.data() {
                // Alembic's own words for "as always".
                Some(serde_yaml::Value::Null) => {}
                Some(data) => drop(self.found.configure.insert(name.to_owned(), data)),
                None => self.reason(place, &format!("`{name}` cannot be told")),
            },
        }
    }

    pub(super) fn metadata(&mut self, value: Value, place: &Expr) {
        let found: Option<Vec<Reference>> = match value {
            Value::None => Some(Vec::new()),
            Value::Reference(reference) => Some(vec![reference]),
            Value::List(items) => {
                let one = |item: Value| if let Value::Reference(reference) = item { Some(reference) } else { None };
                items.into_iter().map(one).collect()
            }
            _ => None,
        };
        match found {
            Some(found) => self.found.metadata = found,
            None => self.reason(place, "target_metadata is computed"),
        }
    }

    /// A callable that env.py imports.
    pub(super) fn hook(&mut self, name: &str, function: &Reference, place: &Expr) {
        let module =
            Reference { names: function.names[..function.names.len().saturating_sub(1)].to_vec(), ..function.clone() };
        let same_name = function.names.last().is_some_and(|last| last == name);
        let module = module.dotted();
        match &self.found.hooks {
            _ if !same_name => self.reason(place, &format!("a hooks module would need it under the name `{name}`")),
            Some(other) if *other != module => self.reason(place, &format!("callables of two modules, beside {other}")),
            _ => self.found.hooks = Some(module),
        }
    }

    /// A callable of env.py itself: what settings say as well, they say.
    pub(super) fn local_hook(&mut self, name: &str, function: &str, place: &Expr) {
        let Some(definition) = self.names.functions.get(function).copied() else { return };
        match filters::read(name, definition, &self.names) {
            Some(filters::Said::Nothing("")) => {}
            Some(filters::Said::Nothing(remark)) => self.found.remarks.push(remark.to_owned()),
            Some(filters::Said::Excluded(tables)) => self.found.exclude_tables.extend(tables),
            Some(filters::Said::Schemas(schemas)) => self.found.schemas.extend(schemas),
            None => {
                self.reason(
                    place,
                    &format!("`{name}` is a function of env.py itself, which a `hooks` module cannot be"),
                );
            }
        }
    }
}
