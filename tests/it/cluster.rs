//! A private PostgreSQL cluster, started by the first test that needs it, gone when the test program ends, however it ends.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::database::Database;

pub struct Cluster {
    /// The folder with its socket: the `host` of a connection.
    pub host: PathBuf,
    bin: PathBuf,
    made: AtomicU32,
    /// cluster.sh lives until this closes, which the kernel sees to.
    _hold: ChildStdin,
}

/// The cluster that the tests share.
pub fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(Cluster::start)
}

/// Another server.
pub fn second_cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(Cluster::start)
}

/// A server of one test, in whose databases nobody else is.
pub fn own_cluster() -> &'static Cluster {
    Box::leak(Box::new(Cluster::start()))
}

impl Cluster {
    #[expect(clippy::zombie_processes, reason = "it outlives this program, to clean up after it")]
    fn start() -> Self {
        let bin = programs();
        let mut watcher = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cluster.sh"))
            .arg(&bin)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0) // so that Ctrl-C leaves it the time to clean up
            .spawn()
            .unwrap();
        let mut host = String::new();
        BufReader::new(watcher.stdout.take().unwrap()).read_line(&mut host).unwrap();
        assert!(!host.is_empty(), "tests/cluster.sh {} did not start a cluster: it says why above", bin.display());
        Self { host: host.trim_end().into(), bin, made: AtomicU32::new(0), _hold: watcher.stdin.take().unwrap() }
    }

    /// A new, empty database, dropped when the value is.
    pub fn database(&'static self) -> Database {
        let name = self.free_name();
        self.psql("postgres", &format!("create database \"{name}\""));
        Database::postgres(self, name, "shed", None)
    }

    /// A name that no database has.
    pub fn free_name(&self) -> String {
        format!("test_{}", self.made.fetch_add(1, Ordering::Relaxed))
    }

    /// A new, empty database whose owner, a role of the same name, needs this password.
    pub fn database_with_password(&'static self, password: &str) -> Database {
        let name = self.free_name();
        let quoted = password.replace('\'', "''");
        self.psql("postgres", &format!("create role \"{name}\" login in role locked"));
        self.psql(
            "postgres",
            &format!("set standard_conforming_strings = on; alter role \"{name}\" password '{quoted}'"),
        );
        self.psql("postgres", &format!("create database \"{name}\" owner \"{name}\""));
        Database::postgres(self, name.clone(), &name, Some(password))
    }

    /// Runs SQL as the superuser; the rows, a line each, columns parted by `|`.
    pub fn psql(&self, database: &str, sql: &str) -> String {
        let output = Command::new(self.bin.join("psql"))
            .args(["-X", "-q", "-A", "-t", "-U", "shed", "-v", "ON_ERROR_STOP=1", "-h"])
            .arg(&self.host)
            .args(["-d", database, "-c", sql])
            .env_remove("PGOPTIONS")
            .output()
            .unwrap();
        assert!(output.status.success(), "{sql}\n{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

/// The folder of initdb: named by tests/run.sh, else Debian's newest, else the one of PATH.
pub fn programs() -> PathBuf {
    if let Some(folder) = std::env::var_os("SHED_TEST_PG_BIN") {
        return folder.into();
    }
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<_> =
        versions.map(|version| version.path().join("bin")).filter(|bin| bin.join("initdb").exists()).collect();
    folders.sort();
    let on_path = || std::env::split_paths(&std::env::var_os("PATH")?).find(|folder| folder.join("initdb").exists());
    folders.pop().or_else(on_path).expect("no initdb: run tests/run.sh, which installs PostgreSQL's programs")
}
