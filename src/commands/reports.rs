//! What runs report: one target's result, and the results of several.

use std::borrow::Cow;
use std::fmt;
use std::mem::take;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde::ser::{SerializeMap, SerializeSeq};
use serde_json::{Map, Value};

use crate::alembic::event::{Step as Revision, heads_in_words};
use crate::alembic::{Difference, Ended, Plan, Step};
use crate::error::{self, Error, Result};
use crate::output::{Failure, Fault, Format, Report};
use crate::revisions::{Graph, NotStatic, Style};

use super::live::Live;
use super::planning::{Wishes, with_x};
use super::safely::{Care, Kept};
use super::scope::{Chosen, Needs, Scope};

/// What a command that only looks found.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(with = "LookedAt")]
pub struct Looked {
    pub target: String,
    #[serde(flatten)]
    pub data: Map<String, Value>,
    /// Alembic's own text, where it was not streamed.
    #[serde(skip)]
    pub text: String,
}

/// The fields of [`Looked`]: one of them beside the target.
#[derive(JsonSchema)]
#[schemars(rename = "Looked", deny_unknown_fields)]
#[expect(dead_code, reason = "what the schema is made from")]
struct LookedAt {
    target: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    current: Option<Vec<Facts>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    heads: Option<Vec<Facts>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    branches: Option<Vec<Facts>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revisions: Option<Vec<Facts>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    templates: Option<Vec<Template>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sql: Option<String>,
}

/// One revision, as `python/shed_db/graph.py` and `src/revisions/facts.rs` describe it.
#[derive(JsonSchema)]
#[schemars(rename = "Revision", deny_unknown_fields)]
#[expect(dead_code, reason = "what the schema is made from")]
struct Facts {
    revision: String,
    down_revision: Vec<String>,
    branch_labels: Vec<String>,
    depends_on: Vec<String>,
    /// The first paragraph of the docstring.
    message: String,
    doc: String,
    path: String,
    create_date: Option<String>,
    is_head: bool,
    is_base: bool,
    is_branch_point: bool,
    is_merge_point: bool,
    /// Where the database was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    is_current: Option<bool>,
}

/// One of Alembic's templates.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "what the schema is made from")]
struct Template {
    name: String,
    description: String,
}

/// What a command that writes to a database did.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Moved {
    pub target: String,
    /// The database in words.
    pub database: String,
    /// The revisions before.
    pub from: Vec<String>,
    /// The revisions after, read over a new connection.
    pub to: Vec<String>,
    /// Whether that is every head.
    pub at_head: bool,
    pub applied: Vec<Revision>,
    /// With --check: what `check` found afterwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check: Option<Compared>,
    /// Why it could not be compared, though it was migrated.
    #[serde(skip)]
    pub failed: Option<Error>,
    #[serde(skip)]
    pub text: String,
}

/// The differences between models and a database that was just migrated.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Compared {
    /// Whether there are none.
    pub in_order: bool,
    pub differences: Vec<Difference>,
}

/// In which form a question about revision files is to be answered.
#[derive(Debug, Clone, Copy)]
pub enum Asked {
    Text(Style),
    Data,
}

/// The answer to it.
#[derive(Debug)]
pub enum Said {
    Text(String),
    Data(Value),
}

/// The answer of a command that takes one target or several.
#[derive(Debug)]
pub enum Answer<R> {
    One(R),
    Several(Vec<(String, std::result::Result<R, Error>)>),
}

impl Scope<'_> {
    /// Answers a question about revision files from the files, without Python, where that is certain; otherwise runs Alembic.
    pub fn look_at_files(
        &self,
        chosen: &Chosen<'_>,
        several: bool,
        argv: Vec<String>,
        graph: (&'static str, Map<String, Value>),
        answer: &dyn Fn(&Graph, Asked) -> std::result::Result<Said, NotStatic>,
    ) -> Result<Looked> {
        let asked = match (self.out.format, self.out.verbose) {
            (Format::Json, _) => Asked::Data,
            (Format::Text, true) => Asked::Text(Style::Verbose),
            (Format::Text, false) => Asked::Text(Style::Short),
        };
        match self.graph(chosen)?.and_then(|graph| answer(&graph, asked)) {
            Ok(Said::Text(text)) => Ok(Looked { target: chosen.name.clone(), data: Map::new(), text }),
            Ok(Said::Data(value)) => {
                let data = Map::from_iter([(name_of(graph.0).to_owned(), value)]);
                Ok(Looked { target: chosen.name.clone(), data, text: String::new() })
            }
            Err(_) => self.look(chosen, several, Needs::Files, argv, graph),
        }
    }

    /// Runs a command that only looks: Alembic's text, or the same as data.
    pub fn look(
        &self,
        chosen: &Chosen<'_>,
        several: bool,
        needs: Needs,
        argv: Vec<String>,
        graph: (&'static str, Map<String, Value>),
    ) -> Result<Looked> {
        let step = match self.out.format {
            Format::Text => Step::alembic(argv),
            Format::Json => Step::Graph { question: graph.0, arguments: graph.1 },
        };
        let mut plan = self.plan(chosen, needs, vec![step], Wishes::default())?;
        plan.verbose = false; // the flag is Alembic's own here
        self.say_missing(&plan);
        let mut live = Live::of(self.out, &plan.target, several);
        let ended = self.run(&plan, &mut live)?.good()?;
        Ok(Looked { target: chosen.name.clone(), data: data(graph.0, ended), text: live.text() })
    }

    /// Runs a command that writes to the database, verified; compares where that is wished.
    pub fn write(&self, chosen: &Chosen<'_>, several: bool, argv: Vec<String>, wishes: Wishes<'_>) -> Result<Moved> {
        let compare = wishes.compares.map(|place| Step::Compare { argv: with_x(place, vec!["check".to_owned()]) });
        let steps = std::iter::once(Step::verified(argv)).chain(compare).collect();
        let plan = self.plan(chosen, Needs::Writing, steps, wishes)?;
        let place = plan.reach.as_ref().map(|reach| reach.engine.place()).unwrap_or_default();
        self.out.note(&format!("{}: {place}", chosen.name));
        let mut live = Live::of(self.out, &plan.target, several);
        let care = wishes.care.unwrap_or(("alembic", Care::default()));
        let ended = self.run_with_retries(chosen, &plan, care, &mut Kept::default(), &mut live)?;
        let moved = self.outcome(chosen, place, ended)?;
        Ok(Moved { text: live.text(), ..moved })
    }

    /// Runs it safely; again, as often as the settings say, where only a lock of the database's did not come in time.
    pub fn run_with_retries(
        &self,
        chosen: &Chosen<'_>,
        plan: &Plan<'_>,
        care: (&str, Care),
        kept: &mut Kept,
        live: &mut Live<'_>,
    ) -> Result<Ended> {
        let mut ended = self.run_kept(chosen, plan, care, kept, live)?;
        let retries = plan.options.as_ref().map_or(0, |options| options.retries);
        for attempt in 1..=retries {
            if ended.told.migrated || !ended.may_be_tried_again() {
                break;
            }
            let words = format!("a lock of the database's did not come in time; again ({attempt} of {retries})");
            self.out.note(&format!("{}: {words}", chosen.name));
            std::thread::sleep(pause(attempt));
            ended = self.run_kept(chosen, plan, care, kept, live)?;
        }
        Ok(ended)
    }

    /// What a run that wrote has done, and found where it compared.
    fn outcome(&self, chosen: &Chosen<'_>, database: String, mut ended: Ended) -> Result<Moved> {
        let drifted = ended.drifted();
        let told = &mut ended.told;
        let migrated = told.migrated;
        let from = take(&mut told.before).unwrap_or_default();
        let to = take(&mut told.verified).unwrap_or_else(|| from.clone());
        let (applied, differences, at_head) = (take(&mut told.applied), take(&mut told.differences), told.at_head);
        let failed = if drifted { None } else { ended.good().err() };
        // Whatever became of the comparison: the migration stays done.
        let failed = if migrated { failed } else { failed.map_or(Ok(None), Err)? };
        let head = if at_head { " (head)" } else { "" };
        self.out.note(&format!("{}: now at {}{head}", chosen.name, heads_in_words(&to)));
        if drifted {
            self.say_drift(&chosen.name);
        }
        let check = (migrated && failed.is_none()).then_some(Compared { in_order: !drifted, differences });
        Ok(Moved {
            target: chosen.name.clone(),
            database,
            from,
            to,
            at_head,
            applied,
            check,
            failed,
            text: String::new(),
        })
    }

    /// Models and database differ: Alembic's words, and the way on.
    pub fn say_drift(&self, target: &str) {
        self.out.line(&format!("{target}: FAILED: New upgrade operations detected"));
        self.out.note(&format!("help: write the missing revision: shed revision {target} --autogenerate -m \"…\""));
    }

    /// Runs a command whose stdout is SQL and which writes nothing.
    pub fn sql(&self, chosen: &Chosen<'_>, several: bool, step: Step, wishes: Wishes<'_>) -> Result<Looked> {
        let plan = self.plan(chosen, Needs::Reading, vec![step], wishes)?;
        if matches!(plan.steps.as_slice(), [Step::DryRun { .. }]) {
            self.say_missing(&plan);
        }
        let json = self.out.format == Format::Json;
        let mut live =
            if json { Live::keeping(self.out, &plan.target) } else { Live::of(self.out, &plan.target, several) };
        self.run(&plan, &mut live)?.good()?;
        let text = live.text();
        let data = Map::from_iter([("sql".to_owned(), Value::from(text.clone()))]);
        Ok(Looked { target: chosen.name.clone(), data, text })
    }

    /// A database that is not there is read as empty, and that is said.
    pub fn say_missing(&self, plan: &Plan<'_>) {
        for reach in plan.reach.iter().chain(&plan.other).filter(|reach| reach.engine.is_missing_file()) {
            self.out.line(&format!("{}: {} is not there; it is read as empty", plan.target, reach.engine.place()));
        }
    }
}

/// Half a second, doubled each time up to eight, give or take half of it: so that several do not come again together.
fn pause(attempt: u32) -> Duration {
    let base = 500u64 << attempt.saturating_sub(1).min(4);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().subsec_nanos();
    Duration::from_millis(base / 2 + base * u64::from(now % 1000) / 1000)
}

fn data(question: &str, ended: Ended) -> Map<String, Value> {
    let result = ended.told.results.into_iter().next();
    result.map(|value| Map::from_iter([(name_of(question).to_owned(), value)])).unwrap_or_default()
}

/// The field that holds a question's answer.
fn name_of(question: &str) -> &str {
    match question {
        "history" | "show" => "revisions",
        other => other,
    }
}

impl fmt::Display for Looked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Report for Looked {}

impl fmt::Display for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        let found = self.check.iter().flat_map(|check| &check.differences);
        found.into_iter().try_for_each(|difference| writeln!(f, "{difference}"))
    }
}

impl Report for Moved {
    fn ok(&self) -> bool {
        self.check.as_ref().is_none_or(|check| check.in_order)
    }
}

impl<R: fmt::Display> fmt::Display for Answer<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(report) => report.fmt(f),
            Self::Several(answers) => answers.iter().try_for_each(|(name, answer)| match answer {
                Ok(report) => write_named(f, name, &report.to_string()),
                Err(_) => Ok(()),
            }),
        }
    }
}

/// Under its name, unless every line begins with it.
fn write_named(f: &mut fmt::Formatter<'_>, name: &str, text: &str) -> fmt::Result {
    let is_said = |line: &str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(": "));
    if !text.is_empty() && text.lines().all(is_said) {
        return f.write_str(text);
    }
    writeln!(f, "{name}:")?;
    text.lines().try_for_each(|line| match line {
        "" => writeln!(f),
        line => writeln!(f, "  {line}"),
    })
}

/// One of several targets, which failed.
#[derive(Serialize, JsonSchema)]
struct FailedTarget<'a> {
    error: Fault,
    target: &'a str,
}

impl<R: JsonSchema> JsonSchema for Answer<R> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Answer_{}", R::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (one, failed) = (generator.subschema_for::<R>(), generator.subschema_for::<FailedTarget<'_>>());
        let results = json_schema!({"type": "array", "items": {"anyOf": [one.clone(), failed]}});
        let several = json_schema!({"type": "object", "properties": {"results": results}, "required": ["results"]});
        json_schema!({"anyOf": [one, several]})
    }
}

impl<R: Serialize> Serialize for Answer<R> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match self {
            Self::One(report) => report.serialize(serializer),
            Self::Several(answers) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("results", &Results(answers))?;
                map.end()
            }
        }
    }
}

struct Results<'a, R>(&'a [(String, std::result::Result<R, Error>)]);

impl<R: Serialize> Serialize for Results<'_, R> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut sequence = serializer.serialize_seq(Some(self.0.len()))?;
        for (name, answer) in self.0 {
            match answer {
                Ok(report) => sequence.serialize_element(report)?,
                Err(error) => {
                    let Failure { error } = Failure::of(error);
                    sequence.serialize_element(&FailedTarget { error, target: name })?;
                }
            }
        }
        sequence.end()
    }
}

impl<R: Report> Report for Answer<R> {
    fn code(&self) -> u8 {
        match self {
            Self::One(report) => report.code(),
            Self::Several(answers) => error::worst(answers.iter().map(|(_, answer)| match answer {
                Ok(report) => report.code(),
                Err(error) => error.code(),
            })),
        }
    }
}
