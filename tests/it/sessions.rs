//! A session of somebody else in a database.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use crate::cluster::programs;
use crate::database::Database;
use crate::own::wait_for;

/// `psql` that stays connected until this is dropped.
pub struct Session {
    child: Child,
}

impl Session {
    pub fn open(database: &Database) -> Self {
        let url = database.url();
        let mut child = Command::new(programs().join("psql"))
            .args(["-X", "-q", "-A", "-t", "-d", &url])
            .env("PGAPPNAME", "somebody")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        child.stdin.as_mut().unwrap().write_all(b"select 'here';\n").unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "here\n");
        Self { child }
    }

    /// Has this table locked for as long as it lasts.
    pub fn locking(database: &Database, table: &str) -> Self {
        let mut session = Self::open(database);
        session.say(&format!("begin; lock table {table}"));
        wait_for("the lock", || has_lock(database, table, "mode = 'AccessExclusiveLock' and granted"));
        session
    }

    /// Begins a statement; nobody waits for its end.
    pub fn say(&mut self, statement: &str) {
        self.child.stdin.as_mut().unwrap().write_all(format!("{statement};\n").as_bytes()).unwrap();
    }

    /// Whether the server has ended it.
    pub fn is_ended(&mut self) -> bool {
        let stdin = self.child.stdin.as_mut().unwrap();
        let _ = stdin.write_all(b"select 1;\n");
        std::thread::sleep(std::time::Duration::from_millis(300));
        self.child.try_wait().unwrap().is_some()
    }
}

/// Whether there is one lock on this table of which the condition holds.
pub fn has_lock(database: &Database, table: &str, condition: &str) -> bool {
    let locks = format!("select count(*) from pg_locks where relation = '{table}'::regclass and {condition}");
    database.rows(&locks) == "1\n"
}

/// Waits until somebody waits for reading a table that is locked.
pub fn wait_for_a_reader(database: &Database, table: &str) {
    wait_for("a reader", || has_lock(database, table, "mode = 'AccessShareLock' and not granted"));
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
