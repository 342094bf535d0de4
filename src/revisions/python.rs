//! What one revision file says, from its syntax tree. Only this file knows the parser.

use std::path::Path;

use ruff_python_ast::{Expr, PythonVersion, Stmt, StmtFunctionDef};
use ruff_python_parser::{Mode, ParseOptions, parse_unchecked};
use ruff_text_size::{Ranged, TextSize};

use super::{NotStatic, Revision, doc};

/// The oldest Python that runs with shed: what it cannot read is not known to be readable.
const OLDEST: PythonVersion = PythonVersion::PY39;
/// The names of a module that Alembic reads; nothing but a plain assignment may bind them.
const READ: [&str; 6] =
    ["revision", "down_revision", "branch_labels", "depends_on", "__doc__", "_alembic_source_encoding"];
/// Words by which a module can bind names in other ways.
const UNSURE: [&str; 7] = ["globals(", "locals(", "vars(", "exec(", "setattr(", "__getattr__", "global "];

/// What this file says.
pub fn revision(path: &Path, source: &[u8]) -> Result<Revision, NotStatic> {
    let of_file = |NotStatic(why)| NotStatic(format!("{}: {why}", path.display()));
    let written = written(source).map_err(|unsure| match unsure.line {
        Some(line) => NotStatic(format!("{}:{line}: {}", path.display(), unsure.why)),
        None => of_file(unsure.why),
    })?;
    written.revision(path).map_err(of_file)
}

/// Why a file is not followed, and the line of it that is to blame.
struct Unsure {
    line: Option<usize>,
    why: NotStatic,
}

impl Unsure {
    fn at(text: &str, place: TextSize, why: NotStatic) -> Self {
        let before = text.as_bytes().get(..usize::from(place)).unwrap_or_default();
        Self { line: Some(1 + before.iter().filter(|byte| **byte == b'\n').count()), why }
    }
}

impl From<NotStatic> for Unsure {
    fn from(why: NotStatic) -> Self {
        Self { line: None, why }
    }
}

/// The names as the module binds them.
#[derive(Default)]
struct Written {
    revision: Option<Value>,
    down_revision: Option<Value>,
    branch_labels: Option<Value>,
    depends_on: Option<Value>,
    docstring: Option<String>,
    empty_downgrade: Option<bool>,
}

#[derive(Clone, PartialEq, Eq)]
enum Value {
    None,
    One(String),
    Several(Vec<String>),
}

impl Value {
    fn list(self) -> Vec<String> {
        match self {
            Self::None => Vec::new(),
            Self::One(text) => vec![text],
            Self::Several(texts) => texts,
        }
    }
}

impl Written {
    fn revision(self, path: &Path) -> Result<Revision, NotStatic> {
        let Some(Value::One(id)) = self.revision else {
            return Err(NotStatic::because("`revision` is no plain text"));
        };
        let Some(parents) = self.down_revision else {
            return Err(NotStatic::because("there is no `down_revision`"));
        };
        let doc = doc::of(self.docstring.as_deref());
        Ok(Revision {
            id,
            parents: parents.list(),
            labels: self.branch_labels.map(Value::list).unwrap_or_default(),
            depends_on: self.depends_on.map(Value::list).unwrap_or_default(),
            message: doc.message,
            doc: doc.text,
            doc_varies: doc.varies,
            path: path.to_path_buf(),
            create_date: doc.create_date,
            empty_downgrade: self.empty_downgrade.unwrap_or(true),
        })
    }

    fn bind(&mut self, name: &str, value: Value) -> Result<(), NotStatic> {
        let place = match name {
            "revision" => &mut self.revision,
            "down_revision" => &mut self.down_revision,
            "branch_labels" => &mut self.branch_labels,
            "depends_on" => &mut self.depends_on,
            other => return Err(bound(other)),
        };
        *place = Some(value);
        Ok(())
    }

    /// One statement of the module; `sure` where it is certain to be carried out.
    fn statement(&mut self, statement: &Stmt, sure: bool) -> Result<(), NotStatic> {
        match statement {
            Stmt::Assign(assign) => {
                assign.targets.iter().try_for_each(|target| self.assign(target, Some(&assign.value), sure))
            }
            Stmt::AnnAssign(assign) => match &assign.value {
                Some(value) => self.assign(&assign.target, Some(value), sure),
                None => Ok(()),
            },
            Stmt::AugAssign(assign) => self.assign(&assign.target, None, sure),
            Stmt::FunctionDef(function) => self.function(function, sure),
            Stmt::ClassDef(class) => free(&class.name),
            Stmt::Import(import) => import.names.iter().try_for_each(|alias| match &alias.asname {
                Some(name) => free(name),
                None => free(alias.name.split('.').next().unwrap_or_default()),
            }),
            Stmt::ImportFrom(import) => import.names.iter().try_for_each(|alias| match alias.name.as_str() {
                "*" => Err(NotStatic::because("everything is imported from a module")),
                _ => free(alias.asname.as_ref().unwrap_or(&alias.name)),
            }),
            Stmt::If(branch) => {
                let others = branch.elif_else_clauses.iter().flat_map(|clause| &clause.body);
                branch.body.iter().chain(others).try_for_each(|statement| self.statement(statement, false))
            }
            Stmt::Try(attempt) => {
                let handlers = attempt.handlers.iter().filter_map(|handler| handler.as_except_handler());
                handlers.clone().filter_map(|handler| handler.name.as_ref()).try_for_each(|name| free(name))?;
                let handled = handlers.flat_map(|handler| &handler.body);
                let all = attempt.body.iter().chain(handled).chain(&attempt.orelse).chain(&attempt.finalbody);
                all.into_iter().try_for_each(|statement| self.statement(statement, false))
            }
            Stmt::Expr(expression) if is_constant(&expression.value) => Ok(()),
            Stmt::Pass(_) => Ok(()),
            _ => Err(NotStatic::because("the module does more than to bind names")),
        }
    }

    fn assign(&mut self, target: &Expr, value: Option<&Expr>, sure: bool) -> Result<(), NotStatic> {
        match target {
            Expr::Name(name) if !READ.contains(&name.id.as_str()) => free(&name.id),
            Expr::Name(name) if sure => match value.and_then(literal) {
                Some(value) => self.bind(&name.id, value),
                None => Err(NotStatic::because(format!("`{}` is computed", name.id))),
            },
            Expr::Tuple(tuple) => tuple.elts.iter().try_for_each(|target| self.assign(target, None, false)),
            // Something of another object's: `logger.level = …`.
            Expr::Attribute(attribute) if attribute.value.is_name_expr() => free(&attribute.attr),
            Expr::Name(name) => Err(bound(&name.id)),
            _ => Err(NotStatic::because("names are bound in a way that cannot be followed")),
        }
    }

    fn function(&mut self, function: &StmtFunctionDef, sure: bool) -> Result<(), NotStatic> {
        free(&function.name)?;
        if function.name.as_str() == "downgrade" {
            let plain = sure && function.decorator_list.is_empty();
            self.empty_downgrade = Some(plain && function.body.iter().all(does_nothing));
        }
        Ok(())
    }
}

fn written(source: &[u8]) -> Result<Written, Unsure> {
    let text = text_of(source)?;
    let options = ParseOptions::from(Mode::Module).with_target_version(OLDEST);
    let Some(parsed) = parse_unchecked(&text, options).try_into_module() else {
        return Err(NotStatic::because("it is not Python").into());
    };
    if parsed.has_syntax_errors() {
        let wrong = parsed.errors().first().map(|error| error.location.start());
        let of_version = parsed.unsupported_syntax_errors().first().map(|error| error.range.start());
        let why = NotStatic::because("it is not Python, or not of every version");
        return Err(Unsure::at(&text, wrong.or(of_version).unwrap_or_default(), why));
    }
    let mut written = Written::default();
    if let Some(Stmt::Expr(first)) = parsed.suite().first()
        && let Expr::StringLiteral(docstring) = &*first.value
    {
        written.docstring = Some(docstring.value.to_str().to_owned());
    }
    for statement in parsed.suite() {
        written.statement(statement, true).map_err(|why| Unsure::at(&text, statement.start(), why))?;
    }
    Ok(written)
}

/// The text as Python's tokenizer sees it: line ends are line feeds.
fn text_of(source: &[u8]) -> Result<std::borrow::Cow<'_, str>, NotStatic> {
    let source = source.strip_prefix(b"\xef\xbb\xbf").unwrap_or(source);
    let text = str::from_utf8(source).map_err(|_| NotStatic::because("it is not UTF-8"))?;
    let coding = text.lines().take(2).find(|line| line.trim_start().starts_with('#') && line.contains("coding"));
    if coding.is_some_and(|line| !line.contains("utf-8") && !line.contains("utf8") && !line.contains("UTF-8")) {
        return Err(NotStatic::because("it names an encoding"));
    }
    // Half of a surrogate pair has no place in a Rust text.
    let surrogates = ["\0", "\\ud", "\\uD", "\\U0000d", "\\U0000D"];
    let unsure = surrogates.iter().find(|word| text.contains(**word)).or(UNSURE.iter().find(|word| says(text, word)));
    if let Some(word) = unsure {
        return Err(NotStatic::because(format!("it says `{}`", word.trim_end().escape_debug())));
    }
    if has_walrus(text) {
        return Err(NotStatic::because("names are bound within expressions"));
    }
    if !text.contains('\r') {
        return Ok(text.into());
    }
    Ok(text.replace("\r\n", "\n").replace('\r', "\n").into())
}

/// Whether the word stands there by itself: `session.exec(` is another's.
fn says(text: &str, word: &str) -> bool {
    let apart = |before: &str| !before.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '.');
    text.match_indices(word).any(|(at, _)| apart(&text[..at]))
}

/// `revision := …`, whatever stands between.
fn has_walrus(text: &str) -> bool {
    let ends_in_name = |before: &str| READ.iter().any(|name| before.trim_end().ends_with(name));
    text.match_indices(":=").any(|(at, _)| ends_in_name(&text[..at]))
}

/// A name that Alembic does not read.
fn free(name: &str) -> Result<(), NotStatic> {
    if READ.contains(&name) { Err(bound(name)) } else { Ok(()) }
}

fn bound(name: &str) -> NotStatic {
    NotStatic::because(format!("`{name}` is bound in a way that cannot be followed"))
}

/// A text, `None`, or a tuple or list of texts.
fn literal(value: &Expr) -> Option<Value> {
    let text = |value: &Expr| value.as_string_literal_expr().map(|text| text.value.to_str().to_owned());
    let texts = |values: &[Expr]| values.iter().map(text).collect::<Option<Vec<_>>>().map(Value::Several);
    match value {
        Expr::NoneLiteral(_) => Some(Value::None),
        Expr::StringLiteral(_) => text(value).map(Value::One),
        Expr::Tuple(tuple) => texts(&tuple.elts),
        Expr::List(list) => texts(&list.elts),
        _ => None,
    }
}

fn does_nothing(statement: &Stmt) -> bool {
    match statement {
        Stmt::Pass(_) => true,
        Stmt::Expr(expression) => is_constant(&expression.value),
        Stmt::Return(end) => end.value.as_ref().is_none_or(|value| value.is_none_literal_expr()),
        _ => false,
    }
}

fn is_constant(value: &Expr) -> bool {
    value.is_string_literal_expr()
        || value.is_none_literal_expr()
        || value.is_ellipsis_literal_expr()
        || value.is_number_literal_expr()
        || value.is_boolean_literal_expr()
        || value.is_bytes_literal_expr()
}
