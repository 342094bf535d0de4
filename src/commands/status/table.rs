//! The standing of several databases as a table of 80 columns.

use std::fmt;

use crate::error::Error;

use super::Standing;

/// What a line may take of a terminal.
const WIDTH: usize = 80;
/// What a revision may take of it; Alembic's own ids have 12.
const REVISION: usize = 14;
const TITLES: [&str; 4] = ["target", "current", "head", "pending"];

/// A line for each target, and how many are behind.
pub fn write(f: &mut fmt::Formatter<'_>, answers: &[(String, Result<Standing, Error>)]) -> fmt::Result {
    if answers.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = answers.iter().map(|(name, answer)| row(name, answer)).collect();
    let width = |column: usize| {
        let cells = rows.iter().map(|(cells, _)| cells[column].chars().count());
        cells.max().unwrap_or(0).max(TITLES[column].len())
    };
    let widths: [usize; 4] = std::array::from_fn(width);
    writeln!(f, "{}", line(&TITLES.map(str::to_owned), &widths, ""))?;
    rows.iter().try_for_each(|(cells, notes)| writeln!(f, "{}", line(cells, &widths, notes)))?;
    writeln!(f, "{}", sum(answers))
}

fn row(name: &str, answer: &Result<Standing, Error>) -> ([String; 4], String) {
    match answer {
        Err(error) => {
            let what = if error.code() == 4 { "unreachable" } else { "error" };
            ([name.to_owned(), "?".into(), "?".into(), "?".into()], what.to_owned())
        }
        Ok(standing) => {
            let pending = standing.pending.map_or("?".to_owned(), |pending| pending.to_string());
            ([name.to_owned(), short(&standing.current), short(&standing.heads), pending], notes(standing))
        }
    }
}

/// What is worth knowing beside the revisions.
fn notes(standing: &Standing) -> String {
    let mut notes = Vec::new();
    notes.extend(standing.broken_off.as_ref().map(|_| "broken off: shed recover".to_owned()));
    if !standing.unknown.is_empty() {
        notes.push(format!("unknown revision {}", short(&standing.unknown)));
    }
    if !standing.edited.is_empty() {
        notes.push(format!("edited: {}", short(&standing.edited)));
    }
    if standing.heads.len() > 1 {
        notes.push(format!("{} heads", standing.heads.len()));
    }
    if standing.missing {
        notes.push("no file yet".to_owned());
    }
    if standing.protected {
        notes.push("protected".to_owned());
    }
    notes.join(", ")
}

/// The first revision, and how many more there are.
fn short(revisions: &[String]) -> String {
    let Some(first) = revisions.first() else { return "-".to_owned() };
    let more = if revisions.len() > 1 { format!(" +{}", revisions.len() - 1) } else { String::new() };
    format!("{}{more}", cut(first, REVISION - more.len()))
}

fn line(cells: &[String; 4], widths: &[usize; 4], notes: &str) -> String {
    let [target, current, head, pending] = cells;
    let [first, second, third, fourth] = widths;
    let line = format!("{target:first$}  {current:second$}  {head:third$}  {pending:>fourth$}");
    let room = WIDTH.saturating_sub(line.chars().count() + 2).max(12);
    format!("{line}  {}", cut(notes, room)).trim_end().to_owned()
}

fn cut(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    text.chars().take(room - 1).chain(['…']).collect()
}

fn sum(answers: &[(String, Result<Standing, Error>)]) -> String {
    let count = |is: &dyn Fn(&Result<Standing, Error>) -> bool| answers.iter().filter(|(_, answer)| is(answer)).count();
    let behind = count(&|answer| answer.as_ref().is_ok_and(|standing| standing.pending != Some(0)));
    let failed = count(&|answer| answer.is_err());
    let failed = if failed > 0 { format!(", {failed} could not be read") } else { String::new() };
    format!("{behind} of {} behind{failed}", answers.len())
}
