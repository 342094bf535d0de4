//! The worker's failures in our words: what, where, the database's own message, the next step.

use std::path::Path;

use crate::error::{Error, Words};

use super::event::{Failure, heads_in_words};

/// The error that a failure of the worker means for this target.
pub fn error(target: &str, failure: &Failure, reached: Option<&[String]>, log: Option<&Path>) -> Error {
    let words = Words {
        what: format!("{target}: {}", what(failure)),
        detail: detail(failure, reached),
        help: failure.help.clone().or_else(|| help(target, failure)),
        log: log.filter(|_| has_more_in_the_log(&failure.kind)).map(Path::to_path_buf),
    };
    match failure.kind.as_str() {
        "drift" | "not_up_to_date" => Error::No(words),
        "command" | "usage" | "settings" | "unknown_revision" | "revision_file" => Error::Usage(words),
        "models" | "environment" | "flag" => Error::Environment(words),
        "connect" => Error::Database(words),
        "locked" => Error::Locked(words),
        _ => Error::Failed(words),
    }
}

/// Where the traceback tells more than the words: somebody's code failed.
fn has_more_in_the_log(kind: &str) -> bool {
    ["models", "revision_file", "migration", "offline", "hook", "internal"].contains(&kind)
}

fn what(failure: &Failure) -> String {
    let text = failure.text.trim_end();
    match (failure.kind.as_str(), &failure.revision) {
        // Alembic's own sentence, as people know it.
        ("command" | "not_up_to_date", _) => format!("FAILED: {text}"),
        ("migration", Some(revision)) => {
            let direction = failure.direction.as_deref().unwrap_or("upgrade");
            format!("{direction} of revision {revision} failed: {text}")
        }
        _ => text.to_owned(),
    }
}

fn detail(failure: &Failure, reached: Option<&[String]>) -> Option<String> {
    let mut lines = Vec::new();
    if let Some(path) = &failure.path {
        let line = failure.line.map(|line| format!(":{line}")).unwrap_or_default();
        lines.push(format!("  at {path}{line}"));
    }
    if let Some(sql) = &failure.sql {
        lines.push(format!("  SQL: {}", indented(sql.trim())));
    }
    if let Some(message) = failure.database_message.as_ref().filter(|message| !failure.text.contains(message.trim())) {
        lines.push(format!("  database: {}", indented(message.trim())));
    }
    if let (Some(expected), Some(found)) = (&failure.expected, &failure.found) {
        lines.push(format!("  expected {}, found {}", heads_in_words(expected), heads_in_words(found)));
    }
    if let Some(reached) = reached {
        lines.push(format!("  the database is at {}", heads_in_words(reached)));
    }
    (!lines.is_empty()).then(|| lines.join("\n"))
}

fn indented(text: &str) -> String {
    text.replace('\n', "\n       ")
}

fn help(target: &str, failure: &Failure) -> Option<String> {
    let project = target.split('.').next().unwrap_or(target);
    match failure.kind.as_str() {
        "drift" => Some(format!("write the missing revision: shed revision {target} --autogenerate -m \"…\"")),
        "not_up_to_date" => Some(format!("shed migrate {target}")),
        "command" if failure.text.starts_with("Target database is not up") => Some(format!("shed migrate {target}")),
        "command" if failure.text.starts_with("Multiple head") => Some(format!("join them: shed merge {project}")),
        "offline" => {
            Some(format!("run it on a copy of the database instead: shed migrate {project} --on development.NAME"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_migration_names_revision_file_line_statement_and_where_the_database_is() {
        let failure = Failure {
            kind: "migration".into(),
            text: "no such table: nope".into(),
            revision: Some("a2".into()),
            path: Some("versions/a2.py".into()),
            line: Some(12),
            direction: Some("upgrade".into()),
            sql: Some("DROP TABLE nope".into()),
            ..Failure::default()
        };
        let error = error("billing.prod", &failure, Some(&["a1".into()]), None);
        assert_eq!(
            error.to_string(),
            "billing.prod: upgrade of revision a2 failed: no such table: nope\n  at versions/a2.py:12\n  \
             SQL: DROP TABLE nope\n  the database is at a1"
        );
        assert_eq!(error.code(), 5);
    }

    #[test]
    fn the_kind_decides_the_exit_code() {
        let code = |kind: &str| error("a.b", &Failure { kind: kind.into(), ..Failure::default() }, None, None).code();
        let codes = ["drift", "command", "models", "connect", "lost", "something new"].map(code);
        assert_eq!(codes, [1, 2, 3, 4, 5, 5]);
    }
}
