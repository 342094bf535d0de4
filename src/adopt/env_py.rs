//! What an env.py does, read from its syntax tree and never executed.

mod calls;
mod configure;

use indexmap::IndexMap;
use ruff_python_ast::{Expr, ExprCall, Stmt, StmtFor, StmtIf};
use ruff_text_size::Ranged;

use super::config::Config;
use super::modules::Roots;
use super::names::Names;
use super::python::Python;
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
        if let Some(key) = &key {
            self.names.update(of, vec![(key.clone(), worth.clone())]);
        }
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
            // An engine of another module, known by its URL.
            _ => {
                let of = call.func.as_attribute_expr().map(|method| self.names.value(&method.value));
                if let Some(url @ Value::Text(_)) = of {
                    self.url(url);
                }
            }
        }
    }

    fn engine(&mut self, method: &Expr) {
        let url = method.as_attribute_expr().map(|method| self.names.value(&method.value));
        match url {
            Some(Value::Text(pieces)) => self.url(Value::Text(pieces)),
            _ => self.url(Value::Unknown(self.python.code(method))),
        }
    }

    fn finish(mut self) -> EnvPy {
        if self.configured.is_none() && !self.found.is_flask {
            self.found.reasons.push("no call of context.configure was found for a connection".to_owned());
        }
        if self.found.url.is_none() && !self.names.options.is_empty() {
            // The ini's own URL, with the variables that env.py puts into it.
            self.found.url = Some(self.names.option("sqlalchemy.url"));
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
