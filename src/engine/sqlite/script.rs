//! A file of SQL run on a SQLite database: all of it or nothing.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use rusqlite::Connection;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization, TransactionOperation};

use crate::engine::Watch;
use crate::error::{Error, Result};
use crate::failpoint::reach;

use super::open::{heed, interruptible};
use super::statements::{Statement, statements};
use super::{File, words};

const PLAIN: u8 = 0;
const BEGIN: u8 = 1;
const COMMIT: u8 = 2;
const ROLLBACK: u8 = 3;
const ATTACH: u8 = 4;

/// Where a file stands that brings its own `BEGIN … COMMIT` around everything, as dumps do.
#[derive(PartialEq, Eq)]
enum Bracket {
    None,
    Open,
    Closed,
}

impl File {
    pub fn run_file(&self, path: &Path, watch: &Watch<'_>) -> Result<()> {
        let text =
            std::fs::read(path).map_err(|error| Error::usage(format!("could not read {}: {error}", path.display())))?;
        let text = String::from_utf8(text)
            .map_err(|_| Error::usage(format!("{} is not UTF-8", path.display())).help("shed runs SQL in UTF-8"))?;
        let (mut connection, database) = (self.writer()?, self.path()?);
        let written = |error| words::writing(&database, &error);
        connection.execute_batch("BEGIN IMMEDIATE").map_err(written)?;
        let kind = Arc::new(AtomicU8::new(PLAIN));
        let told = Arc::clone(&kind);
        connection.authorizer(Some(move |context: AuthContext<'_>| note(&told, &context))).map_err(written)?;
        run(&connection, &kind, text.trim_start_matches('\u{feff}'), path, watch)?;
        connection.authorizer(None::<fn(AuthContext<'_>) -> Authorization>).map_err(written)?;
        reach("sqlite-script-run")?;
        heed(watch)?;
        connection.execute_batch("COMMIT").map_err(written)
    }
}

/// The parser itself tells what a statement would do to our transaction.
fn note(kind: &AtomicU8, context: &AuthContext<'_>) -> Authorization {
    let found = match context.action {
        AuthAction::Transaction { operation: TransactionOperation::Begin } => BEGIN,
        // The crate has no name of its own for COMMIT.
        AuthAction::Transaction { operation: TransactionOperation::Unknown } => COMMIT,
        AuthAction::Transaction { .. } => ROLLBACK,
        AuthAction::Attach { .. } | AuthAction::Detach { .. } => ATTACH,
        _ => return Authorization::Allow,
    };
    kind.store(found, Ordering::SeqCst);
    Authorization::Allow
}

fn run(connection: &Connection, kind: &AtomicU8, text: &str, path: &Path, watch: &Watch<'_>) -> Result<()> {
    let mut bracket = Bracket::None;
    let mut only_pragmas = true;
    for statement in statements(text) {
        let failed = |error: &rusqlite::Error| wrong(path, statement, error);
        kind.store(PLAIN, Ordering::SeqCst);
        let mut prepared = connection.prepare(statement.text).map_err(|error| failed(&error))?;
        match kind.load(Ordering::SeqCst) {
            BEGIN if bracket == Bracket::None && only_pragmas => bracket = Bracket::Open,
            COMMIT if bracket == Bracket::Open => bracket = Bracket::Closed,
            PLAIN if bracket != Bracket::Closed => {
                only_pragmas &= statement.text.get(..6).is_some_and(|word| word.eq_ignore_ascii_case("pragma"));
                let ran = interruptible(connection, watch, || {
                    let mut rows = prepared.query([])?;
                    while rows.next()?.is_some() {}
                    Ok(())
                })?;
                ran.map_err(|error| failed(&error))?;
            }
            ATTACH => return Err(refused(path, statement, "another database cannot be attached")),
            _ => return Err(refused(path, statement, "the file runs in one transaction, and this would end it")),
        }
    }
    if bracket == Bracket::Open {
        return Err(Error::failed(format!("{} begins a transaction and does not commit it", path.display()))
            .help("nothing was changed; the file may have been cut off"));
    }
    Ok(())
}

fn wrong(path: &Path, statement: Statement<'_>, error: &rusqlite::Error) -> Error {
    let said = match error {
        rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
        error => error.to_string(),
    };
    Error::failed(format!("{}, line {}: {said}", path.display(), statement.line))
        .detail(shown(statement.text))
        .help("nothing was changed")
}

fn refused(path: &Path, statement: Statement<'_>, why: &str) -> Error {
    Error::failed(format!("{}, line {}: {why}", path.display(), statement.line))
        .detail(shown(statement.text))
        .help("nothing was changed; leave the statement out, or put one BEGIN and one COMMIT around the whole file")
}

/// The first line of a statement, within reason.
fn shown(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    format!("  {}", line.chars().take(120).collect::<String>())
}
