//! The verbs on real SQLite files, beside other processes that have them open.

mod checking;
mod copying;
mod dumping;
mod limits;
mod replacing;
mod scripts;

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::time::Duration;

use indexmap::IndexMap;
use tempfile::TempDir;

use crate::engine::journal::Journal;
use crate::engine::{Copying, Engine, Lock, LockWish, Making, News, Replaced, Replacement, Watch};
use crate::error::Result;
use crate::process::{Interrupts, Talk, Tool};
use crate::settings::SqlitePath;

use super::File;

/// A folder with databases in it.
pub struct Folder(TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().canonicalize().unwrap().join(name)
    }

    /// A database, made with these statements where there are some.
    pub fn database(&self, name: &str, sql: &str) -> File {
        let path = self.path(name);
        if !sql.is_empty() {
            run(&path, sql);
        }
        file(&path)
    }

    pub fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// A program of the machine's.
pub fn tool(name: &str) -> Tool {
    Tool::new("/usr/bin/env").arg(name)
}

/// A database that waits a fifth of a second for others.
pub fn file(path: &Path) -> File {
    File {
        path: SqlitePath::File(path.into()),
        options: IndexMap::from([("timeout".into(), "0.2".into())]),
        driver: None,
    }
}

pub fn run(path: &Path, sql: &str) {
    rusqlite::Connection::open(path).unwrap().execute_batch(&format!("pragma foreign_keys=off; {sql}")).unwrap();
}

/// One value, as text.
pub fn ask(path: &Path, sql: &str) -> String {
    let connection = rusqlite::Connection::open_with_flags(path, rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap();
    let value: rusqlite::types::Value = connection.query_row(sql, [], |row| row.get(0)).unwrap();
    match value {
        rusqlite::types::Value::Integer(number) => number.to_string(),
        rusqlite::types::Value::Text(text) => text,
        other => format!("{other:?}"),
    }
}

/// What was told, without moving progress.
pub fn watched<T>(work: impl FnOnce(&Watch<'_>) -> T) -> (T, Vec<String>) {
    let (interrupts, told) = (Interrupts::none(), RefCell::new(Vec::new()));
    let hear = |news: News<'_>| match news {
        News::Progress { .. } => {}
        News::Note(text) | News::Warning(text) => told.borrow_mut().push(text.to_owned()),
    };
    let result = work(&Watch::new(&interrupts, &hear));
    (result, told.into_inner())
}

/// As [`watched`], where nothing may be told.
pub fn quietly<T>(work: impl FnOnce(&Watch<'_>) -> T) -> T {
    let (result, told) = watched(work);
    assert_eq!(told, [""; 0]);
    result
}

pub fn clone(source: &File, target: &File, copying: &Copying) -> Result<Replaced> {
    quietly(|watch| replace(target, false, watch, &mut |aside| pour(source, aside, copying, watch)))
}

/// The copy alone, uncounted.
pub fn pour(source: &File, aside: &Engine, copying: &Copying, watch: &Watch<'_>) -> Result<()> {
    let Engine::Sqlite(aside) = aside else { panic!("{} is no file", aside.place()) };
    source.copy_into(aside, copying, watch)
}

pub fn replace(
    target: &File,
    keep_old: bool,
    watch: &Watch<'_>,
    fill: &mut dyn FnMut(&Engine) -> Result<()>,
) -> Result<Replaced> {
    target.make_folder()?;
    let journal = Journal::at(target.journal_path().unwrap());
    let wish = LockWish { timeout: Duration::ZERO, command: "clone", target: "a.b" };
    let target = Engine::Sqlite(target.clone());
    let mut lock = target.lock(&wish, watch)?;
    assert!(matches!(lock, Lock::File(_)));
    target.replace(
        Replacement {
            run: "run_1",
            journal: &journal,
            lock: &mut lock,
            force: false,
            keep_old,
            making: Making::Before,
        },
        watch,
        fill,
    )
}

/// Python with a connection to a database, which has run these statements; killed when this is dropped.
pub struct Other {
    talk: Option<Talk>,
    path: PathBuf,
}

impl Other {
    pub fn start(path: &Path, statements: &[&str]) -> Self {
        let script = "import sqlite3, sys\n\
            c = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=0)\n\
            for line in ['select 1'] + sys.argv[2:]: c.execute(line).fetchall()\n\
            print('ready', flush=True)\n\
            for line in sys.stdin:\n\
            \ttry: print(c.execute(line).fetchall(), flush=True)\n\
            \texcept Exception as e: print(e, flush=True)\n";
        let tool = tool("python3").args(["-c", script]).arg(path).args(statements.iter().copied());
        let mut talk = Talk::start(tool).unwrap();
        assert_eq!(talk.hear(Duration::from_secs(20)).unwrap().as_deref(), Some("ready"));
        Self { talk: Some(talk), path: path.into() }
    }

    pub fn ask(&mut self, sql: &str) -> String {
        let talk = self.talk.as_mut().unwrap();
        talk.say(sql).unwrap();
        talk.hear(Duration::from_secs(20)).unwrap().unwrap()
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        self.talk = None;
        // Its locks go with it, a moment later.
        while !super::beside::other_processes(&self.path).is_empty() {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// A process that commits a row every few milliseconds.
pub struct Writer(Talk);

impl Writer {
    pub fn start(path: &Path) -> Self {
        let script = "import sqlite3, sys, threading, time\n\
            c = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=20)\n\
            c.execute('create table if not exists beat(pair integer, half integer)')\n\
            stop = threading.Event()\n\
            threading.Thread(target=lambda: (sys.stdin.readline(), stop.set()), daemon=True).start()\n\
            n = 0\n\
            while not stop.is_set():\n\
            \tc.execute('begin immediate'); c.execute('insert into beat values(?,0)', (n,)); c.execute('insert into beat values(?,1)', (n,)); c.execute('commit'); n += 1\n\
            \ttime.sleep(0.002)\n\
            \tif n == 5: print('ready', flush=True)\n\
            print(n, flush=True)\n";
        let mut talk = Talk::start(tool("python3").args(["-c", script]).arg(path)).unwrap();
        assert_eq!(talk.hear(Duration::from_secs(20)).unwrap().as_deref(), Some("ready"));
        Self(talk)
    }

    /// How many pairs of rows it has written.
    pub fn stop(mut self) -> u64 {
        self.0.say("stop").unwrap();
        self.0.hear(Duration::from_secs(20)).unwrap().unwrap().parse().unwrap()
    }
}

/// Statements for a table `t` with rows and an index.
pub fn many(rows: u32) -> String {
    many_in("t", rows)
}

pub fn many_in(table: &str, rows: u32) -> String {
    format!(
        "create table {table}(id integer primary key, body text); create index {table}_body on {table}(body);\
         insert into {table}(body) with recursive n(i) as (select 1 union all select i+1 from n where i < {rows})\
         select hex(i) || hex(zeroblob(200)) from n;"
    )
}
