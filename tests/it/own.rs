//! A repository with a private server: what is known of it, and that nothing of it stays.

use std::fs;
use std::ops::Deref;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::call::Call;
use crate::cluster::programs;
use crate::repo::Repo;

const MODELS: &str = "import sqlalchemy as sa\nmetadata = sa.MetaData()\n";
const TABLE: &str = "op.create_table('bill', sa.Column('id', sa.Integer))";

/// A repository whose server `development.own` is gone when the test ends.
pub struct Own {
    repo: Repo,
}

impl Own {
    pub fn new() -> Self {
        Self::with("")
    }

    /// With more keys of the server.
    pub fn with(keys: &str) -> Self {
        let repo = Repo::new().settings(&settings(keys, "")).file("app/models.py", MODELS).revision(
            "app/versions",
            "a1",
            "",
            TABLE,
            "op.drop_table('bill')",
        );
        Self { repo }
    }

    /// What `shed server status` tells of the only server.
    pub fn status(&self) -> Value {
        let said = self.shed(["server", "status", "--format", "json"]).any_stdout().ok().stdout;
        let said: Value = serde_json::from_str(&said).unwrap();
        assert_eq!(said["servers"].as_array().unwrap().len(), 1, "{said}");
        said["servers"][0].clone()
    }

    /// What the room of the server says of its parts.
    pub fn record(&self) -> Value {
        serde_json::from_slice(&fs::read(self.room().join("server.json")).unwrap()).unwrap()
    }

    pub fn room(&self) -> PathBuf {
        let rooms = fs::read_dir(self.beside("state/v1/servers/own")).unwrap();
        rooms.flatten().next().unwrap().path()
    }

    pub fn home(&self) -> PathBuf {
        self.record()["home"].as_str().unwrap().into()
    }

    /// Asks a database on the server itself.
    pub fn rows(&self, database: &str, sql: &str) -> String {
        let psql = self.psql(database, sql).output().unwrap();
        assert!(psql.status.success(), "{sql}\n{}", String::from_utf8_lossy(&psql.stderr));
        String::from_utf8(psql.stdout).unwrap()
    }

    pub fn psql(&self, database: &str, sql: &str) -> Command {
        let record = self.record();
        let mut psql = Command::new(programs().join("psql"));
        psql.args(["-X", "-q", "-A", "-t", "-w", "-d", database, "-c", sql]);
        psql.args(["-h", record["sockets"].as_str().unwrap(), "-U", record["role"].as_str().unwrap()]);
        psql
    }

    /// The server's process.
    pub fn process(&self) -> String {
        let text = fs::read_to_string(self.home().join("data/postmaster.pid")).unwrap();
        text.lines().next().unwrap().to_owned()
    }

    /// The command lines of all processes that have to do with this server.
    pub fn processes(&self) -> Vec<String> {
        let home = self.room().join("server.json").exists().then(|| self.home().display().to_string());
        running(&[Some(self.beside("state").display().to_string()), home].map(Option::unwrap_or_default))
    }

    pub fn on(&self, command: &str) -> Call {
        self.shed([command, "--on", "development.own/x"])
    }
}

impl Deref for Own {
    type Target = Repo;

    fn deref(&self) -> &Repo {
        &self.repo
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let state = self.beside("state").display().to_string();
        let homes: Vec<PathBuf> = fs::read_dir(self.beside("state/v1/servers/own"))
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|room| serde_json::from_slice::<Value>(&fs::read(room.path().join("server.json")).ok()?).ok())
            .map(|record| record["home"].as_str().unwrap().into())
            .collect();
        let said = self.shed(["server", "stop", "own", "--remove", "--force", "--yes"]).run();
        if thread::panicking() {
            return;
        }
        assert_eq!(said.code, 0, "{said:?}");
        assert_eq!(running(&[state]), [""; 0]);
        assert!(homes.iter().all(|home| !home.exists()), "{homes:?}");
    }
}

pub fn settings(keys: &str, databases: &str) -> String {
    format!(
        "development:
  db:
    own: {{ type: postgres, embedded: true{keys} }}
projects:
  app:
    module: app/models.py
    db:
      main: {{ connection: {{ db_path: data/app.db }} }}
{databases}"
    )
}

/// The command lines with one of these texts in it.
pub fn running(texts: &[String]) -> Vec<String> {
    let processes = fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| {
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        Some(String::from_utf8_lossy(&line).replace('\0', " "))
    });
    processes.filter(|line| texts.iter().any(|text| !text.is_empty() && line.contains(text.as_str()))).collect()
}

pub fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|metadata| std::os::unix::fs::MetadataExt::uid(&metadata) == 0)
}

pub fn wait_for(what: &str, is_so: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < until, "{what}: in vain");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Kills it, and waits until it is dead, waited for or not.
pub fn kill(process: &str) {
    assert!(Command::new("kill").args(["-KILL", process]).status().unwrap().success());
    wait_for("its death", || fs::read_link(format!("/proc/{process}/cwd")).is_err());
}

/// A folder that every user may enter.
pub fn tempfile_for_all() -> assert_fs::TempDir {
    let folder = assert_fs::TempDir::new().unwrap();
    fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    folder
}
