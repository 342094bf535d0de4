//! One run of the worker: render, start, follow, clean up.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use serde::Serialize;

use crate::engine::Parts;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::process::{self, Heard, Interrupts, Tool};
use crate::render::Workspace;
use crate::secret::{Redacted, Redactor};
use crate::settings::Settings;

use super::context::Context;
use super::event::{Event, Told};
use super::ini::Values;
use super::interpreter::{self, Interpreter};
use super::plan::Plan;
use super::record::Record;
use super::{verdict, worker};

/// The worker's exit status when an `error` event tells why.
const TOLD: i32 = 70;
const EVENTS: i32 = 3;
const ALIVE: i32 = 4;

/// Who hears what a run says while it goes on; everything is redacted.
pub trait Listener {
    fn stdout(&mut self, bytes: &[u8]);
    fn stderr(&mut self, bytes: &[u8]);
    fn event(&mut self, event: &Event);
}

/// How a run ended.
pub struct Ended {
    pub target: String,
    pub told: Told,
    /// Exit code of the worker.
    pub code: i32,
    pub log: PathBuf,
}

/// What the worker's one variable holds.
#[derive(Serialize)]
struct Start<'a> {
    context: &'a Path,
    events: i32,
    alive: i32,
    connection: Option<Parts<'a>>,
}

/// Runs a plan's steps in the project's Python; [`Ended::good`] tells whether they did what they should.
pub fn run(
    plan: &Plan<'_>,
    settings: &Settings,
    environment: &Environment,
    interrupts: &Interrupts,
    listener: &mut dyn Listener,
) -> Result<Ended> {
    let interpreter = interpreter::find(settings, plan.project, environment)?;
    let workspace = Workspace::new()?;
    let unwritable = |error| Error::environment(format!("could not open the run's record: {error}"));
    let record = Record::open(environment, settings.folder(), workspace.path()).map_err(unwritable)?;
    let context = Context::of(plan, settings, &record.id, workspace.path());
    let context = write_files(&workspace, plan, settings, &context)?;

    let (alive_reader, alive_writer) = std::io::pipe().map_err(unwritable)?;
    let start = Start {
        context: &context,
        events: EVENTS,
        alive: ALIVE,
        connection: plan.reach.as_ref().map(|reach| reach.engine.parts()),
    };
    let events = record.open_events().map_err(unwritable)?;
    let program = worker::place(environment, &workspace)?.join("worker.py");
    let tool = start_worker(plan, settings, environment, &interpreter, &program)
        .env("SHED_RUN", serde_json::to_string(&start).unwrap_or_default())
        .descriptor(events.into(), EVENTS)
        .descriptor(alive_reader.into(), ALIVE);
    let ended = follow(plan, tool, &record, interrupts, listener);
    drop::<OwnedFd>(alive_writer.into()); // the worker ends when this is closed, so it lives until here
    let (told, code) = ended?;
    match interrupts.seen() {
        Some(signal) => Err(Error::Interrupted(signal)),
        None => Ok(Ended { target: plan.target.clone(), told, code, log: record.log_path() }),
    }
}

impl Ended {
    /// The run, or the error that it ended in.
    pub fn good(self) -> Result<Self> {
        if let Some(failure) = &self.told.failure {
            let reached = self.told.reached.as_deref();
            return Err(verdict::error(&self.target, failure, reached, Some(&self.log)));
        }
        if self.code == 0 {
            return Ok(self);
        }
        let how = if self.code == TOLD { "without saying why".into() } else { format!("with code {}", self.code) };
        Err(Error::failed(format!("{}: Python ended {how}", self.target))
            .help("a migration or model may have ended the interpreter; what it printed is in the log")
            .log(Some(self.log)))
    }

    /// The kind of failure, where one was told.
    pub fn failure_kind(&self) -> Option<&str> {
        self.told.failure.as_ref().map(|failure| failure.kind.as_str())
    }
}

fn follow(
    plan: &Plan<'_>,
    tool: Tool,
    record: &Record,
    interrupts: &Interrupts,
    listener: &mut dyn Listener,
) -> Result<(Told, i32)> {
    let mut redactor = Redactor::default();
    if let Some(secret) = plan.reach.as_ref().and_then(|reach| reach.engine.secret()) {
        redactor.learn(secret);
    }
    record.log(format!("{}: {}\n", plan.target, tool.command_line()).as_bytes());
    let mut tail = Tail::of(&record.events(), redactor.clone());
    let mut told = Told::default();
    if plan.terminal {
        let status = tool.inherit()?;
        tail.read(record, &mut told, listener);
        return Ok((told, process::code(status)));
    }
    let (mut stdout, mut stderr) = (Redacted::new(redactor.clone()), Redacted::new(redactor));
    let status = tool.stream(interrupts, &mut |heard| match heard {
        Heard::Stdout(bytes) => listener.stdout(&stdout.push(bytes)),
        Heard::Stderr(bytes) => tell_stderr(&stderr.push(bytes), record, listener),
        Heard::Silence => tail.read(record, &mut told, listener),
    })?;
    listener.stdout(&stdout.finish());
    tell_stderr(&stderr.finish(), record, listener);
    tail.read(record, &mut told, listener);
    Ok((told, process::code(status)))
}

fn tell_stderr(bytes: &[u8], record: &Record, listener: &mut dyn Listener) {
    if !bytes.is_empty() {
        record.log(bytes);
        listener.stderr(bytes);
    }
}

fn write_files(workspace: &Workspace, plan: &Plan<'_>, settings: &Settings, context: &Context<'_>) -> Result<PathBuf> {
    let values = Values::of(plan, settings, workspace.path())?;
    match &plan.project.script_template {
        Some(path) => {
            workspace.render(&["alembic.ini", "env.py"], &values)?;
            let missing = |error| Error::usage(format!("script_template {}: {error}", path.display()));
            workspace.write("script.py.mako", &std::fs::read(path).map_err(missing)?)?;
        }
        None => workspace.render(&["alembic.ini", "env.py", "script.py.mako"], &values)?,
    }
    let json = serde_json::to_vec(context)
        .map_err(|error| Error::failed(format!("could not write the run's context: {error}")))?;
    workspace.write("context.json", &json)
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
    for (name, value) in plain_variables(&plan.project.env) {
        tool = tool.env(name, value.replace("%(here)s", &settings.folder().to_string_lossy()));
    }
    if plan.terminal { tool.keeps_terminal() } else { tool }
}

fn plain_variables(variables: &IndexMap<String, String>) -> impl Iterator<Item = (&String, &String)> {
    variables.iter().filter(|(_, value)| !value.contains("{url}"))
}

/// Reads the event file as it grows.
struct Tail {
    reader: Option<BufReader<File>>,
    line: String,
    redactor: Redactor,
}

impl Tail {
    fn of(path: &Path, redactor: Redactor) -> Self {
        Self { reader: File::open(path).ok().map(BufReader::new), line: String::new(), redactor }
    }

    fn read(&mut self, record: &Record, told: &mut Told, listener: &mut dyn Listener) {
        let Some(reader) = &mut self.reader else { return };
        // A line may be half written: it is kept until its end arrives.
        while reader.read_line(&mut self.line).is_ok_and(|count| count > 0) && self.line.ends_with('\n') {
            if let Ok(event) = serde_json::from_str::<Event>(&self.redactor.text(&self.line)) {
                if let Event::Error(failure) = &event {
                    record.log(failure.traceback.as_deref().unwrap_or_default().as_bytes());
                }
                told.hear(&event);
                listener.event(&event);
            }
            self.line.clear();
        }
    }
}
