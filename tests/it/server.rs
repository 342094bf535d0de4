//! The private PostgreSQL server for copies: started from nothing, shared, stopped when nobody needs it.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::call::Call;
use crate::own::{Own, is_root, running, settings, tempfile_for_all, wait_for};

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

#[test]
fn a_private_server_is_added_by_a_flag() {
    let repo = crate::repo::Repo::new().settings("projects:\n  app: { module: app.py }\n");
    repo.shed(["settings", "add", "database", "app.own", "--embedded"])
        .stderr(
            "error: app.own: --embedded is for servers under `development`
help: shed settings add database development.own --embedded
",
        )
        .fails(2);
    repo.shed(["settings", "add", "database", "development.own", "--embedded"]).any_stdout().ok();
    assert!(repo.read("shed.yaml").ends_with("    own:\n      type: postgres\n      embedded: true\n"));
    repo.shed(["settings", "check"]).stdout("$REPO/shed.yaml: in order, 1 project, 0 databases\n").ok();
}
