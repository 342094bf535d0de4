//! Settings that another module of the project keeps, as far as plain assignments and pydantic's classes tell.

use ruff_python_ast::{Expr, Stmt, StmtClassDef};

use super::names::Names;
use super::value::Value;

/// What a name of this module is worth.
pub fn value(names: &mut Names<'_>, package: &str, wanted: &str) -> Option<Value> {
    let python = names.python;
    for statement in python.suite() {
        match statement {
            Stmt::Import(_) | Stmt::ImportFrom(_) => drop(names.import(statement, package)),
            Stmt::FunctionDef(function) => drop(names.functions.insert(function.name.to_string(), function)),
            Stmt::Assign(assign) => {
                let value = of_assignment(names, &assign.value);
                assign.targets.iter().for_each(|target| names.bind(target, value.clone()));
            }
            Stmt::AnnAssign(assign) => {
                if let Some(value) = &assign.value {
                    let value = of_assignment(names, value);
                    names.bind(&assign.target, value);
                }
            }
            _ => {}
        }
    }
    names.values.get(wanted).cloned().or_else(|| names.returned(wanted))
}

/// An object of a class of this module is known by its class; an engine by its URL.
fn of_assignment(names: &Names<'_>, value: &Expr) -> Value {
    let Expr::Call(call) = value else { return names.value(value) };
    let of_class = |name: &str| class(names, name).is_some();
    match &*call.func {
        Expr::Name(name) if of_class(name.id.as_str()) => Value::Unknown(name.id.to_string()),
        Expr::Name(name) if name.id.contains("create_") && name.id.ends_with("engine") => {
            call.arguments.args.first().map_or(Value::None, |url| names.value(url))
        }
        Expr::Name(name) => {
            // `settings = get_settings()`, which returns an object of a class.
            let function = names.functions.get(name.id.as_str());
            let returned = function.and_then(|function| {
                function.body.iter().find_map(|statement| match statement {
                    Stmt::Return(end) => end.value.as_deref(),
                    _ => None,
                })
            });
            match returned {
                Some(Expr::Call(_)) => returned.map_or(Value::None, |value| of_assignment(names, value)),
                _ => names.value(value),
            }
        }
        _ => names.value(value),
    }
}

fn class<'a>(names: &Names<'a>, name: &str) -> Option<&'a StmtClassDef> {
    names.python.suite().iter().find_map(|statement| match statement {
        Stmt::ClassDef(class) if class.name.as_str() == name => Some(class),
        _ => None,
    })
}

/// A field of an object: pydantic's settings take it from the variable of that name, other classes have it as it is;
/// a property is what it returns.
pub fn field(names: &mut Names<'_>, object: &Value, field: &str) -> Option<Value> {
    let Value::Unknown(name) = object else { return None };
    let class = class(names, name)?;
    let property = class.body.iter().find_map(|statement| match statement {
        Stmt::FunctionDef(function) if function.name.as_str() == field => Some(function),
        _ => None,
    });
    let Some(property) = property else { return plain_field(names, class, field) };
    let fields = class.body.iter().filter_map(|statement| match statement {
        Stmt::AnnAssign(assign) => assign.target.as_name_expr().map(|name| name.id.to_string()),
        _ => None,
    });
    let fields: Vec<(String, Value)> =
        fields.filter_map(|name| plain_field(names, class, &name).map(|value| (name, value))).collect();
    names.values.insert("self".to_owned(), Value::Map(fields));
    names.functions.insert(field.to_owned(), property);
    names.returned(field)
}

fn plain_field(names: &Names<'_>, class: &StmtClassDef, field: &str) -> Option<Value> {
    let is_settings = class.bases().iter().any(|base| names.python.code(base).ends_with("BaseSettings"));
    let mut prefix = String::new();
    let mut found: Option<Option<Value>> = None;
    for statement in &class.body {
        match statement {
            Stmt::AnnAssign(assign) if is(&assign.target, field) => {
                found = Some(assign.value.as_ref().map(|value| names.value(value)));
            }
            Stmt::Assign(assign) => {
                if assign.targets.iter().any(|target| is(target, field)) {
                    found = Some(Some(names.value(&assign.value)));
                }
                if assign.targets.iter().any(|target| is(target, "model_config")) {
                    prefix = env_prefix(names, &assign.value);
                }
            }
            _ => {}
        }
    }
    let default = found?;
    if !is_settings {
        return default;
    }
    let default = default.map(|value| match value {
        Value::Number(number) => Value::text(&number.to_string()),
        other => other,
    });
    Some(Value::variable(&format!("{prefix}{field}").to_uppercase(), default))
}

fn env_prefix(names: &Names<'_>, value: &Expr) -> String {
    let keyword = match value {
        Expr::Call(call) => call.arguments.find_keyword("env_prefix").map(|keyword| names.value(&keyword.value)),
        Expr::Dict(_) => match names.value(value) {
            Value::Map(pairs) => pairs.into_iter().find(|(key, _)| key == "env_prefix").map(|(_, value)| value),
            _ => None,
        },
        _ => None,
    };
    keyword.and_then(|value| value.plain()).unwrap_or_default()
}

fn is(target: &Expr, name: &str) -> bool {
    target.as_name_expr().is_some_and(|target| target.id.as_str() == name)
}
