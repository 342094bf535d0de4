//! What a call gives back: variables, paths, URLs, functions of the file itself.

use std::path::Path;

use ruff_python_ast::{Expr, ExprCall, Stmt};

use super::super::value::{Piece, Value};
use super::{Names, joined};

impl<'a> Names<'a> {
    pub(super) fn call(&self, call: &ExprCall) -> Option<Value> {
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
                name if name.ends_with(".build") || name.ends_with("URL.create") => self.built(call),
                _ => None,
            },
            Value::Unknown(name) if name == "str" => argument(0),
            Value::Unknown(name) if name == "dict" => {
                let Value::Map(first) = argument(0).unwrap_or(Value::Map(Vec::new())) else { return None };
                let named = call.arguments.keywords.iter();
                let named = named.map(|keyword| Some((keyword.arg.as_ref()?.to_string(), self.value(&keyword.value))));
                Some(Value::Map(first.into_iter().map(Some).chain(named).collect::<Option<_>>()?))
            }
            // A function of another module is known by what it returns.
            text @ Value::Text(_) if call.arguments.is_empty() => Some(text),
            _ => None,
        }
    }

    /// A URL that is put together by SQLAlchemy or pydantic.
    fn built(&self, call: &ExprCall) -> Option<Value> {
        let part = |names: &[&str]| {
            let keyword = names.iter().find_map(|name| call.arguments.find_keyword(name))?;
            match self.value(&keyword.value) {
                Value::Text(pieces) => Some(pieces),
                Value::Number(number) => Some(vec![Piece::Plain(number.to_string())]),
                _ => None,
            }
        };
        let first = call.arguments.args.first().and_then(|scheme| self.plain(scheme));
        let scheme = part(&["scheme", "drivername"]).or_else(|| Some(vec![Piece::Plain(first?)]))?;
        let mut pieces = [scheme, vec![Piece::Plain("://".to_owned())]].concat();
        let mut add = |before: &str, part: Option<Vec<Piece>>| {
            if let Some(part) = part {
                pieces.push(Piece::Plain(before.to_owned()));
                pieces.extend(part);
            }
        };
        let user = part(&["username", "user"]);
        let has_user = user.is_some();
        add("", user);
        add(":", part(&["password"]));
        add(if has_user { "@" } else { "" }, part(&["host"]));
        add(":", part(&["port"]));
        add("/", part(&["path", "database"]));
        Some(Value::Text(pieces))
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
    pub fn returned(&self, name: &str) -> Option<Value> {
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
}
