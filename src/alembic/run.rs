//! One run of the worker: render, start, follow, clean up.

use std::cell::RefCell;
use std::io::{PipeWriter, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::rc::Rc;
use std::time::{Duration, Instant};

use indexmap::IndexMap;
use serde::Serialize;

use crate::engine::Parts;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::process::{self, Forks, Heard, Interrupts, START, Tool};
use crate::secret::{Redacted, Redactor};
use crate::settings::Settings;

use super::bytecode;
use super::context::Context;
use super::event::{Event, Told};
use super::interpreter::Interpreter;
use super::plan::Plan;
use super::record::Record;
use super::rendered::Written;
use super::safety::Safety;
use super::tail::Tail;
use super::verdict;
use super::warm::Warm;

/// The worker's exit status when an `error` event tells why.
const TOLD: i32 = 70;
/// What the kernel sends where memory runs out.
const KILL: i32 = 9;
const KILLED_HELP: &str = "the kernel's log tells whether it ran out of memory (dmesg); fewer --jobs need less";
const ENDED_HELP: &str = "a migration or model may have ended the interpreter; what it printed is in the log";
const EVENTS: i32 = 3;
const ALIVE: i32 = 4;
const LOCK: i32 = 5;

/// Who hears what a run says while it goes on; everything is redacted.
pub trait Listener {
    fn stdout(&mut self, bytes: &[u8]);
    fn stderr(&mut self, bytes: &[u8]);
    fn event(&mut self, event: &Event);
    /// Nothing for a moment.
    fn silence(&mut self) {}
}

/// What every run of a command has about it.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    pub settings: &'a Settings,
    pub environment: &'a Environment,
    pub interrupts: &'a Interrupts,
    /// Warm interpreters, where there are several targets.
    pub warm: &'a Warm,
    /// How long a run may take.
    pub time_limit: Option<Duration>,
}

/// How a run ended.
pub struct Ended {
    pub target: String,
    pub told: Told,
    /// Exit code of the worker.
    pub code: i32,
    /// The signal that ended it, where one did.
    signal: Option<i32>,
    pub log: PathBuf,
    /// What was put back, or has to be.
    pub remark: Option<String>,
}

/// What the worker's one variable holds.
#[derive(Serialize)]
struct Start<'a> {
    context: &'a Path,
    events: i32,
    alive: i32,
    /// The lock, where it is a file's.
    lock: Option<i32>,
    connection: Option<Parts<'a>>,
    /// The second database, where two are compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    other: Option<Parts<'a>>,
}

/// Runs a plan's steps in the project's Python; [`Ended::good`] tells whether they did what they should.
/// With `safety` they wait for its word before they change anything.
pub fn run(
    plan: &Plan<'_>,
    place: Place<'_>,
    listener: &mut dyn Listener,
    mut safety: Option<&mut Safety<'_>>,
) -> Result<Ended> {
    let Place { settings, environment, .. } = place;
    let lock = safety.as_mut().map(|safety| safety.begin()).transpose()?.flatten();
    let interpreter = place.warm.interpreter(settings, plan.project, environment)?;
    let workspace = place.warm.rendered.folder(plan, settings)?;
    let unwritable = |error| Error::environment(format!("could not open the run's record: {error}"));
    let record = Record::open(environment, settings.folder(), workspace.path()).map_err(unwritable)?;
    let context = Context::of(plan, settings, &record.id, workspace.path(), safety.as_deref());
    let context = Written::context(&workspace, &record.id, &context)?;

    let (alive_reader, alive_writer) = std::io::pipe().map_err(unwritable)?;
    let start = Start {
        context: context.path(),
        events: EVENTS,
        alive: ALIVE,
        lock: lock.as_ref().map(|_| LOCK),
        connection: plan.reach.as_ref().map(|reach| reach.engine.parts()),
        other: plan.other.as_ref().map(|reach| reach.engine.parts()),
    };
    let start = serde_json::to_string(&start).unwrap_or_default();
    let events = record.open_events().map_err(unwritable)?;
    let program = place.warm.rendered.worker(environment, &workspace)?;
    let worker = || start_worker(plan, settings, environment, &interpreter, &program);
    let mut tool = worker()
        .env(START, &start)
        .time_limit(place.time_limit)
        .descriptor(events.into(), EVENTS)
        .descriptor(alive_reader.into(), ALIVE);
    if let Some(lock) = lock {
        tool = tool.descriptor(lock, LOCK);
    }
    let forks = place.warm.forks(&interpreter, plan.project, environment, worker);
    let forks = forks.as_deref().filter(|_| !plan.terminal);
    // The worker ends when its end of the pipe is closed, so this lives until the end.
    let words = Words(Rc::new(RefCell::new(alive_writer)));
    let mut following = Following {
        record: &record,
        told: Told::default(),
        listener,
        safety,
        words,
        ledger: plan.keeps_ledger(),
        stopped: None,
        settled: None,
    };
    let began = Instant::now();
    let status = following.follow(plan, tool, forks, place)?;
    let code = process::code(status);
    let late = place.time_limit.filter(|limit| code != 0 && began.elapsed() >= *limit);
    following.ended(plan, status, late, place.interrupts)
}

impl Ended {
    /// The run, or the error that it ended in.
    pub fn good(self) -> Result<Self> {
        if let Some(failure) = &self.told.failure {
            // What was reached is gone where the backup is back.
            let reached = self.told.reached.as_deref().filter(|_| self.remark.is_none());
            let error = verdict::error(&self.target, failure, reached, Some(&self.log));
            return Err(match self.remark {
                Some(remark) => error.remark(&remark),
                None => error,
            });
        }
        // `os._exit(0)` in a migration or a model is no success.
        if self.code == 0 && self.told.finished {
            return Ok(self);
        }
        let how = if self.code == TOLD { "without saying why".into() } else { format!("with code {}", self.code) };
        let (how, help) = match self.signal {
            Some(KILL) => (format!("was killed by signal {KILL}, perhaps out of memory"), KILLED_HELP),
            Some(signal) => (format!("was killed by signal {signal}"), ENDED_HELP),
            None => (format!("ended {how}"), ENDED_HELP),
        };
        let error = Error::failed(format!("{}: Python {how}", self.target)).help(help).log(Some(self.log));
        Err(match self.remark {
            Some(remark) => error.remark(&remark),
            None => error,
        })
    }

    /// Whether a lock of the database's own did not come in time, and nothing was left behind.
    pub fn may_be_tried_again(&self) -> bool {
        self.remark.is_none() && self.told.failure.as_ref().is_some_and(|failure| failure.lock_timeout)
    }

    /// Whether the database was filled from a kept one that does not hold any more.
    pub fn is_stale(&self) -> bool {
        self.told.failure.as_ref().is_some_and(|failure| failure.kind == "stale")
    }

    /// Whether models and database differ.
    pub fn drifted(&self) -> bool {
        self.told.failure.as_ref().is_some_and(|failure| failure.kind == "drift")
    }
}

/// Our end of the pipe to the worker.
#[derive(Clone)]
struct Words(Rc<RefCell<PipeWriter>>);

impl Words {
    /// `g`: go on, with a line for the ledger where there is one; `s`: stop; `r`: give the lock back. A worker that is
    /// gone hears nothing.
    fn say(&self, word: &[u8]) {
        let _ = self.0.borrow_mut().write_all(word);
    }
}

/// What is kept in mind while a run goes on.
struct Following<'f, 's> {
    record: &'f Record,
    told: Told,
    listener: &'f mut dyn Listener,
    safety: Option<&'f mut Safety<'s>>,
    words: Words,
    /// Whether the worker writes down what it does.
    ledger: bool,
    /// Why the run was not let go on.
    stopped: Option<Error>,
    /// What became of the database after it.
    settled: Option<Result<Option<String>>>,
}

impl Following<'_, '_> {
    /// To the end of the worker.
    fn follow(&mut self, plan: &Plan<'_>, tool: Tool, forks: Option<&Forks>, place: Place<'_>) -> Result<ExitStatus> {
        let mut redactor = Redactor::default();
        let reached = plan.reach.iter().chain(&plan.other);
        reached.filter_map(|reach| reach.engine.secret()).for_each(|secret| redactor.learn(secret));
        self.record.log(format!("{}: {}\n", plan.target, tool.command_line()).as_bytes());
        let mut tail = Tail::of(&self.record.events(), redactor.clone());
        if plan.terminal {
            let status = tool.inherit(&mut || self.hear(&mut tail))?;
            self.hear(&mut tail);
            return Ok(status);
        }
        let (mut stdout, mut stderr) = (Redacted::new(redactor.clone()), Redacted::new(redactor));
        let listen = &mut |heard: Heard<'_>| match heard {
            Heard::Stdout(bytes) => self.listener.stdout(&stdout.push(bytes)),
            Heard::Stderr(bytes) => tell_stderr(&stderr.push(bytes), self.record, self.listener),
            Heard::Silence => {
                self.hear(&mut tail);
                self.listener.silence();
            }
        };
        let status = match forks {
            Some(forks) => tool.stream_forked(forks, place.environment, place.interrupts, listen)?,
            None => tool.stream(place.interrupts, listen)?,
        };
        self.listener.stdout(&stdout.finish());
        tell_stderr(&stderr.finish(), self.record, self.listener);
        self.hear(&mut tail);
        Ok(status)
    }

    fn hear(&mut self, tail: &mut Tail) {
        for event in tail.read() {
            if let Event::Error(failure) = &event {
                self.record.log(failure.traceback.as_deref().unwrap_or_default().as_bytes());
            }
            self.told.hear(&event);
            self.listener.event(&event);
            self.answer(&event);
        }
    }

    /// The worker waits for our word twice: before it changes anything, and before it gives the lock back.
    fn answer(&mut self, event: &Event) {
        match (event, &mut self.safety) {
            (Event::Pending { heads, rows }, Some(safety)) => {
                let allowed = safety.before(self.record, heads, rows.as_deref());
                self.words.say(if allowed.is_ok() { b"g" } else { b"s" });
                if allowed.is_ok() && self.ledger {
                    self.words.say(format!("{}\n", safety.for_ledger()).as_bytes());
                }
                self.stopped = allowed.err();
            }
            (Event::Pending { .. }, None) => self.words.say(b"g"),
            (Event::Ended { good }, Some(safety)) => {
                let words = self.words.clone();
                self.settled = Some(safety.settle(&self.told, *good, Some(Box::new(move || words.say(b"r")))));
                self.words.say(b"r");
            }
            (Event::Ended { .. }, None) => self.words.say(b"r"),
            _ => {}
        }
    }

    fn ended(
        mut self,
        plan: &Plan<'_>,
        status: ExitStatus,
        late: Option<Duration>,
        interrupts: &Interrupts,
    ) -> Result<Ended> {
        // A worker that died has not asked.
        let settled = match (self.settled.take(), &mut self.safety) {
            (Some(settled), _) => settled,
            (None, Some(safety)) => safety.settle(&self.told, false, None),
            (None, None) => Ok(None),
        };
        if let Some(error) = self.stopped {
            return Err(error);
        }
        let remark = settled?;
        if let Some(signal) = interrupts.seen() {
            if let (Some(remark), Some(safety)) = (remark, &self.safety) {
                safety.watch.note(&format!("{}: {remark}", plan.target));
            }
            return Err(Error::Interrupted(signal));
        }
        if let Some(limit) = late {
            let words = format!("{}: it took longer than {} s (--time-limit)", plan.target, limit.as_secs_f64());
            let error = Error::failed(words).log(Some(self.record.log_path()));
            return Err(match remark {
                Some(remark) => error.remark(&remark),
                None => error,
            });
        }
        let (code, signal) = (process::code(status), status.signal());
        Ok(Ended { target: plan.target.clone(), told: self.told, code, signal, log: self.record.log_path(), remark })
    }
}

fn tell_stderr(bytes: &[u8], record: &Record, listener: &mut dyn Listener) {
    if !bytes.is_empty() {
        record.log(bytes);
        listener.stderr(bytes);
    }
}

fn start_worker(
    plan: &Plan<'_>,
    settings: &Settings,
    environment: &Environment,
    interpreter: &Interpreter,
    program: &Path,
) -> Tool {
    let mut tool = Tool::new(&interpreter.program).arg(program);
    tool = tool.dir(&plan.project.cwd).env("PYTHONUTF8", "1").env("PYTHONUNBUFFERED", "1");
    for name in ["PYTHONHOME", "__PYVENV_LAUNCHER__", "ALEMBIC_CONFIG"] {
        tool = tool.env_remove(name);
    }
    for (name, _) in environment.iter().filter(|(name, _)| name.to_string_lossy().starts_with("SHED_")) {
        tool = tool.env_remove(name);
    }
    if !bytecode::VARIABLES.iter().any(|name| plan.project.env.contains_key(*name))
        && let Some(folder) = bytecode::folder_for(&interpreter.program, environment)
    {
        tool = tool.env(bytecode::VARIABLES[0], folder).env_remove(bytecode::VARIABLES[1]);
    }
    for (name, value) in plain_variables(&plan.project.env) {
        tool = tool.env(name, value.replace("%(here)s", &settings.folder().to_string_lossy()));
    }
    if plan.terminal { tool.keeps_terminal() } else { tool }
}

fn plain_variables(variables: &IndexMap<String, String>) -> impl Iterator<Item = (&String, &String)> {
    variables.iter().filter(|(_, value)| !value.contains("{url}"))
}
