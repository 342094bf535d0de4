//! What assignments and imports bind.

use ruff_python_ast::{Expr, Stmt};

use super::super::value::{Reference, Value};
use super::Names;

impl Names<'_> {
    /// `name = value`, `name["key"] = value`.
    pub fn bind(&mut self, target: &Expr, value: Value) {
        match target {
            Expr::Name(name) => drop(self.values.insert(name.id.to_string(), value)),
            Expr::Tuple(tuple) => tuple.elts.iter().for_each(|target| self.bind(target, Value::Unknown(String::new()))),
            _ => {}
        }
    }

    /// More keys of a dictionary that a name stands for.
    pub fn update(&mut self, target: &Expr, more: Vec<(String, Value)>) {
        if let Some(name) = target.as_name_expr()
            && let Some(Value::Map(pairs)) = self.values.get_mut(name.id.as_str())
        {
            pairs.retain(|(key, _)| !more.iter().any(|(other, _)| key == other));
            pairs.extend(more);
        }
    }

    /// Binds what an import statement brings; the references that it names.
    pub fn import(&mut self, statement: &Stmt, package: &str) -> Vec<(String, Reference)> {
        let mut found = Vec::new();
        match statement {
            Stmt::Import(import) => {
                for alias in &import.names {
                    let module = alias.name.as_str();
                    let (name, bound) = match &alias.asname {
                        Some(name) => (name.to_string(), module),
                        None => (
                            module.split('.').next().unwrap_or_default().to_owned(),
                            module.split('.').next().unwrap_or_default(),
                        ),
                    };
                    self.values.insert(name.clone(), Value::Reference(Reference::module(bound)));
                    found.push((
                        if alias.asname.is_some() { name } else { module.to_owned() },
                        Reference::module(module),
                    ));
                }
            }
            Stmt::ImportFrom(import) => {
                let module = import.module.as_ref().map(|name| name.as_str()).unwrap_or_default();
                let module = absolute_module(module, import.level, package);
                for alias in &import.names {
                    let reference = Reference::module(&module).attribute(alias.name.as_str());
                    let name = alias.asname.as_ref().unwrap_or(&alias.name).to_string();
                    let value = self.known(reference.clone());
                    self.values.insert(name.clone(), value);
                    found.push((name, reference));
                }
            }
            _ => {}
        }
        found
    }
}

/// `from ..x import y` within a package.
fn absolute_module(module: &str, level: u32, package: &str) -> String {
    if level == 0 {
        return module.to_owned();
    }
    let parts: Vec<&str> = package.split('.').filter(|part| !part.is_empty()).collect();
    let kept = parts.len().saturating_sub(level as usize - 1);
    let above = parts.get(..kept).unwrap_or_default().join(".");
    [above.as_str(), module].iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join(".")
}
