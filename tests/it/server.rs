//! The private PostgreSQL server for copies: started from nothing, shared, healed, stopped, and nothing left of it.

use std::fs;
use std::ops::Deref;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
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
struct Own {
    repo: Repo,
}

impl Own {
    fn new() -> Self {
        Self::with("")
    }

    /// With more keys of the server.
    fn with(keys: &str) -> Self {
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
    fn status(&self) -> Value {
        let said = self.shed(["server", "status", "--format", "json"]).any_stdout().ok().stdout;
        let said: Value = serde_json::from_str(&said).unwrap();
        assert_eq!(said["servers"].as_array().unwrap().len(), 1, "{said}");
        said["servers"][0].clone()
    }

    /// What the room of the server says of its parts.
    fn record(&self) -> Value {
        serde_json::from_slice(&fs::read(self.room().join("server.json")).unwrap()).unwrap()
    }

    fn room(&self) -> PathBuf {
        let rooms = fs::read_dir(self.beside("state/v1/servers/own")).unwrap();
        rooms.flatten().next().unwrap().path()
    }

    fn home(&self) -> PathBuf {
        self.record()["home"].as_str().unwrap().into()
    }

    /// Asks a database on the server itself.
    fn rows(&self, database: &str, sql: &str) -> String {
        let psql = self.psql(database, sql).output().unwrap();
        assert!(psql.status.success(), "{sql}\n{}", String::from_utf8_lossy(&psql.stderr));
        String::from_utf8(psql.stdout).unwrap()
    }

    fn psql(&self, database: &str, sql: &str) -> Command {
        let record = self.record();
        let mut psql = Command::new(programs().join("psql"));
        psql.args(["-X", "-q", "-A", "-t", "-w", "-d", database, "-c", sql]);
        psql.args(["-h", record["sockets"].as_str().unwrap(), "-U", record["role"].as_str().unwrap()]);
        psql
    }

    /// The server's process.
    fn process(&self) -> String {
        let text = fs::read_to_string(self.home().join("data/postmaster.pid")).unwrap();
        text.lines().next().unwrap().to_owned()
    }

    /// The command lines of all processes that have to do with this server.
    fn processes(&self) -> Vec<String> {
        let home = self.room().join("server.json").exists().then(|| self.home().display().to_string());
        running(&[Some(self.beside("state").display().to_string()), home].map(Option::unwrap_or_default))
    }

    fn on(&self, command: &str) -> Call {
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

fn settings(keys: &str, databases: &str) -> String {
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
fn running(texts: &[String]) -> Vec<String> {
    let processes = fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| {
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        Some(String::from_utf8_lossy(&line).replace('\0', " "))
    });
    processes.filter(|line| texts.iter().any(|text| !text.is_empty() && line.contains(text.as_str()))).collect()
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|metadata| std::os::unix::fs::MetadataExt::uid(&metadata) == 0)
}

fn wait_for(what: &str, is_so: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < until, "{what}: in vain");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Kills it, and waits until it is dead, waited for or not.
fn kill(process: &str) {
    assert!(Command::new("kill").args(["-KILL", process]).status().unwrap().success());
    wait_for("its death", || fs::read_link(format!("/proc/{process}/cwd")).is_err());
}

#[test]
fn a_server_is_made_from_nothing_and_migrated_on() {
    let own = Own::new();
    own.shed(["server", "status"]).stdout("no private server was made yet\n").ok();
    own.on("migrate").stderr_has("development.own/x is not there").stderr_has("--create").fails(4);
    own.shed(["migrate", "--on", "development.own/x", "--create"])
        .stderr(
            "development.own/x: created
app on development.own/x: postgres [..]/s:5432/x
app on development.own/x: upgraded to a1, a1
app on development.own/x: now at a1 (head)
",
        )
        .ok();
    own.shed(["current", "development.own/x"]).stdout("a1 (head)\n").ok();
    assert_eq!(own.rows("x", "select version_num from alembic_version"), "a1\n");
    let status = own.status();
    let database = &status["databases"][0];
    assert_eq!((&status["server"], &status["running"]), (&"development.own".into(), &true.into()), "{status}");
    assert!(database["name"] == "x" && database["bytes"].as_u64().unwrap() > 1_000_000, "{status}");
    own.shed(["server", "status"]).stdout_has("database  x (").stdout_has("idle for ").ok();
    own.shed(["server", "stop"]).stdout_has("stopped").ok();
    assert_eq!(own.processes(), [""; 0]);
    own.shed(["server", "stop"]).stdout_has("not running").ok();
    own.on("current").stdout("a1 (head)\n").stderr_has("started").ok();
}

#[test]
fn the_server_holds_nothing_of_the_command_that_started_it() {
    let own = Own::new();
    own.sh("exec 9>>held; flock 9; shed server start | cat")
        .env("BILLING_PASSWORD", "geheim")
        .any_stdout()
        .any_stderr()
        .ok();
    own.sh("flock --nonblock held true").ok();
    for process in [own.process(), fs::read_to_string(own.room().join("watcher")).unwrap()] {
        let environment = fs::read(format!("/proc/{process}/environ")).unwrap();
        let environment = String::from_utf8_lossy(&environment).into_owned();
        assert!(environment.contains("PATH=") && !environment.contains("geheim"), "{environment}");
        assert_eq!(fs::read_link(format!("/proc/{process}/fd/0")).unwrap(), Path::new("/dev/null"));
    }
}

#[test]
fn nobody_else_gets_in() {
    let own = Own::new();
    own.shed(["server", "start"]).any_stdout().any_stderr().ok();
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let (home, sockets) = (own.home(), PathBuf::from(own.record()["sockets"].as_str().unwrap()));
    assert_eq!([mode(home.clone()), mode(home.join("data")), mode(sockets.clone())], [0o700; 3]);
    assert_eq!(own.rows("postgres", "show listen_addresses"), "\n");
    let stranger = own.psql("postgres", "select 1").args(["-U", "postgres"]).output().unwrap();
    assert!(!stranger.status.success(), "{stranger:?}");
    if is_root() {
        // The server's own user has no way in by SQL either: PostgreSQL asks the system who it is.
        let psql = own.psql("postgres", "select 1");
        let user = fs::metadata(&home).map(|metadata| std::os::unix::fs::MetadataExt::uid(&metadata)).unwrap();
        let as_user = Command::new("setpriv")
            .args([format!("--reuid={user}"), "--clear-groups".to_owned()])
            .arg(psql.get_program())
            .args(psql.get_args())
            .current_dir("/")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&as_user.stderr);
        assert!(!as_user.status.success() && said.contains("Peer authentication failed"), "{said}");
    }
}

#[test]
fn many_that_start_at_once_share_one_server() {
    let own = Own::new();
    let mut calls: Vec<Call> =
        (0..6).map(|index| own.shed(["migrate", "--create", "--on", &format!("development.own/x{index}")])).collect();
    let children: Vec<_> = calls.iter_mut().map(Call::start).collect();
    for (call, child) in calls.iter().zip(children) {
        let said = call.finish(child);
        assert_eq!(said.code, 0, "{said:?}");
    }
    assert_eq!(own.status()["databases"].as_array().unwrap().len(), 6);
    let processes = own.processes();
    let count = |text: &str| processes.iter().filter(|line| line.contains(text)).count();
    assert_eq!((count("server watch"), count("bin/postgres -D")), (1, 1), "{processes:?}");
    let log = fs::read_to_string(own.home().join("log")).unwrap();
    assert_eq!(log.matches("starting PostgreSQL").count(), 1, "{log}");
}

#[test]
fn a_killed_server_starts_again_with_all_it_held() {
    let own = Own::new();
    own.shed(["migrate", "--create", "--on", "development.own/x"]).any_stderr().ok();
    kill(&own.process());
    own.on("current").stdout("a1 (head)\n").stderr_has("started").ok();
    // Now another process of the same user has the number of the dead server.
    kill(&own.process());
    let user = own.record()["account"]["uid"].as_u64();
    let mut other = match user {
        Some(user) => {
            let mut setpriv = Command::new("setpriv");
            setpriv.args([format!("--reuid={user}"), "--clear-groups".to_owned(), "sleep".to_owned()]);
            setpriv
        }
        None => Command::new("sleep"),
    };
    let mut other = other.arg("1000").spawn().unwrap();
    let file = own.home().join("data/postmaster.pid");
    let text = fs::read_to_string(&file).unwrap();
    let (_, rest) = text.split_once('\n').unwrap();
    fs::write(&file, format!("{}\n{rest}", other.id())).unwrap();
    own.on("current").stdout("a1 (head)\n").stderr_has("started").ok();
    assert!(other.try_wait().unwrap().is_none(), "the other process was ended");
    other.kill().unwrap();
    other.wait().unwrap();
}

#[test]
fn a_start_that_was_killed_is_made_up_for() {
    let own = Own::new();
    let mut call = own.shed(["server", "start"]);
    let mut child = call.start();
    let record = own.beside("state/v1/servers/own");
    let half = || {
        let room = fs::read_dir(&record).ok()?.flatten().next()?.path();
        let record: Value = serde_json::from_slice(&fs::read(room.join("server.json")).ok()?).ok()?;
        Some(PathBuf::from(record["home"].as_str()?).join("data.new"))
    };
    wait_for("initdb", || half().is_some_and(|half| half.join("PG_VERSION").exists()));
    child.kill().unwrap();
    child.wait().unwrap();
    let half = half().unwrap();
    assert!(half.exists() && !own.home().join("data").exists());
    own.shed(["server", "start"]).stdout_has("running").stderr_has("made and started").ok();
    assert!(!half.exists());
}

#[test]
fn broken_data_are_put_aside_with_a_word() {
    let own = Own::new();
    for broken in ["global/pg_control", "PG_VERSION"] {
        own.shed(["migrate", "--create", "--on", "development.own/x"]).any_stderr().ok();
        own.shed(["server", "stop"]).any_stdout().ok();
        fs::remove_file(own.home().join("data").join(broken)).unwrap();
        own.shed(["server", "start"])
            .any_stdout()
            .stderr_has("warning: development.own: its data could not be used and lie in ")
            .stderr_has("data.broken now; it is empty")
            .ok();
        assert_eq!(own.status()["databases"], Value::Array(Vec::new()));
        assert!(own.home().join("data.broken/base").exists());
    }
}

#[test]
fn copies_of_a_version_whose_programs_are_gone_stay_and_a_new_server_is_made() {
    let own = Own::new();
    own.shed(["server", "start"]).any_stdout().any_stderr().ok();
    own.shed(["server", "stop"]).any_stdout().ok();
    let (room, home) = (own.room(), own.home());
    let (gone, mut record) = (room.with_file_name("99"), own.record());
    record["bin"] = "/nowhere".into();
    fs::rename(&room, &gone).unwrap();
    fs::write(gone.join("server.json"), record.to_string()).unwrap();
    let version = room.file_name().unwrap().to_str().unwrap();
    let words = format!("a new server of PostgreSQL {version} is made; the copies of PostgreSQL 99 stay in ");
    own.shed(["server", "start"]).any_stdout().stderr_has(words).stderr_has("made and started").ok();
    let kept = if home.starts_with(&room) { gone.join("home") } else { home };
    assert!(kept.join("data/base").exists());
    own.shed(["server", "status"]).stdout_has("PostgreSQL 99, not running").stdout_has(", running").ok();
    own.shed(["server", "start"]).any_stdout().ok();
}

#[test]
fn data_stay_where_the_fault_lies_elsewhere() {
    let own = Own::new();
    own.shed(["migrate", "--create", "--on", "development.own/x"]).any_stderr().ok();
    own.shed(["server", "stop"]).any_stdout().ok();
    let bin = tempfile_for_all();
    for program in ["initdb", "postgres", "psql"] {
        std::os::unix::fs::symlink(programs().join(program), bin.path().join(program)).unwrap();
    }
    fs::write(bin.path().join("pg_ctl"), "#!/bin/sh\necho 'no room left' >&2\nexit 1\n").unwrap();
    fs::set_permissions(bin.path().join("pg_ctl"), PermissionsExt::from_mode(0o755)).unwrap();
    own.write("shed.yaml", &settings(&format!(", pg_bin: {}", bin.path().display()), ""));
    own.shed(["server", "start"])
        .stderr("error: development.own: the server does not start\nno room left\nno room left\nhelp: its log is [..]/log\n")
        .fails(3);
    own.write("shed.yaml", &settings("", ""));
    own.on("current").stdout("a1 (head)\n").stderr_has("started").ok();
}

#[test]
fn an_idle_server_is_stopped_and_started_again_when_it_is_needed() {
    let own = Own::with(", idle: 1s");
    own.shed(["migrate", "--create", "--on", "development.own/x"]).any_stderr().ok();
    let session = own.rows("x", "select pg_sleep(4); select 'still there'");
    assert!(session.ends_with("still there\n"), "{session}");
    wait_for("the end of server and watcher", || own.processes().is_empty());
    own.shed(["server", "status"]).stdout_has("not running").ok();
    own.on("current").stdout("a1 (head)\n").stderr_has("started").ok();
}

#[test]
fn a_server_ends_when_its_place_in_the_state_directory_is_gone() {
    let own = Own::with(", idle: 400ms");
    own.shed(["server", "start"]).any_stdout().any_stderr().ok();
    let home = own.home().display().to_string();
    own.rows("postgres", "select pg_sleep(1)"); // for the watcher to have looked
    fs::remove_dir_all(own.beside("state")).unwrap();
    wait_for("the end", || running(&[own.beside("state").display().to_string(), home.clone()]).is_empty());
    wait_for("the end of the folder", || !Path::new(&home).exists());
    own.shed(["server", "start"]).any_stdout().stderr_has("made and started").ok();
}

#[test]
fn a_server_in_use_is_not_stopped_without_force() {
    let own = Own::new();
    let (begun, go) = (own.path("begun"), own.path("go"));
    let wait =
        format!("import os, time\nopen({begun:?}, 'w').close()\nwhile not os.path.exists({go:?}): time.sleep(0.02)");
    own.write("app/versions/a2_.py", &crate::repo::revision_text("a2", "a1", &wait, ""));
    let mut call = own.shed(["migrate", "--create", "--on", "development.own/x"]);
    let child = call.start();
    wait_for("the migration", || begun.exists());
    own.shed(["server", "stop"])
        .stderr("error: development.own: a run of shed is using it\nhelp: wait for it to end, or add --force\n")
        .fails(6);
    assert_eq!(own.status()["in_use"], true);
    own.write("go", "");
    assert_eq!(call.finish(child).code, 0);
    assert_eq!(own.rows("x", "select version_num from alembic_version"), "a2\n");
}

#[test]
fn nobody_else_s_folder_is_trusted() {
    let own = Own::new();
    own.shed(["server", "start"]).any_stdout().any_stderr().ok();
    own.shed(["server", "stop"]).any_stdout().ok();
    let servers = own.beside("state/v1/servers");
    let mode = |path: &Path, mode| fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    mode(&servers, 0o777);
    let call = || own.shed(["server", "start"]).stderr_has("belongs to somebody else, or others may write to it");
    call().fails(3);
    mode(&servers, 0o700);
    if is_root() {
        chown(&servers, Some(65534), None).unwrap();
        call().fails(3);
        chown(&servers, Some(0), None).unwrap();
        let home = own.home();
        chown(&home, Some(1), None).unwrap();
        call().any_stdout().ok();
        assert_ne!(own.home(), home);
        fs::remove_dir_all(home).unwrap();
    }
    own.shed(["server", "stop"]).any_stdout().ok();
    mode(&own.home(), 0o755);
    own.shed(["server", "start"]).any_stdout().stderr_has("started").ok();
}

#[test]
fn without_programs_it_is_said_what_to_install() {
    let own = Own::with(", pg_bin: nowhere");
    let words = "development.own: PostgreSQL's server programs are not in $REPO/nowhere";
    let help = "install the package postgresql, or set `pg_bin` to their folder";
    own.on("migrate").stderr(format!("error: {words}\nhelp: {help}\n")).fails(3);
    own.shed(["server", "start"]).stderr(format!("error: {words}\nhelp: {help}\n")).fails(3);
    own.shed(["doctor"]).stdout_has(format!("missing   {words}: {help}")).fails(3);
    own.write("shed.yaml", &settings("", ""));
    own.shed(["doctor"]).stdout_has("private   development.own: PostgreSQL ").stdout_has("server    PostgreSQL ").ok();
}

#[test]
fn a_protected_database_is_known_under_the_server_s_name_too() {
    let own = Own::new();
    own.shed(["migrate", "--create", "--on", "development.own/x"]).any_stderr().ok();
    let host = own.status()["host"].as_str().unwrap().to_owned();
    let prod = format!(
        "      prod: {{ type: postgres, db_name: x, protected: true, connection: {{ host: {host}, user: root }} }}\n"
    );
    own.write("shed.yaml", &settings("", &prod).replace("main: {", "main: { default: true,"));
    own.shed(["stamp", "base", "--on", "development.own/x"]).stderr_has("app.prod is protected").fails(2);
}

#[test]
fn names_that_are_not_there_are_told() {
    let own = Own::new();
    own.shed(["server", "start", "development.won"])
        .stderr("error: no private server is named `development.won`\nhelp: there is development.own\n")
        .fails(2);
    own.shed(["server", "status", "other"]).stderr_has("there is development.own").fails(2);
    own.shed(["server", "status", "development.own"]).stdout("no private server was made yet\n").ok();
    own.shed(["server", "stop", "--remove"]).any_stderr().fails(2);
    own.shed(["server", "start", "own"]).any_stdout().any_stderr().ok();
    own.shed(["server", "stop", "own", "--remove"]).stderr_has("add --yes").fails(2);
}

#[test]
fn an_unprivileged_user_has_a_server_too_wherever_the_state_lies() {
    let folder = tempfile_for_all();
    let (shed, long) = (folder.path().join("shed"), folder.path().join("a state directory with a long name".repeat(4)));
    fs::copy(env!("CARGO_BIN_EXE_shed"), &shed).unwrap();
    fs::create_dir(&long).unwrap();
    fs::write(folder.path().join("shed.yaml"), settings(", idle: 1h", "")).unwrap();
    if is_root() {
        chown(&long, Some(65534), Some(65534)).unwrap();
    }
    let call = |arguments: &[&str]| {
        let program = if is_root() { Path::new("setpriv") } else { &shed };
        let user: &[&str] = if is_root() { &["--reuid=65534", "--regid=65534", "--clear-groups"] } else { &[] };
        let shed = is_root().then_some(&shed);
        Call::new(program, Vec::new())
            .args(user)
            .args(shed)
            .args(["server"])
            .args(arguments)
            .dir("/")
            .env("HOME", &long)
            .env("SHED_STATE_DIR", &long)
            .env("SHED_SETTINGS", folder.path().join("shed.yaml"))
    };
    call(&["start"]).stdout_has("psql -h /tmp/shed-").stderr_has("made and started").ok();
    let said = call(&["status", "--format", "json"]).any_stdout().ok().stdout;
    let said: Value = serde_json::from_str(&said).unwrap();
    let server = &said["servers"][0];
    assert!(
        server["running"] == true && server["folder"].as_str().unwrap().starts_with(long.to_str().unwrap()),
        "{said}"
    );
    call(&["stop", "own", "--remove", "--yes"]).stdout_has("removed").ok();
    assert_eq!(running(&[long.display().to_string()]), [""; 0]);
    assert!(!Path::new(server["host"].as_str().unwrap()).exists() && !long.join("v1/servers/own").exists());
}

/// A folder that every user may enter.
fn tempfile_for_all() -> assert_fs::TempDir {
    let folder = assert_fs::TempDir::new().unwrap();
    fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    folder
}
