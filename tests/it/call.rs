//! One run of a program: what it is given, and what is expected of it, compared whole.

use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::document;

/// A program about to run. Nothing is expected on stdout and stderr unless it is said.
pub struct Call {
    command: Command,
    stdout: Expected,
    stderr: Expected,
    /// Texts that differ from run to run, and what stands for them in what is compared.
    names: Vec<(String, String)>,
}

enum Expected {
    /// All of it; `[..]` stands for anything within a line, a line `...` for any lines.
    Whole(String),
    /// Each of these somewhere.
    Parts(Vec<String>),
    Anything,
}

/// What a program said, with the folders of the test named `$REPO`, `$HOME` and so on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    pub stdout: String,
    pub stderr: String,
    /// The exit status; 128 + the signal that ended it.
    pub code: i32,
}

/// How long any program of the tests may take.
const PATIENCE: Duration = Duration::from_secs(180);

impl Call {
    pub fn new(program: impl AsRef<OsStr>, names: Vec<(String, String)>) -> Self {
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os().filter(|(name, _)| is_cleared(name)) {
            command.env_remove(name);
        }
        command.env("LC_ALL", "C.UTF-8").env_remove("RUST_BACKTRACE");
        Self { command, stdout: Expected::Whole(String::new()), stderr: Expected::Whole(String::new()), names }
    }

    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.command.args(args);
        self
    }

    pub fn arg(self, arg: impl AsRef<OsStr>) -> Self {
        self.args([arg])
    }

    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
        self.command.env_remove(name);
        self
    }

    /// The working directory.
    pub fn dir(mut self, folder: impl AsRef<Path>) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// The whole of stdout; `[..]` stands for anything within a line, a line `...` for any lines.
    pub fn stdout(mut self, text: impl Into<String>) -> Self {
        self.stdout = Expected::Whole(text.into());
        self
    }

    /// The whole of stderr.
    pub fn stderr(mut self, text: impl Into<String>) -> Self {
        self.stderr = Expected::Whole(text.into());
        self
    }

    /// Something that stdout says, among other things.
    pub fn stdout_has(mut self, text: impl Into<String>) -> Self {
        self.stdout.add(text.into());
        self
    }

    /// Something that stderr says, among other things.
    pub fn stderr_has(mut self, text: impl Into<String>) -> Self {
        self.stderr.add(text.into());
        self
    }

    /// Whatever stdout says.
    pub fn any_stdout(mut self) -> Self {
        self.stdout = Expected::Anything;
        self
    }

    /// Whatever stderr says.
    pub fn any_stderr(mut self) -> Self {
        self.stderr = Expected::Anything;
        self
    }

    /// Runs on a terminal of its own: whenever the first text of a pair appears, the second is typed.
    /// What the terminal showed is then in `stdout`.
    pub fn on_terminal(mut self, python: &Path, typed: &[(&str, &str)]) -> Self {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/terminal.py");
        let mut command = Command::new(python);
        command.arg(program).arg(serde_json::to_string(typed).unwrap());
        command.arg(self.command.get_program()).args(self.command.get_args());
        for (name, value) in self.command.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        if let Some(folder) = self.command.get_current_dir() {
            command.current_dir(folder);
        }
        self.command = command;
        self
    }

    /// Runs it to its end and compares nothing.
    pub fn run(mut self) -> Output {
        let child = self.start();
        self.finish(child)
    }

    /// Runs it, expects exit code 0 and what was said of its streams.
    #[track_caller]
    pub fn ok(self) -> Output {
        self.fails(0)
    }

    /// Runs it, expects this exit code and what was said of its streams.
    #[track_caller]
    pub fn fails(mut self, code: i32) -> Output {
        let child = self.start();
        let said = self.finish(child);
        let complaints = [
            self.stdout.complaint("stdout", &said.stdout),
            self.stderr.complaint("stderr", &said.stderr),
            self.document_complaint(&said.stdout),
            (code != said.code).then(|| format!("exit code: expected {code}, got {}", said.code)),
        ];
        let complaints: Vec<_> = complaints.into_iter().flatten().collect();
        assert!(
            complaints.is_empty(),
            "{}\n{}\n--- stdout\n{}--- stderr\n{}--- exit code {}",
            complaints.join("\n"),
            self.line(),
            said.stdout,
            said.stderr,
            said.code
        );
        said
    }

    /// Starts it and leaves it running, for tests of signals; end it with [`Call::finish`].
    pub fn start(&mut self) -> Child {
        self.command.stdin(Stdio::null());
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap_or_else(|error| {
            panic!("{:?}: {error}", self.command);
        })
    }

    /// Waits for the end of what [`Call::start`] started.
    pub fn finish(&self, mut child: Child) -> Output {
        let stdout = read_all(child.stdout.take().unwrap());
        let stderr = read_all(child.stderr.take().unwrap());
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if begun.elapsed() > PATIENCE {
                child.kill().unwrap();
                panic!("{:?} was still running after {PATIENCE:?}", self.command);
            }
            thread::sleep(Duration::from_millis(3));
        };
        use std::os::unix::process::ExitStatusExt;
        let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap());
        Output { stdout: self.named(&stdout.join().unwrap()), stderr: self.named(&stderr.join().unwrap()), code }
    }

    /// What shed prints with `--format json` is as its own schema says.
    fn document_complaint(&self, stdout: &str) -> Option<String> {
        let args: Vec<OsString> = self.command.get_args().map(OsStr::to_owned).collect();
        let is_shed = self.command.get_program() == OsStr::new(env!("CARGO_BIN_EXE_shed"));
        is_shed.then(|| document::complaint(&args, stdout)).flatten()
    }

    /// The program and its arguments, as a person would type them.
    fn line(&self) -> String {
        let words = std::iter::once(self.command.get_program()).chain(self.command.get_args());
        words.map(|word| format!("{word:?}")).collect::<Vec<_>>().join(" ")
    }

    fn named(&self, bytes: &[u8]) -> String {
        let text = String::from_utf8_lossy(bytes).into_owned();
        self.names.iter().fold(text, |text, (value, name)| text.replace(value, name))
    }
}

/// Puts folders in front of PATH.
pub fn path_with(folders: &[PathBuf]) -> OsString {
    let before = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths(folders.iter().cloned().chain(std::env::split_paths(&before))).unwrap()
}

fn is_cleared(name: &OsStr) -> bool {
    const PREFIXES: [&str; 7] = ["SHED_", "PG", "ALEMBIC_", "PYTHON", "XDG_", "CARGO", "CLICOLOR"];
    const NAMES: [&str; 9] = [
        "VIRTUAL_ENV",
        "CONDA_PREFIX",
        "CI",
        "NO_COLOR",
        "FORCE_COLOR",
        "EDITOR",
        "VISUAL",
        "UV_PROJECT_ENVIRONMENT",
        "COLUMNS",
    ];
    let name = name.to_string_lossy();
    NAMES.contains(&name.as_ref()) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

fn read_all(mut stream: impl Read + Send + 'static) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).ok();
        bytes
    })
}

impl Expected {
    fn add(&mut self, text: String) {
        match self {
            Self::Parts(parts) => parts.push(text),
            Self::Whole(_) | Self::Anything => *self = Self::Parts(vec![text]),
        }
    }

    fn complaint(&self, stream: &str, said: &str) -> Option<String> {
        match self {
            Self::Anything => None,
            Self::Whole(text) if matches(text, said) => None,
            Self::Whole(text) => Some(format!("{stream}: expected\n{text}--- but got\n{said}---")),
            Self::Parts(parts) => {
                let missing: Vec<_> = parts.iter().filter(|part| !said.contains(part.as_str())).collect();
                (!missing.is_empty()).then(|| format!("{stream}: does not say {missing:?}"))
            }
        }
    }
}

/// Whether the text is as the pattern says: `[..]` is anything within a line, a line `...` any number of lines.
pub fn matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<_> = pattern.split_inclusive('\n').collect();
    let text: Vec<_> = text.split_inclusive('\n').collect();
    lines_match(&pattern, &text)
}

fn lines_match(pattern: &[&str], text: &[&str]) -> bool {
    match (pattern, text) {
        ([], []) => true,
        (["...\n", rest @ ..], _) => (0..=text.len()).any(|skipped| lines_match(rest, &text[skipped..])),
        ([line, rest @ ..], [said, others @ ..]) => line_matches(line, said) && lines_match(rest, others),
        _ => false,
    }
}

fn line_matches(pattern: &str, line: &str) -> bool {
    let Some((start, rest)) = pattern.split_once("[..]") else {
        return pattern == line;
    };
    let Some(line) = line.strip_prefix(start) else {
        return false;
    };
    (0..=line.len()).filter(|&at| line.is_char_boundary(at)).any(|at| line_matches(rest, &line[at..]))
}
