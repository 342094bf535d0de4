//! Running other programs. Only this file starts one, or looks for one.

mod apart;
mod follow;
mod fork;
mod interrupts;
mod pipeline;
mod prepare;
mod talk;

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::environment::Environment;
use crate::error::{Error, Result};

use follow::{Child, Running, TICK};
use fork::Wish;
use prepare::{die_with_parent, prepare};

pub use apart::own_program;
pub use fork::{Forks, SOCKET, START};
pub use interrupts::Interrupts;
pub use pipeline::pipeline;
pub use talk::Talk;

/// A program with its arguments, variables and folder, ready to be started.
pub struct Tool {
    program: PathBuf,
    arguments: Vec<OsString>,
    variables: Vec<(OsString, Option<OsString>)>,
    dir: Option<PathBuf>,
    descriptors: Vec<(OwnedFd, i32)>,
    keeps_terminal: bool,
    input: Input,
    output: Option<File>,
    apart: bool,
    outlives_thread: bool,
    time_limit: Option<Duration>,
    account: Option<Account>,
}

/// What a program finds on its stdin.
#[derive(Default)]
enum Input {
    #[default]
    Nothing,
    Bytes(Vec<u8>),
    File(File),
}

/// Another user of the machine, for programs that refuse to be root's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Account {
    pub uid: u32,
    pub gid: u32,
}

/// What a program left behind.
pub struct Captured {
    pub status: ExitStatus,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

/// What a running program says, in the order in which it arrives.
pub enum Heard<'a> {
    Stdout(&'a [u8]),
    Stderr(&'a [u8]),
    /// Nothing for a moment: time to look at other things.
    Silence,
}

type Pipe = (io::PipeReader, io::PipeWriter);

impl Tool {
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            arguments: Vec::new(),
            variables: Vec::new(),
            dir: None,
            descriptors: Vec::new(),
            keeps_terminal: false,
            input: Input::Nothing,
            output: None,
            apart: false,
            outlives_thread: false,
            time_limit: None,
            account: None,
        }
    }

    #[must_use]
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.variables.push((name.into(), Some(value.into())));
        self
    }

    #[must_use]
    pub fn env_remove(mut self, name: impl Into<OsString>) -> Self {
        self.variables.push((name.into(), None));
        self
    }

    #[must_use]
    pub fn dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.dir = Some(dir.into());
        self
    }

    /// Gives the child this descriptor under this number.
    #[must_use]
    pub fn descriptor(mut self, descriptor: OwnedFd, number: i32) -> Self {
        self.descriptors.push((descriptor, number));
        self
    }

    /// Leaves the child the terminal and our process group.
    #[must_use]
    pub fn keeps_terminal(mut self) -> Self {
        self.keeps_terminal = true;
        self
    }

    /// What the program reads on its stdin; it should be short.
    #[must_use]
    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = Input::Bytes(bytes.into());
        self
    }

    /// The program reads this file on its stdin.
    #[must_use]
    pub fn reads(mut self, file: File) -> Self {
        self.input = Input::File(file);
        self
    }

    /// The program's stdout goes to this file.
    #[must_use]
    pub fn writes(mut self, file: File) -> Self {
        self.output = Some(file);
        self
    }

    /// Shares nothing with us: no variables but those named here, no open files, a session of its own.
    #[must_use]
    pub fn apart(mut self) -> Self {
        self.apart = true;
        self
    }

    /// Is ended, as by a signal of ours, when it takes longer.
    #[must_use]
    pub fn time_limit(mut self, limit: Option<Duration>) -> Self {
        self.time_limit = limit;
        self
    }

    /// Runs as this user, without any of our groups.
    #[must_use]
    pub fn account(mut self, account: Option<Account>) -> Self {
        self.account = account;
        self
    }

    /// The command line as a person would type it.
    pub fn command_line(&self) -> String {
        let words = std::iter::once(self.program.as_os_str()).chain(self.arguments.iter().map(OsString::as_os_str));
        words.map(shell_word).collect::<Vec<_>>().join(" ")
    }

    /// Runs to the end and keeps what was printed; the exit status is the caller's to judge.
    pub fn capture(self) -> Result<Captured> {
        self.captured(None, &mut || {})
    }

    /// As [`Tool::capture`]; signals are handed on to the child, and `meanwhile` is called every moment.
    pub fn watched(self, interrupts: &Interrupts, meanwhile: &mut dyn FnMut()) -> Result<Captured> {
        self.captured(Some(interrupts), meanwhile)
    }

    fn captured(self, interrupts: Option<&Interrupts>, meanwhile: &mut dyn FnMut()) -> Result<Captured> {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let status = self.run(interrupts, &mut |heard| match heard {
            Heard::Stdout(bytes) => stdout.extend_from_slice(bytes),
            Heard::Stderr(bytes) => stderr.extend_from_slice(bytes),
            Heard::Silence => meanwhile(),
        })?;
        Ok(Captured { status, stdout, stderr })
    }

    /// Runs to the end and tells `listen` what is printed meanwhile; signals are handed on to the child.
    pub fn stream(self, interrupts: &Interrupts, listen: &mut dyn FnMut(Heard<'_>)) -> Result<ExitStatus> {
        self.run(Some(interrupts), listen)
    }

    /// As [`Tool::stream`], in a child that a warm interpreter forks; where it cannot, as a program of its own.
    pub fn stream_forked(
        self,
        forks: &Forks,
        environment: &Environment,
        interrupts: &Interrupts,
        listen: &mut dyn FnMut(Heard<'_>),
    ) -> Result<ExitStatus> {
        let (output, errors) = self.pipes()?;
        let deadline = self.deadline();
        match forks.fork(&self, (&output.1, &errors.1), environment, (interrupts, deadline))? {
            Wish::Child(forked) => {
                drop((output.1, errors.1));
                self.follow(Child::Forked(forked), (output.0, errors.0), (Some(interrupts), deadline), listen)
            }
            Wish::Late => Ok(ExitStatus::from_raw(Signal::KILL.as_raw())),
            Wish::Impossible => self.run(Some(interrupts), listen),
        }
    }

    /// Runs with our own stdin, stdout and stderr; `meanwhile` is called every moment.
    pub fn inherit(self, meanwhile: &mut dyn FnMut()) -> Result<ExitStatus> {
        let expression = self.expression();
        let handle = expression.unchecked().start().map_err(|error| self.not_started(&error))?;
        loop {
            match handle.wait_timeout(TICK).map_err(|error| self.not_started(&error))? {
                Some(output) => return Ok(output.status),
                None => meanwhile(),
            }
        }
    }

    fn run(mut self, interrupts: Option<&Interrupts>, listen: &mut dyn FnMut(Heard<'_>)) -> Result<ExitStatus> {
        let deadline = self.deadline();
        let ((out_reader, out_writer), (err_reader, err_writer)) = self.pipes()?;
        let mut expression = self.expression().stderr_file(err_writer).unchecked();
        expression = match self.output.take() {
            Some(file) => {
                drop(out_writer); // so that the reader of its pipe ends at once
                expression.stdout_file(file)
            }
            None => expression.stdout_file(out_writer),
        };
        expression = match std::mem::take(&mut self.input) {
            Input::Nothing if self.keeps_terminal => expression,
            Input::Nothing => expression.stdin_null(),
            Input::Bytes(bytes) => expression.stdin_bytes(bytes),
            Input::File(file) => expression.stdin_file(file),
        };
        let handle = expression.start().map_err(|error| self.not_started(&error))?;
        drop(expression); // holds the writing ends, without which the readers never see the end
        self.follow(Child::Program(Box::new(handle)), (out_reader, err_reader), (interrupts, deadline), listen)
    }

    fn follow(
        &self,
        child: Child,
        (stdout, stderr): (io::PipeReader, io::PipeReader),
        (interrupts, deadline): (Option<&Interrupts>, Option<Instant>),
        listen: &mut dyn FnMut(Heard<'_>),
    ) -> Result<ExitStatus> {
        Running::new(child, stdout, stderr, !self.keeps_terminal)
            .ending_at(deadline)
            .follow(interrupts, listen)
            .map_err(|reason| Error::environment(format!("lost sight of {}: {reason}", self.program.display())))
    }

    /// When it has had its time, if it begins now.
    fn deadline(&self) -> Option<Instant> {
        self.time_limit.and_then(|limit| Instant::now().checked_add(limit))
    }

    fn pipes(&self) -> Result<(Pipe, Pipe)> {
        let both = || -> io::Result<_> { Ok((io::pipe()?, io::pipe()?)) };
        both().map_err(|error| self.not_started(&error))
    }

    fn expression(&self) -> duct::Expression {
        #[expect(clippy::disallowed_methods, reason = "the one place that starts a program")]
        let mut expression = duct::cmd(&self.program, &self.arguments);
        if let Some(dir) = &self.dir {
            expression = expression.dir(dir);
        }
        for (name, value) in &self.variables {
            expression = match value {
                Some(value) => expression.env(name, value),
                None => expression.env_remove(name),
            };
        }
        if self.apart {
            let named = self.variables.iter().filter_map(|(name, value)| Some((name.clone(), value.clone()?)));
            expression = expression.full_env(named.collect::<HashMap<_, _>>());
        }
        let (own_group, apart, account) = (!self.keeps_terminal && !self.apart, self.apart, self.account);
        let tied = !self.outlives_thread;
        let descriptors: Vec<(Arc<OwnedFd>, i32)> = self
            .descriptors
            .iter()
            .filter_map(|(descriptor, number)| Some((Arc::new(descriptor.try_clone().ok()?), *number)))
            .collect();
        expression.before_spawn(move |command| {
            if let Some(account) = account {
                command.uid(account.uid).gid(account.gid); // groups go by themselves when root takes another uid
            }
            if apart {
                apart::separate(command);
            }
            prepare(command, own_group, &descriptors)?;
            if tied {
                die_with_parent(command);
            }
            Ok(())
        })
    }

    fn not_started(&self, error: &io::Error) -> Error {
        // The system's word is the same for a missing program and a missing folder.
        if let Some(dir) = self.dir.as_ref().filter(|dir| !dir.is_dir()) {
            return Error::environment(format!("the working directory {} is not there", dir.display()))
                .help("set `cwd` of the project to a folder that exists");
        }
        Error::environment(format!("could not start {}: {error}", self.program.display()))
    }
}

/// The exit code a shell would report.
pub fn code(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1)
}

/// Looks a program up in these folders (a `PATH`), as the shell does.
pub fn find(program: &str, path: Option<&OsStr>, working_dir: &Path) -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "the one place that looks for a program")]
    which::which_in(program, path, working_dir).ok()
}

fn shell_word(word: &OsStr) -> String {
    let text = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.into_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests;
