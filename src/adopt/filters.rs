//! Callables of an env.py that say what settings say in a word.

use ruff_python_ast::{CmpOp, Expr, Stmt, StmtFunctionDef};

use super::names::Names;

/// What settings say in the place of a function.
#[derive(Debug, PartialEq)]
pub enum Said {
    /// shed does it anyway; the remark says what, if it says anything.
    Nothing(&'static str),
    Excluded(Vec<String>),
    Schemas(Vec<String>),
}

/// What a function is, where it is one of the usual ones.
pub fn read(keyword: &str, function: &StmtFunctionDef, names: &Names<'_>) -> Option<Said> {
    match keyword {
        "process_revision_directives" => is_no_empty_revision(function, names)
            .then_some(Said::Nothing("no empty revisions: shed writes none unless --allow-empty says so")),
        "include_object" => excluded(function, names).map(|tables| match tables.is_empty() {
            true => Said::Nothing(""),
            false => Said::Excluded(tables),
        }),
        "include_name" => schemas(function, names).map(Said::Schemas),
        _ => None,
    }
}

/// Alembic's own recipe: `if script.upgrade_ops.is_empty(): directives[:] = []`, and nothing else.
fn is_no_empty_revision(function: &StmtFunctionDef, names: &Names<'_>) -> bool {
    fn harmless(statements: &[Stmt], names: &Names<'_>) -> bool {
        statements.iter().all(|statement| match statement {
            Stmt::If(branch) => branch.elif_else_clauses.is_empty() && harmless(&branch.body, names),
            Stmt::Expr(_) | Stmt::Pass(_) => true,
            Stmt::Assign(_) => {
                let code = names.python.code(statement);
                code.ends_with("[:] = []") || code.ends_with("= directives[0]")
            }
            Stmt::Assert(_) | Stmt::Return(_) => true,
            _ => false,
        })
    }
    let code: Vec<String> = function.body.iter().map(|statement| names.python.code(statement)).collect();
    let text = names.python.text();
    let from = usize::from(ruff_text_size::Ranged::start(function));
    let to = usize::from(ruff_text_size::Ranged::end(function));
    let whole = text.get(from..to).unwrap_or_default();
    !code.is_empty() && whole.contains("is_empty()") && whole.contains("[:] = []") && harmless(&function.body, names)
}

/// `if type_ == "table" and name in …: return False`, then `return True`.
fn excluded(function: &StmtFunctionDef, names: &Names<'_>) -> Option<Vec<String>> {
    let parameters = parameters(function);
    let (name, kind) = (parameters.get(1)?, parameters.get(2)?);
    let mut tables = Vec::new();
    let mut body = without_docstring(&function.body);
    while let Some((first, rest)) = body.split_first() {
        match first {
            Stmt::If(branch) => {
                let [Stmt::Return(end)] = branch.body.as_slice() else { return None };
                if !is_bool(end.value.as_deref()?, false) {
                    return None;
                }
                tables.extend(tables_of(&branch.test, name, kind, names)?);
                match branch.elif_else_clauses.as_slice() {
                    [] => body = rest,
                    [last] if last.test.is_none() && rest.is_empty() => body = &last.body,
                    _ => return None,
                }
            }
            Stmt::Return(end) if rest.is_empty() => match end.value.as_deref()? {
                Expr::BooleanLiteral(literal) if literal.value => {
                    return Some(tables);
                }
                Expr::UnaryOp(not) if not.op == ruff_python_ast::UnaryOp::Not => {
                    tables.extend(tables_of(&not.operand, name, kind, names)?);
                    return Some(tables);
                }
                _ => return None,
            },
            _ => return None,
        }
    }
    None
}

/// The tables that `type_ == "table" and …` holds for, as globs.
fn tables_of(test: &Expr, name: &str, kind: &str, names: &Names<'_>) -> Option<Vec<String>> {
    let Expr::BoolOp(both) = test else { return None };
    let [first, second] = both.values.as_slice() else { return None };
    let is_table = both.op == ruff_python_ast::BoolOp::And && is_equal(first, kind, "table", names);
    if is_table { globs(second, name, names) } else { None }
}

fn globs(test: &Expr, name: &str, names: &Names<'_>) -> Option<Vec<String>> {
    match test {
        Expr::Compare(compare) => {
            let ([operator], [right]) = (&*compare.ops, &*compare.comparators) else { return None };
            if compare.left.as_name_expr()?.id.as_str() != name {
                return None;
            }
            match operator {
                CmpOp::Eq => Some(vec![glob(&names.plain(right)?, "")]),
                CmpOp::In => match names.value(right) {
                    super::value::Value::List(items) => {
                        items.iter().map(|item| Some(glob(&item.plain()?, ""))).collect()
                    }
                    _ => None,
                },
                _ => None,
            }
        }
        Expr::Call(call) => {
            let method = call.func.as_attribute_expr()?;
            if method.value.as_name_expr()?.id.as_str() != name || method.attr.as_str() != "startswith" {
                return None;
            }
            match names.value(call.arguments.args.first()?) {
                super::value::Value::List(items) => items.iter().map(|item| Some(glob(&item.plain()?, "*"))).collect(),
                value => Some(vec![glob(&value.plain()?, "*")]),
            }
        }
        Expr::BoolOp(either) if either.op == ruff_python_ast::BoolOp::Or => either
            .values
            .iter()
            .map(|test| globs(test, name, names))
            .collect::<Option<Vec<_>>>()
            .map(|all| all.concat()),
        _ => None,
    }
}

/// A name as a glob that means it alone.
fn glob(name: &str, tail: &str) -> String {
    let quoted: String =
        name.chars().map(|c| if ['*', '?', '['].contains(&c) { format!("[{c}]") } else { c.to_string() }).collect();
    quoted + tail
}

/// `if type_ == "schema": return name in […]`, then `return True`.
fn schemas(function: &StmtFunctionDef, names: &Names<'_>) -> Option<Vec<String>> {
    let parameters = parameters(function);
    let (name, kind) = (parameters.first()?, parameters.get(1)?);
    let body = without_docstring(&function.body);
    let (Stmt::If(branch), rest) = body.split_first()? else { return None };
    let rest = match (branch.elif_else_clauses.as_slice(), rest) {
        ([last], []) if last.test.is_none() => last.body.as_slice(),
        ([], rest) => rest,
        _ => return None,
    };
    let ([Stmt::Return(inside)], [Stmt::Return(end)]) = (branch.body.as_slice(), rest) else { return None };
    if !is_equal(&branch.test, kind, "schema", names) || !is_bool(end.value.as_deref()?, true) {
        return None;
    }
    let Expr::Compare(compare) = inside.value.as_deref()? else { return None };
    let ([CmpOp::In], [right]) = (&*compare.ops, &*compare.comparators) else { return None };
    if compare.left.as_name_expr()?.id.as_str() != name {
        return None;
    }
    let super::value::Value::List(items) = names.value(right) else { return None };
    let named = items.iter().filter(|item| **item != super::value::Value::None);
    named.map(super::value::Value::plain).collect::<Option<Vec<_>>>().filter(|schemas| !schemas.is_empty())
}

fn parameters(function: &StmtFunctionDef) -> Vec<String> {
    function.parameters.iter_non_variadic_params().map(|parameter| parameter.parameter.name.to_string()).collect()
}

fn without_docstring(body: &[Stmt]) -> &[Stmt] {
    match body.split_first() {
        Some((Stmt::Expr(first), rest)) if first.value.is_string_literal_expr() => rest,
        _ => body,
    }
}

fn is_equal(test: &Expr, name: &str, text: &str, names: &Names<'_>) -> bool {
    let Expr::Compare(compare) = test else { return false };
    let ([CmpOp::Eq], [right]) = (&*compare.ops, &*compare.comparators) else { return false };
    compare.left.as_name_expr().is_some_and(|left| left.id.as_str() == name)
        && names.plain(right).as_deref() == Some(text)
}

fn is_bool(expression: &Expr, value: bool) -> bool {
    expression.as_boolean_literal_expr().is_some_and(|literal| literal.value == value)
}
