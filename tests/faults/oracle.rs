//! What a database holds, asked of the database itself, and the tally of many faults.

use std::process::Command;

use crate::cluster::programs;
use crate::database::Database;
use crate::random::seed;

/// Everything in it, as text that is the same for the same content.
pub fn content(database: &Database) -> String {
    if !database.url().starts_with("postgres") {
        if !database.exists() {
            return "no database\n".into();
        }
        return database.rows("pragma integrity_check") + &database.rows(".dump");
    }
    let mut command = Command::new(programs().join("pg_dump"));
    let output = command.args(["-w", "-d", &database.url()]).env_remove("PGOPTIONS").output().unwrap();
    if !output.status.success() {
        return format!("no database: {}", String::from_utf8_lossy(&output.stderr));
    }
    let text = String::from_utf8(output.stdout).unwrap();
    // Rows come in the order in which they lie, which a change that is rolled back moves.
    let mut lines: Vec<_> = text.lines().filter(|line| !line.starts_with("--") && !line.starts_with('\\')).collect();
    lines.sort_unstable();
    lines.join("\n")
}

/// The lines that differ, from the content that is nearest.
fn difference(allowed: &[&str], held: &str) -> String {
    let against = |wanted: &str| {
        let missing =
            wanted.lines().filter(|line| !held.lines().any(|other| other == *line)).map(|line| format!("- {line}"));
        let more =
            held.lines().filter(|line| !wanted.lines().any(|other| other == *line)).map(|line| format!("+ {line}"));
        missing.chain(more).collect::<Vec<_>>()
    };
    let nearest = allowed.iter().map(|wanted| against(wanted)).min_by_key(Vec::len).unwrap_or_default();
    format!("{} lines differ\n{}", nearest.len(), nearest[..nearest.len().min(30)].join("\n"))
}

/// What became of many faults of one kind.
pub struct Tally {
    name: String,
    rounds: usize,
    /// Faults that struck in the middle of work: something had to be put right.
    pub struck: usize,
    lost: Vec<String>,
    half: Vec<String>,
    stuck: Vec<String>,
    left: Vec<String>,
}

impl Tally {
    pub fn of(name: impl Into<String>) -> Self {
        let none = Vec::new;
        Self { name: name.into(), rounds: 0, struck: 0, lost: none(), half: none(), stuck: none(), left: none() }
    }

    pub fn begin(&mut self) {
        self.rounds += 1;
    }

    /// The content must be one of these; it is lost where fewer rows of `person` are in it than must be.
    pub fn content(&mut self, how: &str, database: &Database, allowed: &[&str]) {
        let held = content(database);
        if allowed.contains(&held.as_str()) {
            return;
        }
        let rows = |text: &str| text.matches("Ada ").count();
        let lost = rows(&held) < allowed.iter().map(|text| rows(text)).min().unwrap_or_default();
        let told = format!("{how}: {}", difference(allowed, &held));
        if lost { self.lost.push(told) } else { self.half.push(told) }
    }

    /// A command that had to succeed.
    pub fn runs(&mut self, how: &str, said: &crate::call::Output) -> bool {
        if said.code != 0 {
            self.stuck.push(format!("{how}: {said:?}"));
        }
        said.code == 0
    }

    pub fn left(&mut self, how: &str, what: Vec<String>) {
        self.left.extend(what.into_iter().map(|what| format!("{how}: {what}")));
    }

    /// Says the figures, and fails unless all of them are nought.
    pub fn end(self) {
        let Self { name, rounds, struck, lost, half, stuck, left } = self;
        let figures = [lost.len(), half.len(), stuck.len(), left.len()];
        let told = format!(
            "{name}: {rounds} faults ({struck} in the middle of work), {} lost, {} half, {} stuck, {} left something (seed {})",
            figures[0],
            figures[1],
            figures[2],
            figures[3],
            seed()
        );
        println!("{told}");
        let bad: Vec<_> = [lost, half, stuck, left].into_iter().flatten().collect();
        assert!(bad.is_empty(), "{told}\nagain with SHED_FAULTS_SEED={}\n{}", seed(), bad.join("\n"));
    }
}
