//! The calls that an env.py makes, and what each means to settings.

use ruff_python_ast::{Expr, ExprCall};

use super::super::value::{Reference, Value};
use super::{Walk, is_known, unawaited};

impl<'a> Walk<'a> {
    pub(super) fn expression(&mut self, expression: &'a Expr) {
        let expression = unawaited(expression);
        let Expr::Call(call) = expression else { return };
        match self.names.value(&call.func) {
            Value::Local(name) => self.enter(&name),
            Value::Reference(function) => self.call(&function.dotted(), call),
            _ => self.method(call),
        }
    }

    pub(super) fn enter(&mut self, name: &str) {
        if self.entered.iter().any(|entered| entered == name) {
            return;
        }
        if let Some(function) = self.names.functions.get(name).copied() {
            self.entered.push(name.to_owned());
            self.body(&function.body);
            self.entered.pop();
        }
    }

    pub(super) fn call(&mut self, name: &str, call: &'a ExprCall) {
        let argument = |place: usize| call.arguments.args.get(place).map(|argument| self.names.value(argument));
        match name {
            "sys.path.append" => self.sys_path(&argument(0).unwrap_or(Value::None)),
            "sys.path.insert" => self.sys_path(&argument(1).unwrap_or(Value::None)),
            "sys.path.extend" => self.sys_path(&argument(0).unwrap_or(Value::None)),
            "alembic.context.config.set_main_option" => self.option(call, 0),
            "alembic.context.config.set_section_option" => self.option(call, 1),
            "alembic.context.configure" => self.configure(call),
            "alembic.context.run_migrations" => {}
            "alembic.context.execute" => self.statement_at_connect(call),
            "importlib.import_module" => match argument(0).and_then(|module| module.plain()) {
                Some(module) => self.found.for_effect.push(Reference::module(&module)),
                None => self.reason(call, "it imports what cannot be told"),
            },
            "asyncio.run" => self.arguments(call),
            "os.environ.setdefault" => {
                let (name, value) =
                    (argument(0).and_then(|name| name.plain()), argument(1).and_then(|value| value.written()));
                match (name, value) {
                    (Some(name), Some(value)) => drop(self.found.variables.insert(name, value)),
                    _ => self.reason(call, "it sets a variable to something that cannot be told"),
                }
            }
            name if name.ends_with("load_dotenv") || is_known(name) => {}
            name if is_logging(name) => {}
            _ if self.entered.is_empty() && call.arguments.args.is_empty() && call.arguments.keywords.is_empty() => {
                let function = self.names.value(&call.func);
                match (function, &self.found.setup) {
                    (Value::Reference(function), None) => self.found.setup = Some(function),
                    _ => self.reason(call, "it calls code of its own"),
                }
            }
            _ => {
                if !self.is_of_connection(call) {
                    self.reason(call, "it calls code of its own");
                }
            }
        }
    }

    /// A method of something that env.py made.
    pub(super) fn method(&mut self, call: &'a ExprCall) {
        if self.is_of_connection(call) || is_logging(&self.python.code(&*call.func)) {
            return;
        }
        let code = self.python.code(&*call.func);
        if code.ends_with(".run_sync") || code.ends_with(".run_until_complete") || code == "print" {
            return self.arguments(call);
        }
        if let Some(function) = call.func.as_attribute_expr().filter(|function| function.attr.as_str() == "update")
            && let Some(Value::Map(more)) = call.arguments.args.first().map(|more| self.names.value(more))
        {
            return self.names.update(&function.value, more);
        }
        if code.ends_with("metadata.reflect") {
            return self.reason(call, "the models are read from the database");
        }
        if self.configured.is_none() {
            self.reason(call, "it calls code of its own");
        }
    }

    pub(super) fn is_of_connection(&mut self, call: &'a ExprCall) -> bool {
        let Some(method) = call.func.as_attribute_expr().map(|function| function.attr.as_str()) else { return false };
        match method {
            "execute" | "exec_driver_sql" => self.statement_at_connect(call),
            "dispose" | "close" | "commit" | "rollback" | "aclose" => {}
            _ => return false,
        }
        true
    }

    pub(super) fn statement_at_connect(&mut self, call: &'a ExprCall) {
        let sql = call.arguments.args.first().map(|sql| self.names.value(sql)).and_then(|sql| sql.plain());
        match sql {
            Some(sql) => {
                if !self.found.on_connect.contains(&sql) {
                    self.found.on_connect.push(sql);
                }
            }
            None => self.reason(call, "it runs SQL that cannot be told"),
        }
    }

    /// Functions that are given to `asyncio.run` and `run_sync`.
    pub(super) fn arguments(&mut self, call: &'a ExprCall) {
        for argument in &call.arguments.args {
            match unawaited(argument) {
                Expr::Call(_) => self.expression(argument),
                other => {
                    if let Value::Local(name) = self.names.value(other) {
                        self.enter(&name);
                    }
                }
            }
        }
    }

    pub(super) fn option(&mut self, call: &'a ExprCall, place: usize) {
        let key = call.arguments.args.get(place).and_then(|key| self.names.plain(key));
        let Some(value) = call.arguments.args.get(place + 1).map(|value| self.names.value(value)) else { return };
        match key.as_deref() {
            Some("sqlalchemy.url") => self.url(value),
            Some(key) if matches!(value, Value::Text(_)) => drop(self.names.options.insert(key.to_owned(), value)),
            _ => self.reason(call, "it changes Alembic's configuration"),
        }
    }

    /// Under a condition what was there before holds where the variable is not set.
    pub(super) fn url(&mut self, url: Value) {
        let before = self.names.option("sqlalchemy.url");
        let is_meant = !matches!(before.plain().as_deref(), Some("driver://user:pass@localhost/dbname"));
        let url = if self.within > 0 && is_meant { url.or(before) } else { url };
        self.names.options.insert("sqlalchemy.url".to_owned(), url.clone());
        self.found.url = Some(url);
    }

    pub(super) fn sys_path(&mut self, value: &Value) {
        let items = match value {
            Value::List(items) => items.clone(),
            one => vec![one.clone()],
        };
        for item in items {
            match item.plain() {
                Some(path) => self.found.sys_path.push(path),
                None if matches!(item, Value::Reference(_)) => {}
                None => self.found.reasons.push("it puts a folder on sys.path that cannot be told".to_owned()),
            }
        }
    }
}

fn is_logging(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    ["debug", "info", "warning", "error", "exception", "setLevel", "addHandler", "basicConfig"].contains(&last)
}
