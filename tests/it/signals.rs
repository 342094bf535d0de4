//! INT, TERM and KILL in the middle of a migration.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::app::App;

/// A migration that says when it has begun, then waits.
fn waiting(app: &App) {
    let mark = app.path("begun");
    app.add_revision(
        "a4",
        "a3",
        &format!("import time, os\nopen({mark:?}, 'w').write(str(os.getpid()))\ntime.sleep(60)"),
    );
}

/// The process of the migration, once it has begun.
fn begun(app: &App) -> String {
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        match std::fs::read_to_string(app.path("begun")) {
            Ok(process) if !process.is_empty() => return process,
            _ => assert!(Instant::now() < until, "the migration did not begin"),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn send(signal: &str, process: &str) {
    Command::new("kill").args([signal, process]).status().unwrap();
}

fn is_gone(process: &str) -> bool {
    let until = Instant::now() + Duration::from_secs(10);
    while std::path::Path::new("/proc").join(process).exists() {
        if Instant::now() > until {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    true
}

#[test]
fn int_and_term_end_the_migration_and_leave_nothing() {
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        for app in [App::sqlite(), App::postgres()] {
            let app = app.migrated("head");
            waiting(&app);
            let mut call = app.shed(["migrate"]);
            let child = call.start();
            let process = begun(&app);
            send(signal, &child.id().to_string());
            let said = call.finish(child);
            assert_eq!(said.code, code, "{said:?}");
            assert!(is_gone(&process) && said.stderr.lines().count() < 15, "{said:?}");
            assert_eq!(app.db.revisions(), ["a3"]);
        }
    }
}

#[test]
fn a_killed_shed_takes_its_child_along_and_the_next_run_sweeps_up() {
    let app = App::sqlite().migrated("head");
    waiting(&app);
    let mut call = app.shed(["migrate"]);
    let child = call.start();
    let process = begun(&app);
    send("-KILL", &child.id().to_string());
    assert_eq!(call.finish(child).code, 137);
    assert!(is_gone(&process));
    app.remove("app/versions/a4_.py");
    app.shed(["migrate"]).any_stderr().ok();
    assert_eq!(app.db.revisions(), ["a3"]);
}
