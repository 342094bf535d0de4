//! The private PostgreSQL server when something dies, breaks or is missing: it heals, or says what to do.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::cluster::programs;
use crate::own::{Own, is_root, kill, running, settings, tempfile_for_all, wait_for};

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
fn a_server_ends_when_its_place_in_the_state_directory_is_gone() {
    let own = Own::with(", idle: 400ms");
    own.shed(["server", "start"]).any_stdout().any_stderr().ok();
    let home = own.home().display().to_string();
    own.rows("postgres", "select pg_sleep(1)"); // for the watcher to have looked
    // At once: the watcher writes into it.
    fs::rename(own.beside("state"), own.beside("gone")).unwrap();
    wait_for("the end", || running(&[own.beside("state").display().to_string(), home.clone()]).is_empty());
    wait_for("the end of the folder", || !Path::new(&home).exists());
    own.shed(["server", "start"]).any_stdout().stderr_has("made and started").ok();
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
fn a_killed_watcher_is_replaced_by_the_next_run() {
    let own = Own::with(", idle: 1s");
    own.shed(["server", "start"]).any_stdout().any_stderr().ok();
    let watcher = || fs::read_to_string(own.room().join("watcher")).unwrap();
    wait_for("the watcher", || !watcher().is_empty());
    kill(&watcher());
    assert!(!own.processes().iter().any(|line| line.contains("server watch")));
    own.shed(["server", "start"]).stdout_has("running").ok();
    wait_for("the end of server and watcher", || own.processes().is_empty());
}
