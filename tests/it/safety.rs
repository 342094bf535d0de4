//! The lock, the journal, and putting back what an engine cannot roll back.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::app::App;
use crate::repo::OLD;

const BLOCK: &str = "with op.get_context().autocommit_block():\n    op.execute('create table outside (id integer)')\n";

/// Waits until a file is there.
fn wait_for(app: &App, file: &str) {
    let until = Instant::now() + Duration::from_secs(30);
    while !app.path(file).exists() {
        assert!(Instant::now() < until, "{file} did not appear");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A revision that says when it runs, and goes on when it is told.
fn pausing(app: &App) {
    let (mark, on) = (app.path("begun"), app.path("go-on"));
    app.add_revision(
        "a4",
        "a3",
        &format!(
            "import os, time\nopen({mark:?}, 'w').close()\nfor _ in range(600):\n    if os.path.exists({on:?}):\n        break\n    time.sleep(0.05)"
        ),
    );
}

fn locked_for(app: &App, timeout: &str) {
    app.write(
        "shed.yaml",
        &app.read("shed.yaml").replace("    db:", &format!("    lock: {{ timeout: {timeout} }}\n    db:")),
    );
}

fn backups(app: &App) -> Vec<String> {
    let mut files = app.files(".shed/backups");
    files.retain(|file| !file.ends_with(".json") && !file.ends_with(".gitignore"));
    files
}

#[test]
fn a_waiter_says_who_holds_the_lock_and_gives_up_with_exit_6() {
    for app in [App::sqlite(), App::postgres()] {
        let app = app.migrated("head");
        pausing(&app);
        let mut first = app.shed(["migrate", "app"]);
        let child = first.start();
        wait_for(&app, "begun");
        locked_for(&app, "1s");
        let waiter = app.shed(["migrate", "app"]).any_stderr().fails(6);
        assert!(waiter.stderr.contains("app.main: waiting for the lock, held by process "), "{waiter:?}");
        assert!(waiter.stderr.contains("(shed migrate app.main"), "{waiter:?}");
        app.shed(["unlock", "app", "--list"]).stdout_has("app.main: locked by process ").ok();
        app.write("go-on", "");
        assert_eq!(first.finish(child).code, 0);
        assert_eq!(app.db.revisions(), ["a4"]);
        app.shed(["unlock", "app", "--list"]).stdout("app.main: nobody holds the lock\n").ok();
    }
}

#[test]
fn a_waiter_goes_on_when_the_holder_is_done() {
    for app in [App::sqlite(), App::postgres()] {
        let app = app.migrated("head");
        pausing(&app);
        let mut calls = [app.shed(["migrate", "app"]), app.shed(["migrate", "app"]), app.shed(["migrate", "app"])];
        let children = calls.each_mut().map(|call| call.start());
        wait_for(&app, "begun");
        std::thread::sleep(Duration::from_millis(500));
        app.write("go-on", "");
        for (call, child) in calls.iter().zip(children) {
            let said = call.finish(child);
            assert_eq!(said.code, 0, "{said:?}");
        }
        assert_eq!(app.db.revisions(), ["a4"]);
    }
}

#[test]
fn nothing_pending_leaves_no_backup_and_no_file() {
    let app = App::sqlite().migrated("head");
    let before = backups(&app);
    assert_eq!(before.len(), 1, "{before:?}");
    app.shed(["migrate", "app"]).any_stderr().ok();
    assert_eq!(backups(&app), before);
    assert_eq!(app.files("data"), ["app.db"]);
    assert_eq!(app.beside("state").join("v1/journal").read_dir().map_or(0, Iterator::count), 0);
}

#[test]
fn a_failed_revision_that_committed_in_its_middle_is_put_back() {
    for app in [App::sqlite(), App::sqlite().on(OLD), App::postgres()] {
        let app = app.migrated("a2");
        app.db.execute("insert into person (id, name) values (1, 'Ada')");
        app.add_revision("a4", "a3", &format!("{BLOCK}op.execute('drop table nowhere')"));
        let mut words = vec!["migrate", "app", "head"];
        if app.db.url().starts_with("postgres") {
            words.push("--backup");
        }
        let said = app.shed(&words).any_stderr().fails(5);
        assert!(said.stderr.contains("the backup was put back: the database is at a2 as before"), "{said:?}");
        assert_eq!(app.db.revisions(), ["a2"]);
        assert!(!app.db.tables().contains(&"outside".to_owned()));
        assert_eq!(app.db.columns("person"), ["id", "name"]);
        assert_eq!(app.db.rows("select name from person"), "Ada\n");
        app.shed(["restore", "app.main", "--failed", "--yes"]).any_stderr().any_stdout().ok();
        assert!(app.db.tables().contains(&"outside".to_owned()));
    }
}

#[test]
fn without_a_backup_the_half_revision_is_said() {
    let app = App::postgres().migrated("a3");
    app.add_revision("a4", "a3", &format!("{BLOCK}op.execute('drop table nowhere')"));
    let said = app.shed(["migrate", "app"]).any_stderr().fails(5);
    assert!(said.stderr.contains("there is no backup (--backup takes one)"), "{said:?}");
    assert!(app.db.tables().contains(&"outside".to_owned()));
}

#[test]
fn never_leaves_the_database_and_names_the_command() {
    let app = App::sqlite().migrated("a3");
    app.add_revision("a4", "a3", &format!("{BLOCK}op.execute('drop table nowhere')"));
    let said = app.shed(["migrate", "app", "--restore", "never"]).any_stderr().fails(5);
    assert!(said.stderr.contains("to put the backup back: shed restore app.main "), "{said:?}");
    assert!(app.db.tables().contains(&"outside".to_owned()));
    app.shed(["restore", "app.main", "--yes"]).any_stderr().any_stdout().ok();
    assert!(!app.db.tables().contains(&"outside".to_owned()));
}

#[test]
fn what_the_engine_rolls_back_needs_no_restore() {
    for app in [App::sqlite(), App::postgres()] {
        let app = app.migrated("a2");
        app.add_revision("a4", "a3", "op.execute('create table gone (id integer)')\nop.execute('drop table nowhere')");
        let said = app.shed(["migrate", "app"]).any_stderr().fails(5);
        assert!(!said.stderr.contains("put back"), "{said:?}");
        assert_eq!(app.db.revisions(), ["a2"]);
        assert!(!app.db.tables().contains(&"gone".to_owned()));
    }
}

#[test]
fn a_chain_outside_of_transactions_is_backed_up_and_put_back() {
    let app = App::sqlite().keys("transactional: false").migrated("a2");
    app.db.execute("insert into person (id, name) values (1, 'Ada')");
    app.add_revision("a4", "a3", "op.execute('create table half (id integer)')\nop.execute('drop table nowhere')");
    let said = app.shed(["migrate", "app", "head"]).any_stderr().fails(5);
    assert!(said.stderr.contains("the backup was put back"), "{said:?}");
    assert_eq!(app.db.revisions(), ["a2"]);
    assert!(!app.db.tables().contains(&"half".to_owned()));
}

#[test]
fn a_killed_run_is_put_right_before_the_next_one_and_reported_by_readers() {
    for app in [App::sqlite(), App::postgres()] {
        let app = app.migrated("a3");
        app.db.execute("insert into person (id, name) values (1, 'Ada')");
        pausing(&app);
        let pause = app.read("app/versions/a4_.py");
        app.write(
            "app/versions/a4_.py",
            &pause
                .replace("    import os, time", &format!("    {}\n    import os, time", BLOCK.replace('\n', "\n    "))),
        );
        let mut call = app.shed(["migrate", "app", "--backup"]);
        let child = call.start();
        wait_for(&app, "begun");
        Command::new("kill").args(["-KILL", &child.id().to_string()]).status().unwrap();
        assert_eq!(call.finish(child).code, 137);
        assert!(app.db.tables().contains(&"outside".to_owned()));

        app.shed(["current", "app"]).any_stdout().stderr_has("was broken off").ok();
        app.shed(["status", "app.*"]).stdout_has("broken off: shed recover").ok();
        app.shed(["recover", "app", "--list"]).stdout_has("was broken off").ok();
        assert!(app.db.tables().contains(&"outside".to_owned()));
        app.write("go-on", "");
        let said = app.shed(["migrate", "app"]).any_stderr().ok();
        assert!(said.stderr.contains("its backup was put back: at a3"), "{said:?}");
        assert_eq!(app.db.revisions(), ["a4"]);
        assert_eq!(app.db.rows("select name from person"), "Ada\n");
        app.shed(["recover", "app"]).stdout("app.main: nothing was broken off\n").ok();
    }
}

#[test]
fn rollback_takes_back_what_it_is_told_and_redo_comes_again() {
    for app in [App::sqlite(), App::postgres()] {
        let app = app.migrated("a3");
        app.shed(["rollback", "app"]).stderr_has("a yes is needed").fails(2);
        app.shed(["rollback", "app", "2", "--yes"]).any_stderr().ok();
        assert_eq!(app.db.revisions(), ["a1"]);
        app.shed(["migrate", "app"]).any_stderr().ok();
        app.shed(["down", "app", "--yes"]).any_stderr().ok();
        assert_eq!(app.db.revisions(), ["a2"]);
        let said = app.shed(["redo", "app", "--yes", "--format", "json"]).any_stdout().any_stderr().ok();
        assert_eq!(serde_json::from_str::<serde_json::Value>(&said.stdout).unwrap()["again"]["to"], json!(["a2"]));
        assert_eq!(app.db.revisions(), ["a2"]);
    }
}

#[test]
fn a_journal_that_nobody_can_decide_on_stops_writers_until_it_is_discarded() {
    let app = App::sqlite().migrated("a2");
    let entry = json!({
        "version": 1, "run": "r-1", "target": "app.main", "command": "migrate", "since": 1,
        "process": { "host": "elsewhere", "boot": "b", "pid": 1, "started": 1 },
        "deed": { "kind": "migrate", "heads": ["a1"], "backup": null, "events": "/nowhere", "rolls_back": true },
    });
    app.write("data/app.db.shed-journal", &entry.to_string());
    app.shed(["migrate", "app"]).stderr_has("it ran on another machine").fails(5);
    assert_eq!(app.db.revisions(), ["a2"]);
    app.shed(["recover", "app", "--discard", "--yes"]).any_stdout().any_stderr().ok();
    app.shed(["migrate", "app"]).any_stderr().ok();
    assert_eq!(app.db.revisions(), ["a3"]);
}

#[test]
fn a_reused_process_id_is_a_dead_run_s() {
    let app = App::sqlite().migrated("a2");
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    app.write("events.jsonl", "");
    let entry = json!({
        "version": 1, "run": "r-1", "target": "app.main", "command": "migrate", "since": 1,
        // Our own process lives, and began at another time.
        "process": { "host": host.trim(), "boot": boot.trim(), "pid": std::process::id(), "started": 1 },
        "deed": { "kind": "migrate", "heads": ["a2"], "backup": null, "events": app.path("events.jsonl"), "rolls_back": true },
    });
    app.write("data/app.db.shed-journal", &entry.to_string());
    app.shed(["migrate", "app"]).stderr_has("was broken off; the database is whole, at a2").ok();
    assert_eq!(app.db.revisions(), ["a3"]);
}

/// Holds a lock on `person` for as long as the work takes, and at least until somebody has waited for it.
fn while_locked<T>(app: &App, seconds: u32, work: impl FnOnce() -> T) -> T {
    std::thread::scope(|scope| {
        scope.spawn(|| app.db.rows(&format!("begin; lock table person; select pg_sleep({seconds}); commit")));
        let held = "select count(*) from pg_locks where mode = 'AccessExclusiveLock' and relation = 'person'::regclass";
        while app.db.rows(held) == "0\n" {
            std::thread::sleep(Duration::from_millis(20));
        }
        work()
    })
}

#[test]
fn a_lock_of_the_database_s_that_does_not_come_is_tried_again() {
    let app = App::postgres().keys("lock_timeout: 200ms\nretries: 30").migrated("a2");
    let said = while_locked(&app, 10, || app.shed(["migrate", "app", "a3"]).any_stderr().run());
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.stderr.contains("a lock of the database's did not come in time; again (1 of 30)"), "{said:?}");
    assert_eq!(app.db.revisions(), ["a3"]);
}

#[test]
fn a_lock_timeout_without_retries_fails_at_once() {
    let app = App::postgres().keys("lock_timeout: 200ms").migrated("a2");
    let said = while_locked(&app, 10, || app.shed(["migrate", "app", "a3"]).any_stderr().run());
    assert_eq!(said.code, 5, "{said:?}");
    assert!(said.stderr.contains("canceling statement due to lock timeout"), "{said:?}");
    assert_eq!(app.db.revisions(), ["a2"]);
}
