//! What an env.py does, read from its syntax tree and never executed.

use indexmap::IndexMap;
use ruff_python_ast::{Expr, ExprCall, Stmt, StmtFor, StmtIf};
use ruff_text_size::Ranged;

use super::config::Config;
use super::filters;
use super::modules::Roots;
use super::python::{Names, Python};
use super::value::{Reference, Value};

/// What was understood of an env.py.
#[derive(Debug, Default)]
pub struct EnvPy {
    /// Where the MetaData is; none: there is none, or it cannot be told.
    pub metadata: Vec<Reference>,
    /// What it imports, under the name that it binds.
    pub imports: Vec<(String, Reference)>,
    /// Imports that bind everything, or that nothing uses.
    pub for_effect: Vec<Reference>,
    /// Packages whose modules are all imported.
    pub discovered: Vec<Reference>,
    pub setup: Option<Reference>,
    pub sys_path: Vec<String>,
    /// Keywords of `context.configure` that are plain data.
    pub configure: IndexMap<String, serde_yaml::Value>,
    pub version_table: Option<String>,
    pub version_table_schema: Option<String>,
    pub schemas: Vec<String>,
    pub exclude_tables: Vec<String>,
    /// The module of the callables.
    pub hooks: Option<String>,
    pub on_connect: Vec<String>,
    pub variables: IndexMap<String, String>,
    pub url: Option<Value>,
    /// What settings cannot say, each with its line.
    pub reasons: Vec<String>,
    /// What is left out, and what takes its place.
    pub remarks: Vec<String>,
    /// It takes everything from an application that only Flask-Migrate sets up.
    pub is_flask: bool,
}

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
/// Functions of other modules that do nothing to the models.
const HARMLESS: [&str; 8] = ["settings", "config", "url", "dsn", "uri", "env", "path", "logg"];

/// Reads one.
pub fn read<'a>(python: &'a Python, config: &'a Config, base: &'a std::path::Path, roots: &'a Roots) -> EnvPy {
    let elsewhere = |reference: &Reference| roots.text(reference, config, base, 0);
    let names = Names {
        python,
        config,
        base,
        values: Default::default(),
        functions: Default::default(),
        options: Default::default(),
        elsewhere: &elsewhere,
    };
    let mut walk = Walk { python, names, found: EnvPy::default(), entered: Vec::new(), configured: None, within: 0 };
    walk.body(python.suite());
    walk.finish()
}

struct Walk<'a> {
    python: &'a Python,
    names: Names<'a>,
    found: EnvPy,
    /// Functions that are being walked through.
    entered: Vec<String>,
    /// The line of the call of `context.configure` for a connection.
    configured: Option<usize>,
    /// How many conditions are around.
    within: usize,
}

impl<'a> Walk<'a> {
    fn body(&mut self, statements: &'a [Stmt]) {
        // Functions may be used before they are bound by a statement further down.
        for statement in statements {
            if let Stmt::FunctionDef(function) = statement {
                self.names.functions.insert(function.name.to_string(), function);
            }
        }
        statements.iter().for_each(|statement| self.statement(statement));
    }

    fn reason(&mut self, place: &impl Ranged, what: &str) {
        let reason = format!("line {}: {what}: {}", self.python.line(place), self.python.code(place));
        if !self.found.reasons.contains(&reason) {
            self.found.reasons.push(reason);
        }
    }

    fn statement(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::Import(_) | Stmt::ImportFrom(_) => self.import(statement),
            Stmt::Assign(assign) => self.assign(&assign.targets, &assign.value),
            Stmt::AnnAssign(assign) => {
                if let Some(value) = &assign.value {
                    self.assign(std::slice::from_ref(&assign.target), value);
                }
            }
            Stmt::Expr(expression) => self.expression(&expression.value),
            Stmt::If(branch) => self.branch(branch),
            Stmt::With(with) => {
                for item in &with.items {
                    self.context(&item.context_expr);
                    if let Some(target) = &item.optional_vars {
                        self.names.bind(target, Value::Unknown("connection".to_owned()));
                    }
                }
                self.body(&with.body);
            }
            Stmt::Try(attempt) => {
                self.body(&attempt.body);
                for handler in attempt.handlers.iter().filter_map(|handler| handler.as_except_handler()) {
                    self.within += 1;
                    self.body(&handler.body);
                    self.within -= 1;
                }
                self.body(&attempt.orelse);
                self.body(&attempt.finalbody);
            }
            Stmt::For(each) => self.each(each),
            Stmt::FunctionDef(_) | Stmt::ClassDef(_) | Stmt::Pass(_) | Stmt::Raise(_) | Stmt::Assert(_) => {}
            Stmt::Return(end) => {
                if let Some(value) = &end.value {
                    self.expression(value);
                }
            }
            Stmt::Global(_) | Stmt::Nonlocal(_) => {}
            other => self.reason(other, "settings have no word for this"),
        }
    }

    fn import(&mut self, statement: &'a Stmt) {
        for (name, reference) in self.names.import(statement, "") {
            if reference.names.last().is_some_and(|last| last == "*") {
                self.found.for_effect.push(Reference::module(&reference.module));
            } else if reference.is("flask.current_app") {
                self.found.is_flask = true;
            } else {
                self.found.imports.push((name, reference));
            }
        }
    }

    fn assign(&mut self, targets: &'a [Expr], value: &'a Expr) {
        let worth = self.names.value(value);
        for target in targets {
            match target {
                Expr::Subscript(subscript) => self.assign_item(&subscript.value, &subscript.slice, &worth, target),
                Expr::Attribute(attribute) => match self.names.value(&attribute.value) {
                    Value::Reference(module) if module.is("sys") && attribute.attr.as_str() == "path" => {
                        self.sys_path(&worth);
                    }
                    Value::Unknown(_) => {}
                    _ => self.reason(target, "it changes something of another module's"),
                },
                _ => self.names.bind(target, worth.clone()),
            }
        }
        if let Expr::Call(call) = unawaited(value) {
            self.assigned_call(call, &worth);
        }
    }

    fn assign_item(&mut self, of: &Expr, key: &Expr, worth: &Value, whole: &Expr) {
        let key = self.names.plain(key);
        match (self.names.value(of), key.as_deref()) {
            (Value::Reference(place), Some(name)) if place.is("os.environ") => match worth.written() {
                Some(text) => drop(self.found.variables.insert(name.to_owned(), text)),
                None => self.reason(whole, "it sets a variable to something that cannot be told"),
            },
            (Value::Section | Value::Unknown(_) | Value::Map(_) | Value::None, Some("sqlalchemy.url")) => {
                self.url(worth.clone())
            }
            (Value::Section | Value::Unknown(_) | Value::Map(_), _) => {}
            _ => self.reason(whole, "it changes something of another module's"),
        }
    }

    /// `connectable = create_engine(url)`, `app = create_app()`.
    fn assigned_call(&mut self, call: &'a ExprCall, worth: &Value) {
        let function = self.names.value(&call.func);
        let name = match &function {
            Value::Reference(function) => function.dotted(),
            Value::Local(name) => name.clone(),
            _ => return,
        };
        let last = name.rsplit('.').next().unwrap_or_default();
        if last.ends_with("engine_from_config") {
            let keyword = call.arguments.find_keyword("url").map(|keyword| self.names.value(&keyword.value));
            let mapped = match call.arguments.args.first().map(|section| self.names.value(section)) {
                Some(Value::Map(pairs)) => pairs.into_iter().find(|(key, _)| key.ends_with("url")).map(|(_, url)| url),
                _ => None,
            };
            if let Some(url) = keyword.or(mapped) {
                self.url(url);
            }
        } else if last.ends_with("create_engine") || last == "create_async_engine" {
            let url = call.arguments.args.first().map(|url| self.names.value(url));
            self.url(url.unwrap_or_else(|| Value::Unknown(self.python.code(call))));
        } else if matches!(worth, Value::Unknown(_)) && matches!(function, Value::Reference(_)) && !is_known(&name) {
            let lower = last.to_lowercase();
            if !HARMLESS.iter().any(|word| lower.contains(word)) && !lower.is_empty() {
                self.reason(call, "it calls code of its own");
            }
        }
    }

    fn branch(&mut self, branch: &'a StmtIf) {
        let test = self.python.code(&*branch.test);
        if test.ends_with("TYPE_CHECKING") {
            return;
        }
        let is_offline = test.contains("is_offline_mode()");
        let negated = test.starts_with("not ");
        let others: Vec<&[Stmt]> = branch.elif_else_clauses.iter().map(|clause| clause.body.as_slice()).collect();
        if is_offline {
            return match negated {
                true => self.body(&branch.body),
                false => others.into_iter().for_each(|body| self.body(body)),
            };
        }
        self.within += 1;
        self.body(&branch.body);
        others.into_iter().for_each(|body| self.body(body));
        self.within -= 1;
    }

    /// A loop that imports all modules of a package; others are code of its own.
    fn each(&mut self, each: &'a StmtFor) {
        let imports_all = || {
            let Expr::Call(call) = &*each.iter else { return None };
            let Value::Reference(function) = self.names.value(&call.func) else { return None };
            if !["pkgutil.walk_packages", "pkgutil.iter_modules"].contains(&function.dotted().as_str()) {
                return None;
            }
            let path =
                call.arguments.args.first().or(call.arguments.find_keyword("path").map(|keyword| &keyword.value));
            let Value::Reference(path) = self.names.value(path?) else { return None };
            let only_imports = each.body.iter().all(|statement| self.python.code(statement).contains("import_module("));
            let names = path.names.split_last().filter(|(last, _)| *last == "__path__" && only_imports)?.1;
            Some(Reference { module: path.module.clone(), names: names.to_vec() })
        };
        match imports_all() {
            Some(package) => self.found.discovered.push(package),
            None => self.reason(each, "a loop"),
        }
    }

    /// What a `with` is about.
    fn context(&mut self, expression: &'a Expr) {
        let Expr::Call(call) = expression else { return };
        match self.names.value(&call.func) {
            Value::Reference(function) if function.is("alembic.context.begin_transaction") => {}
            Value::Reference(function) if is_known(&function.dotted()) => {}
            Value::Reference(_) => {
                let method = call.func.as_attribute_expr().map(|function| function.attr.as_str());
                match method {
                    // An engine of another module: `engine.connect()`.
                    Some("connect" | "begin") => {
                        if self.found.url.is_none() {
                            self.engine(&call.func);
                        }
                    }
                    _ => self.reason(call, "it runs within something of its own"),
                }
            }
            Value::Local(_) => self.reason(call, "it runs within something of its own"),
            _ => {}
        }
    }

    fn engine(&mut self, method: &Expr) {
        let url = method.as_attribute_expr().map(|method| self.names.value(&method.value));
        match url {
            Some(Value::Text(pieces)) => self.url(Value::Text(pieces)),
            _ => self.url(Value::Unknown(self.python.code(method))),
        }
    }

    fn expression(&mut self, expression: &'a Expr) {
        let expression = unawaited(expression);
        let Expr::Call(call) = expression else { return };
        match self.names.value(&call.func) {
            Value::Local(name) => self.enter(&name),
            Value::Reference(function) => self.call(&function.dotted(), call),
            _ => self.method(call),
        }
    }

    fn enter(&mut self, name: &str) {
        if self.entered.iter().any(|entered| entered == name) {
            return;
        }
        if let Some(function) = self.names.functions.get(name).copied() {
            self.entered.push(name.to_owned());
            self.body(&function.body);
            self.entered.pop();
        }
    }

    fn call(&mut self, name: &str, call: &'a ExprCall) {
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
    fn method(&mut self, call: &'a ExprCall) {
        if self.is_of_connection(call) || is_logging(&self.python.code(&*call.func)) {
            return;
        }
        let code = self.python.code(&*call.func);
        if code.ends_with(".run_sync") || code.ends_with(".run_until_complete") || code == "print" {
            return self.arguments(call);
        }
        if code.ends_with("metadata.reflect") {
            return self.reason(call, "the models are read from the database");
        }
        if self.configured.is_none() && !code.ends_with(".update") {
            self.reason(call, "it calls code of its own");
        }
    }

    fn is_of_connection(&mut self, call: &'a ExprCall) -> bool {
        let Some(method) = call.func.as_attribute_expr().map(|function| function.attr.as_str()) else { return false };
        match method {
            "execute" | "exec_driver_sql" => self.statement_at_connect(call),
            "dispose" | "close" | "commit" | "rollback" | "aclose" => {}
            _ => return false,
        }
        true
    }

    fn statement_at_connect(&mut self, call: &'a ExprCall) {
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
    fn arguments(&mut self, call: &'a ExprCall) {
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

    fn option(&mut self, call: &'a ExprCall, place: usize) {
        let key = call.arguments.args.get(place).and_then(|key| self.names.plain(key));
        let Some(value) = call.arguments.args.get(place + 1).map(|value| self.names.value(value)) else { return };
        match key.as_deref() {
            Some("sqlalchemy.url") => self.url(value),
            Some(key) if matches!(value, Value::Text(_)) => drop(self.names.options.insert(key.to_owned(), value)),
            _ => self.reason(call, "it changes Alembic's configuration"),
        }
    }

    /// Under a condition what was there before holds where the variable is not set.
    fn url(&mut self, url: Value) {
        let before = self.names.option("sqlalchemy.url");
        let is_meant = !matches!(before.plain().as_deref(), Some("driver://user:pass@localhost/dbname"));
        let url = if self.within > 0 && is_meant { url.or(before) } else { url };
        self.names.options.insert("sqlalchemy.url".to_owned(), url.clone());
        self.found.url = Some(url);
    }

    fn sys_path(&mut self, value: &Value) {
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

    fn configure(&mut self, call: &'a ExprCall) {
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

    fn keyword(&mut self, name: &str, value: Value, place: &Expr) {
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

    fn metadata(&mut self, value: Value, place: &Expr) {
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
    fn hook(&mut self, name: &str, function: &Reference, place: &Expr) {
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
    fn local_hook(&mut self, name: &str, function: &str, place: &Expr) {
        let Some(definition) = self.names.functions.get(function).copied() else { return };
        match filters::read(name, definition, &self.names) {
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

    fn finish(mut self) -> EnvPy {
        if self.configured.is_none() && !self.found.is_flask {
            self.found.reasons.push("no call of context.configure was found for a connection".to_owned());
        }
        if !self.found.schemas.is_empty() {
            self.found.configure.shift_remove("include_schemas");
        }
        let text = self.python.text();
        // A name that stands there once is imported for what the import does.
        let (for_effect, used): (Vec<_>, Vec<_>) = self
            .found
            .imports
            .drain(..)
            .partition(|(name, _)| count(text, name.split('.').next_back().unwrap_or(name)) < 2);
        self.found.imports = used;
        self.found.for_effect.extend(for_effect.into_iter().map(|(_, reference)| reference));
        self.found
    }
}

fn unawaited(expression: &Expr) -> &Expr {
    match expression {
        Expr::Await(awaited) => &awaited.value,
        other => other,
    }
}

/// How often a name stands in a text by itself.
fn count(text: &str, name: &str) -> usize {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let code = text.lines().map(|line| line.split('#').next().unwrap_or_default());
    code.map(|line| {
        line.match_indices(name)
            .filter(|(at, _)| !line[..*at].ends_with(is_word) && !line[at + name.len()..].starts_with(is_word))
            .count()
    })
    .sum()
}

/// Modules whose functions change nothing that shed would have to know.
fn is_known(name: &str) -> bool {
    let top = name.split('.').next().unwrap_or_default();
    [
        "alembic",
        "sqlalchemy",
        "logging",
        "os",
        "sys",
        "pathlib",
        "asyncio",
        "warnings",
        "dotenv",
        "typing",
        "re",
        "urllib",
        "json",
    ]
    .contains(&top)
        && !name.starts_with("alembic.context.config.set")
}

fn is_logging(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    ["debug", "info", "warning", "error", "exception", "setLevel", "addHandler", "basicConfig"].contains(&last)
}
