//! A Python file as a syntax tree, and what its expressions are worth where that can be told without running it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use ruff_python_ast::{
    BoolOp, Expr, ExprCall, FStringPart, InterpolatedStringElement, ModModule, Number, Operator, Stmt,
};
use ruff_python_ast::{StmtFunctionDef, UnaryOp};
use ruff_python_parser::{Parsed, parse_module};
use ruff_text_size::Ranged;

use super::config::Config;
use super::value::{Piece, Reference, Value};

/// A file and its tree.
pub struct Python {
    pub path: PathBuf,
    text: String,
    parsed: Parsed<ModModule>,
}

impl Python {
    /// Reads a file; the error says why it cannot be.
    pub fn read(path: &Path) -> Result<Self, String> {
        let text = std::fs::read(path).map_err(|error| error.to_string())?;
        let text = String::from_utf8(text).map_err(|_| "it is not UTF-8".to_owned())?;
        let text = text.trim_start_matches('\u{feff}').to_owned();
        let parsed = parse_module(&text).map_err(|error| {
            let line = line_of(&text, error.location.start().into());
            format!("line {line}: {}", error.error.to_string().to_lowercase())
        })?;
        Ok(Self { path: path.to_path_buf(), text, parsed })
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn suite(&self) -> &[Stmt] {
        self.parsed.suite()
    }

    pub fn line(&self, place: &impl Ranged) -> usize {
        line_of(&self.text, place.start().into())
    }

    /// The beginning of a piece of the file, in one line.
    pub fn code(&self, place: &impl Ranged) -> String {
        let code = self.text.get(place.start().into()..place.end().into()).unwrap_or_default();
        let mut words: String = code.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(61).collect();
        if words.chars().count() > 60 {
            words.pop();
            words.push('…');
        }
        words
    }

    pub fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("/"))
    }
}

fn line_of(text: &str, at: usize) -> usize {
    1 + text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count()
}

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

    fn call(&self, call: &ExprCall) -> Option<Value> {
        let argument = |place: usize| call.arguments.args.get(place).map(|argument| self.value(argument));
        if let Expr::Attribute(method) = &*call.func
            && let Some(value) = self.method(&method.value, method.attr.as_str(), call)
        {
            return Some(value);
        }
        let named = |name: &str| call.arguments.find_keyword(name).map(|keyword| self.value(&keyword.value));
        match self.value(&call.func) {
            Value::Local(name) => self.returned(&name),
            Value::Reference(function) => match function.dotted().as_str() {
                "os.getenv" | "os.environ.get" => {
                    Some(Value::variable(&argument(0)?.plain()?, argument(1).or_else(|| named("default"))))
                }
                "os.getcwd" | "pathlib.Path.cwd" => Some(Value::path(self.base)),
                "os.path.dirname" => Some(Value::path(Path::new(&argument(0)?.plain()?).parent()?)),
                "os.path.abspath" | "os.path.realpath" | "os.path.normpath" => {
                    Some(Value::path(&crate::settings::normal(&self.base.join(argument(0)?.plain()?))))
                }
                "os.path.join" => joined(&call.arguments.args.iter().map(|part| self.value(part)).collect::<Vec<_>>()),
                "os.fspath" | "pathlib.Path" | "urllib.parse.quote_plus" | "urllib.parse.quote" => argument(0),
                "sqlalchemy.text" | "sqlalchemy.engine.make_url" | "sqlalchemy.make_url" => argument(0),
                "alembic.context.config.get_main_option" | "alembic.context.config.get_section_option" => {
                    let key = call.arguments.args.last()?;
                    let key = if call.arguments.args.len() == 1 {
                        self.plain(&call.arguments.args[0])?
                    } else {
                        self.plain(key)?
                    };
                    Some(self.option(&key))
                }
                "alembic.context.config.get_section" => Some(Value::Section),
                _ => None,
            },
            Value::Unknown(name) if name == "str" => argument(0),
            Value::Unknown(name) if name == "dict" => argument(0),
            _ => None,
        }
    }

    /// Methods of texts and paths that leave a URL what it is.
    fn method(&self, of: &Expr, method: &str, call: &ExprCall) -> Option<Value> {
        let own = self.value(of);
        let arguments: Vec<Value> = call.arguments.args.iter().map(|argument| self.value(argument)).collect();
        match (own, method) {
            (Value::Text(pieces), "replace") => {
                let (from, to) = (arguments.first()?.plain()?, arguments.get(1)?.plain()?);
                Some(Value::Text(pieces.into_iter().map(|piece| piece.replaced(&from, &to)).collect()))
            }
            (
                text @ Value::Text(_),
                "resolve" | "absolute" | "as_posix" | "strip" | "expanduser" | "unicode_string",
            ) => Some(text),
            (text @ Value::Text(_), "render_as_string" | "get_secret_value") => Some(text),
            (text @ Value::Text(_), "joinpath") => joined(&[vec![text], arguments].concat()),
            (Value::Section, "get") if arguments.first()?.plain()? == "sqlalchemy.url" => {
                Some(self.option("sqlalchemy.url"))
            }
            (Value::Map(pairs), "get") => {
                let key = arguments.first()?.plain()?;
                pairs.into_iter().find(|(name, _)| *name == key).map(|(_, value)| value)
            }
            _ => None,
        }
    }

    /// What a function of this file returns, as far as plain statements tell.
    fn returned(&self, name: &str) -> Option<Value> {
        let function = self.functions.get(name)?;
        let mut inside = Names {
            python: self.python,
            config: self.config,
            base: self.base,
            values: self.values.clone(),
            // A function that calls itself tells nothing.
            functions: self
                .functions
                .iter()
                .filter(|(known, _)| **known != name)
                .map(|(k, v)| (k.clone(), *v))
                .collect(),
            options: self.options.clone(),
            elsewhere: self.elsewhere,
        };
        inside.result_of(&function.body)
    }

    fn result_of(&mut self, body: &'a [Stmt]) -> Option<Value> {
        let mut found: Option<Value> = None;
        for statement in body {
            let next = match statement {
                Stmt::Return(end) => Some(end.value.as_ref().map_or(Value::None, |value| self.value(value))),
                Stmt::If(branch) => {
                    let bodies = branch.elif_else_clauses.iter().map(|clause| &clause.body);
                    let results: Vec<Value> =
                        std::iter::once(&branch.body).chain(bodies).filter_map(|body| self.result_of(body)).collect();
                    results.into_iter().reduce(Value::or)
                }
                Stmt::Assign(assign) => {
                    let value = self.value(&assign.value);
                    for target in &assign.targets {
                        self.bind(target, value.clone());
                    }
                    None
                }
                _ => None,
            };
            found = match (found, next) {
                (Some(first), Some(second)) => Some(first.or(second)),
                (first, second) => first.or(second),
            };
            if matches!(statement, Stmt::Return(_)) {
                break;
            }
        }
        found
    }

    /// `name = value`, `name["key"] = value`.
    pub fn bind(&mut self, target: &Expr, value: Value) {
        match target {
            Expr::Name(name) => drop(self.values.insert(name.id.to_string(), value)),
            Expr::Tuple(tuple) => tuple.elts.iter().for_each(|target| self.bind(target, Value::Unknown(String::new()))),
            _ => {}
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
