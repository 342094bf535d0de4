//! What the worker tells while it runs: one JSON line each.

use std::collections::BTreeSet;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::Result;
use crate::keep::picture::Aspect;

use super::kept::MadeOf;

/// One line of the event file.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "ev", rename_all = "snake_case")]
pub enum Event {
    /// The revisions the database holds, before the run or (`after`) after its failure.
    Heads {
        heads: Vec<String>,
        #[serde(default)]
        after: bool,
    },
    /// Somebody else has the lock.
    Waiting {
        holder: String,
    },
    /// These revisions come next; the worker waits for our word.
    Pending {
        heads: Vec<String>,
        /// All rows of the version table, where it has more than the heads.
        #[serde(default)]
        rows: Option<Vec<String>>,
    },
    StepStarted {
        #[serde(default)]
        revision: String,
        #[serde(default)]
        direction: String,
    },
    StepApplied(Step),
    /// Told before the database is.
    Commit {},
    Autocommit {},
    /// Every step was gone through, and Python is about to end.
    Finished {},
    /// What was written is verified, and the lock given back; what follows only reads.
    Migrated {},
    /// All steps are done, or one has failed; the worker holds the lock until our word.
    Ended {
        #[serde(default)]
        good: bool,
    },
    /// A new file in a versions folder.
    Wrote(Wrote),
    /// Autogenerate found nothing and no file was written.
    Empty {},
    Differences {
        items: Vec<Difference>,
    },
    Warning {
        text: String,
    },
    Result {
        data: Value,
    },
    /// The revisions seen over a new connection, equal to what was asked.
    Verified {
        heads: Vec<String>,
        #[serde(default)]
        at_head: bool,
    },
    /// What a run on a scratch database looked at.
    Witness(Witness),
    /// The scratch database is at its heads, and may be kept.
    Snapshot(MadeOf),
    Error(Box<Failure>),
    #[serde(other)]
    Other,
}

/// What a run looked at: another one that finds it all the same gives the same answer.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Witness {
    pub watched: Vec<(Aspect, PathBuf)>,
    /// Why nobody can tell.
    pub doubts: Vec<String>,
}

/// One revision on its way.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    pub revision: String,
    /// `upgrade`, `downgrade` or `stamp`.
    pub direction: String,
    /// The revisions that it starts from.
    #[serde(default)]
    pub from: Vec<String>,
    /// The revisions that it leads to.
    #[serde(default)]
    pub to: Vec<String>,
    /// The heads of the whole database afterwards.
    #[serde(default, skip_serializing)]
    pub heads: Vec<String>,
    /// All rows of the version table afterwards, where it has more than the heads.
    #[serde(default, skip_serializing)]
    pub rows: Option<Vec<String>>,
    /// First line of the revision's docstring.
    #[serde(default)]
    pub message: Option<String>,
    /// The revision's file.
    #[serde(default)]
    pub path: Option<String>,
    /// How long it took, in seconds.
    #[serde(default)]
    pub seconds: Option<f64>,
}

impl Step {
    /// What the version table holds afterwards.
    fn held(&self) -> &[String] {
        self.rows.as_deref().unwrap_or(&self.heads)
    }

    /// `upgraded to a1b2, create users`; how long it took from a second on.
    pub fn in_words(&self) -> String {
        let done = match self.direction.as_str() {
            "downgrade" => format!("downgraded {} to {}", self.revision, heads_in_words(&self.to)),
            "stamp" => format!("stamped {}", heads_in_words(&self.to)),
            _ => format!("upgraded to {}", self.revision),
        };
        let message = self.message.as_deref().filter(|message| !message.is_empty() && self.direction != "stamp");
        let message = message.map(|message| format!(", {message}")).unwrap_or_default();
        let long = self.seconds.filter(|&seconds| seconds >= 1.0);
        let seconds = long.map(|seconds| format!(" ({seconds:.1} s)")).unwrap_or_default();
        format!("{done}{message}{seconds}")
    }
}

/// A revision file that the run wrote.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Wrote {
    pub path: String,
    pub revision: Option<String>,
}

/// One difference between models and database.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// Alembic's kind, such as `add_column`.
    pub kind: String,
    #[serde(default)]
    pub schema: Option<String>,
    #[serde(default)]
    pub table: Option<String>,
    #[serde(default)]
    pub column: Option<String>,
    /// Name of the index or constraint.
    #[serde(default)]
    pub name: Option<String>,
    /// What the database holds.
    #[serde(default)]
    pub before: Value,
    /// What the models say.
    #[serde(default)]
    pub after: Value,
    /// The difference in words.
    #[serde(default)]
    pub text: String,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

/// Why a run failed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Failure {
    /// One of the kinds that [`super::verdict`] maps to exit codes.
    pub kind: String,
    pub text: String,
    pub help: Option<String>,
    pub revision: Option<String>,
    pub path: Option<String>,
    pub line: Option<u64>,
    pub direction: Option<String>,
    pub sql: Option<String>,
    pub database_message: Option<String>,
    pub traceback: Option<String>,
    pub expected: Option<Vec<String>>,
    pub found: Option<Vec<String>>,
    /// Whether it was a lock of the database's that did not come in time: trying again may help.
    pub lock_timeout: bool,
}

/// All that one run told.
#[derive(Debug, Default)]
pub struct Told {
    pub before: Option<Vec<String>>,
    /// The revisions really reached, read after a failure.
    pub reached: Option<Vec<String>>,
    pub applied: Vec<Step>,
    pub wrote: Vec<Wrote>,
    pub empty: bool,
    pub differences: Vec<Difference>,
    pub warnings: Vec<String>,
    pub results: Vec<Value>,
    pub verified: Option<Vec<String>>,
    pub at_head: bool,
    /// Whether the migration ended well; a failure came after it, then.
    pub migrated: bool,
    pub failure: Option<Failure>,
    pub witness: Option<Witness>,
    pub snapshot: Option<MadeOf>,
    /// Whether anything was about to change.
    pub pending: bool,
    /// Whether the worker came to the end of it.
    pub ended: bool,
    /// Whether nothing ended the interpreter before its time.
    pub finished: bool,
    pub traces: Traces,
}

/// What a run has left in the database, as far as its events tell: they are written before their effect.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Traces {
    /// Something was committed in the middle of a revision, which the engine cannot roll back.
    pub half: bool,
    /// The heads after each commit between revisions: where the database may be.
    pub committed: Vec<Vec<String>>,
    in_step: bool,
    /// Where the database is whole again, if the commit that was told of last came to its end.
    closing: Option<Vec<String>>,
    /// The heads that the next commit makes last.
    next: Option<Vec<String>>,
}

impl Traces {
    fn hear(&mut self, event: &Event) {
        match event {
            Event::StepStarted { .. } => {
                self.in_step = true;
                // Another step follows a commit that succeeded.
                self.half &= self.closing.take().is_none();
            }
            Event::StepApplied(step) => {
                self.in_step = false;
                self.next = Some(step.held().to_vec());
            }
            Event::Commit {} | Event::Autocommit {} if self.in_step => {
                self.half = true;
                self.committed.extend(self.next.take());
            }
            // The version rows go with it; should it fail, what was committed before it stays.
            Event::Commit {} => {
                if let Some(heads) = self.next.take() {
                    self.committed.push(heads.clone());
                    self.closing = Some(heads).filter(|_| self.half);
                }
            }
            _ => {}
        }
    }
}

impl Told {
    /// Takes one event in.
    pub fn hear(&mut self, event: &Event) {
        self.traces.hear(event);
        match event.clone() {
            Event::Migrated {} => self.migrated = true,
            // What is read after a migration is no news of it.
            Event::Heads { after: false, .. } if self.migrated => {}
            // A later command of the run starts where an earlier one ended.
            Event::Heads { heads, after: false } => drop(self.before.get_or_insert(heads)),
            Event::Heads { heads, after: true } => self.reached = Some(heads),
            Event::StepApplied(step) => self.applied.push(step),
            Event::Wrote(wrote) => self.wrote.push(wrote),
            Event::Empty {} => self.empty = true,
            Event::Differences { items } => self.differences.extend(items),
            Event::Warning { text } => self.warnings.push(text),
            Event::Result { data } => self.results.push(data),
            Event::Verified { heads, at_head } => (self.verified, self.at_head) = (Some(heads), at_head),
            // The first failure is the cause; what follows is its wake.
            Event::Error(failure) => drop(self.failure.get_or_insert(*failure)),
            Event::Witness(witness) => self.witness = Some(witness),
            Event::Snapshot(made_of) => self.snapshot = Some(made_of),
            Event::Pending { .. } => self.pending = true,
            Event::Ended { .. } => self.ended = true,
            Event::Finished {} => self.finished = true,
            Event::Waiting { .. }
            | Event::StepStarted { .. }
            | Event::Commit {}
            | Event::Autocommit {}
            | Event::Other => {}
        }
    }
}

impl Told {
    /// Whether a part of a revision may be in the database without the rest of it.
    /// `rolls_back`: the engine undoes what was not committed. `now` reads the heads that the database holds.
    pub fn is_half(&self, rolls_back: bool, now: impl FnOnce() -> Result<Vec<String>>) -> Result<bool> {
        if !rolls_back && self.pending && self.verified.is_none() {
            return Ok(true);
        }
        match &self.traces.closing {
            Some(heads) if self.traces.half => Ok(set(heads) != set(&now()?)),
            _ => Ok(self.traces.half),
        }
    }

    /// Whether the database can be at these heads after this run and nothing else.
    pub fn may_be_at(&self, before: &[String], heads: &[String]) -> bool {
        let applied = self.applied.iter().map(Step::held);
        let committed = self.traces.committed.iter().map(Vec::as_slice);
        std::iter::once(before).chain(applied).chain(committed).any(|possible| set(possible) == set(heads))
    }
}

fn set(heads: &[String]) -> BTreeSet<&str> {
    heads.iter().map(String::as_str).collect()
}

/// Revisions in words: `base`, or the ids in a stable order.
pub fn heads_in_words(heads: &[String]) -> String {
    if heads.is_empty() {
        return "base".to_owned();
    }
    heads.iter().map(String::as_str).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(line: &str) -> Event {
        serde_json::from_str(line).unwrap()
    }

    #[test]
    fn the_first_failure_is_kept() {
        let mut told = Told::default();
        told.hear(&event(r#"{"v":1,"ev":"error","kind":"migration","text":"first"}"#));
        told.hear(&event(r#"{"v":1,"ev":"error","kind":"internal","text":"second"}"#));
        assert_eq!(told.failure.unwrap().text, "first");
    }

    #[test]
    fn an_unknown_event_is_passed_over() {
        assert!(matches!(event(r#"{"v":1,"ev":"later","x":1}"#), Event::Other));
        assert!(matches!(event(r#"{"v":1,"ev":"empty"}"#), Event::Empty {}));
    }

    #[test]
    fn after_a_block_the_last_commit_counts_only_if_the_database_shows_it() {
        let mut told = Told::default();
        let lines = [
            r#"{"ev":"step_started"}"#,
            r#"{"ev":"autocommit"}"#,
            r#"{"ev":"step_applied","revision":"a2","direction":"upgrade","heads":["a2"]}"#,
            r#"{"ev":"commit"}"#,
        ];
        lines.iter().for_each(|line| told.hear(&event(line)));
        let half = |told: &Told, now: &str| told.is_half(true, || Ok(vec![now.to_owned()])).unwrap();
        assert_eq!((half(&told, "a1"), half(&told, "a2")), (true, false));
        told.hear(&event(r#"{"ev":"step_started"}"#));
        assert!(!half(&told, "a2"));
    }

    #[test]
    fn heads_before_and_after_are_told_apart() {
        let mut told = Told::default();
        told.hear(&event(r#"{"ev":"heads","heads":["a"]}"#));
        told.hear(&event(r#"{"ev":"heads","heads":[],"after":true}"#));
        assert_eq!((told.before, told.reached), (Some(vec!["a".into()]), Some(vec![])));
    }
}
