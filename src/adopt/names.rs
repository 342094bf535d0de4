//! What the expressions of a Python file are worth, where that can be told without running it.

mod bind;
mod call;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use ruff_python_ast::{
    BoolOp, Expr, FStringPart, InterpolatedStringElement, Number, Operator, StmtFunctionDef, UnaryOp,
};

use super::config::Config;
use super::python::Python;
use super::value::{Piece, Reference, Value};

/// What names stand for at one place of a file.
pub struct Names<'a> {
    pub python: &'a Python,
    pub config: &'a Config,
    /// Where Alembic is run.
    pub base: &'a Path,
    pub values: HashMap<String, Value>,
    pub functions: HashMap<String, &'a StmtFunctionDef>,
    /// What env.py itself put into Alembic's config.
    pub options: HashMap<String, Value>,
    /// Looks into other modules of the project.
    pub elsewhere: &'a dyn Fn(&Reference) -> Option<Value>,
}

impl<'a> Names<'a> {
    pub fn value(&self, expression: &Expr) -> Value {
        match expression {
            Expr::StringLiteral(text) => Value::text(text.value.to_str()),
            Expr::BooleanLiteral(literal) => Value::Bool(literal.value),
            Expr::NoneLiteral(_) => Value::None,
            Expr::NumberLiteral(literal) => match &literal.value {
                Number::Int(number) => number.as_i64().map_or_else(|| self.unknown(expression), Value::Number),
                _ => self.unknown(expression),
            },
            Expr::UnaryOp(operation) if operation.op == UnaryOp::USub => match self.value(&operation.operand) {
                Value::Number(number) => Value::Number(-number),
                _ => self.unknown(expression),
            },
            Expr::FString(text) => self.f_string(text.value.as_slice()).unwrap_or_else(|| self.unknown(expression)),
            Expr::List(list) => Value::List(list.elts.iter().map(|item| self.value(item)).collect()),
            Expr::Tuple(tuple) => Value::List(tuple.elts.iter().map(|item| self.value(item)).collect()),
            Expr::Set(set) => Value::List(set.elts.iter().map(|item| self.value(item)).collect()),
            Expr::Dict(dict) => {
                let pairs =
                    dict.items.iter().map(|item| Some((self.plain(item.key.as_ref()?)?, self.value(&item.value))));
                pairs.collect::<Option<Vec<_>>>().map_or_else(|| self.unknown(expression), Value::Map)
            }
            Expr::Name(name) => match self.values.get(name.id.as_str()) {
                Some(value) => value.clone(),
                None if self.functions.contains_key(name.id.as_str()) => Value::Local(name.id.to_string()),
                None if name.id.as_str() == "__file__" => Value::text(&self.python.path.to_string_lossy()),
                None => self.unknown(expression),
            },
            Expr::Attribute(attribute) => match self.value(&attribute.value) {
                Value::Reference(reference) => self.known(reference.attribute(attribute.attr.as_str())),
                text @ Value::Text(_) => path_attribute(&text, attribute.attr.as_str()),
                Value::Map(pairs) => {
                    let found = pairs.into_iter().find(|(name, _)| name == attribute.attr.as_str());
                    found.map_or_else(|| self.unknown(expression), |(_, value)| value)
                }
                _ => self.unknown(expression),
            },
            Expr::Subscript(subscript) => self.subscript(&subscript.value, &subscript.slice, expression),
            Expr::Await(awaited) => self.value(&awaited.value),
            Expr::BoolOp(operation) if operation.op == BoolOp::Or => self.first_of(&operation.values),
            Expr::BinOp(operation) => {
                let (left, right) = (self.value(&operation.left), self.value(&operation.right));
                match (operation.op, left, right) {
                    (Operator::Add, Value::Text(left), Value::Text(right)) => Value::Text([left, right].concat()),
                    (Operator::Add, Value::List(left), Value::List(right)) => Value::List([left, right].concat()),
                    (Operator::Add, Value::List(list), _) | (Operator::Add, _, Value::List(list)) => Value::List(list),
                    (Operator::Div, left, right) => joined(&[left, right]).unwrap_or_else(|| self.unknown(expression)),
                    _ => self.unknown(expression),
                }
            }
            Expr::If(choice) => self.first_of(&[(*choice.body).clone(), (*choice.orelse).clone()]),
            Expr::Call(call) => self.call(call).unwrap_or_else(|| self.unknown(expression)),
            _ => self.unknown(expression),
        }
    }

    fn unknown(&self, expression: &Expr) -> Value {
        Value::Unknown(self.python.code(expression))
    }

    /// A text without variables.
    pub fn plain(&self, expression: &Expr) -> Option<String> {
        self.value(expression).plain()
    }

    /// A name of the project's own modules may be a text that is known.
    fn known(&self, reference: Reference) -> Value {
        if let Some(value) = (self.elsewhere)(&reference) {
            return value;
        }
        Value::Reference(reference)
    }

    fn f_string(&self, parts: &[FStringPart]) -> Option<Value> {
        let mut pieces = Vec::new();
        for part in parts {
            match part {
                FStringPart::Literal(text) => pieces.push(Piece::Plain(text.value.to_string())),
                FStringPart::FString(text) => {
                    for element in &text.elements {
                        match element {
                            InterpolatedStringElement::Literal(text) => {
                                pieces.push(Piece::Plain(text.value.to_string()))
                            }
                            InterpolatedStringElement::Interpolation(inner) => match self.value(&inner.expression) {
                                Value::Text(inner) => pieces.extend(inner),
                                Value::Number(number) => pieces.push(Piece::Plain(number.to_string())),
                                _ => return None,
                            },
                        }
                    }
                }
            }
        }
        Some(Value::Text(pieces))
    }

    /// `a or b`: the first that is a text, the second as what stands in for a variable that is not set.
    fn first_of(&self, values: &[Expr]) -> Value {
        let mut known = values.iter().map(|value| self.value(value)).filter(|value| !matches!(value, Value::None));
        let Some(first) = known.next() else { return Value::None };
        known.fold(first, |first, second| first.or(second))
    }

    fn subscript(&self, of: &Expr, index: &Expr, whole: &Expr) -> Value {
        match (self.value(of), self.value(index)) {
            (Value::Reference(reference), index) if reference.is("os.environ") => match index.plain() {
                Some(name) => Value::variable(&name, None),
                None => self.unknown(whole),
            },
            (Value::Parents(path), Value::Number(up)) => {
                let up = usize::try_from(up).unwrap_or_default();
                path.ancestors().nth(up + 1).map_or_else(|| self.unknown(whole), Value::path)
            }
            (Value::Map(pairs), index) => {
                let key = index.plain();
                let found = pairs.into_iter().rev().find(|(name, _)| Some(name) == key.as_ref());
                found.map_or_else(|| self.unknown(whole), |(_, value)| value)
            }
            (Value::Section, index) if index.plain().as_deref() == Some("sqlalchemy.url") => {
                self.option("sqlalchemy.url")
            }
            _ => self.unknown(whole),
        }
    }

    /// What Alembic's config says, env.py's own settings first.
    pub fn option(&self, key: &str) -> Value {
        if let Some(value) = self.options.get(key) {
            return value.clone();
        }
        let Some(raw) = self.config.raw(key).filter(|raw| raw.contains("%(") && !self.options.is_empty()) else {
            return self.config.text(key).map_or(Value::None, |text| Value::text(&text));
        };
        let mut pieces = Vec::new();
        for (place, part) in raw.split("%(").enumerate() {
            let (name, rest) = if place == 0 { ("", part) } else { part.split_once(")s").unwrap_or(("", part)) };
            match self.options.get(name) {
                Some(Value::Text(own)) => pieces.extend(own.iter().cloned()),
                _ if !name.is_empty() => pieces.push(Piece::Plain(self.config.text(name).unwrap_or_default())),
                _ => {}
            }
            pieces.push(Piece::Plain(rest.replace("%%", "%")));
        }
        Value::Text(pieces)
    }
}

/// `Path(__file__).parent`, `.parents`.
fn path_attribute(text: &Value, attribute: &str) -> Value {
    let Some(path) = text.plain() else { return Value::Unknown(attribute.to_owned()) };
    match attribute {
        "parent" => Value::path(Path::new(&path).parent().unwrap_or(Path::new("/"))),
        "parents" => Value::Parents(PathBuf::from(path)),
        _ => Value::Unknown(attribute.to_owned()),
    }
}

fn joined(parts: &[Value]) -> Option<Value> {
    let parts: Vec<String> = parts.iter().map(Value::plain).collect::<Option<_>>()?;
    Some(Value::path(&crate::settings::normal(&parts.iter().collect::<PathBuf>())))
}
