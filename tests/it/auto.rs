//! `shed auto`: what an application calls at its start.

use std::fs;

use serde_json::{Value, json};

use crate::app::App;
use crate::repo::{NEW, Repo};

fn say(app: &App, args: &[&str], code: i32) -> Value {
    let call = app.shed(["auto"]).args(args).args(["--format", "json"]).any_stdout().any_stderr();
    let said = if code == 0 { call.ok() } else { call.fails(code) };
    serde_json::from_str(&said.stdout).unwrap()
}

fn fields(value: &Value, names: &[&str]) -> Value {
    names.iter().map(|name| value[*name].clone()).collect()
}

const RESULT: [&str; 5] = ["success", "applied_count", "previous_revision", "current_revision", "restored"];

#[test]
fn what_is_pending_is_applied_and_then_there_is_nothing_to_do() {
    for app in App::everywhere() {
        let applied = "app.main: [..]
app.main: upgraded to a1, a1
app.main: upgraded to a2, a2
app.main: upgraded to a3, a3
app.main: now at a3 (head)
";
        let backup = if app.db.url().starts_with("sqlite") { "backup: [..]/.shed/backups/app.main/[..]\n" } else { "" };
        app.shed(["auto", "app"]).stdout(format!("3 applied, from base to a3\n{backup}")).stderr(applied).ok();
        assert_eq!(app.db.revisions(), ["a3"]);
        app.shed(["auto", "app"]).stdout("nothing to apply, at a3\n").ok();
    }
}

#[test]
fn where_nothing_is_to_be_done_no_python_is_started_the_second_time() {
    for app in [App::sqlite(), App::postgres()] {
        starts_no_python_twice(app);
    }
}

fn starts_no_python_twice(app: App) {
    let app = app.migrated("head");
    let python = "#!/bin/sh\necho x >> \"$CALLS\"\nexec \"$PYTHON\" \"$@\"\n";
    app.program("python", python);
    let app = app.keys("python: python");
    let auto = || {
        let call = app.shed(["auto", "app"]).env("CALLS", app.path("calls")).env("PYTHON", app.python());
        call.stdout("nothing to apply, at a3\n").ok();
        fs::read_to_string(app.path("calls")).unwrap_or_default()
    };
    let first = auto();
    assert!(first.contains('x'));
    assert_eq!(auto(), first);
    app.write("app/models.py", &app.read("app/models.py").replace("String(50)", "String(60)"));
    let call = app.shed(["auto", "app"]).env("CALLS", app.path("calls")).env("PYTHON", app.python());
    call.stdout_has("models and database differ").ok();
}

#[test]
fn the_result_is_a_document() {
    for app in App::on_both_alembics() {
        let done = say(&app, &["app"], 0);
        assert_eq!(fields(&done, &RESULT), json!([true, 3, null, "a3", false]));
        assert_eq!(fields(&done, &["target", "dry_run", "pending", "error"]), json!(["app.main", false, [], null]));
        assert_eq!(done["drift"], json!({"in_order": true, "differences": []}));
        assert_eq!(done["applied"][2]["revision"], "a3");
        let backup = done["backup_path"].as_str().unwrap().replace("$REPO", &app.path("").display().to_string());
        assert!(fs::metadata(backup).unwrap().is_file());
        let again = say(&app, &["app"], 0);
        assert_eq!(fields(&again, &RESULT), json!([true, 0, "a3", "a3", false]));
        assert_eq!(fields(&again, &["applied", "backup_path"]), json!([[], null]));
    }
}

#[test]
fn a_failing_migration_is_put_back_and_told() {
    const BLOCK: &str =
        "with op.get_context().autocommit_block():\n    op.execute('create table outside (id integer)')\n";
    for app in [App::sqlite(), App::postgres()] {
        let app = app.migrated("a2");
        app.add_revision("a4", "a3", &format!("{BLOCK}op.execute('drop table nowhere')"));
        let failed = say(&app, &["app", "--backup"], 5);
        assert_eq!(fields(&failed, &RESULT), json!([false, 0, "a2", "a2", true]));
        assert_eq!(fields(&failed, &["applied", "pending", "drift"]), json!([[], ["a3", "a4"], null]));
        assert_eq!(failed["error"]["code"], 5);
        assert!(failed["error"]["message"].as_str().unwrap().contains("a4"), "{failed}");
        assert!(failed["backup_path"].is_string());
        assert_eq!(app.db.revisions(), ["a2"]);
        assert!(!app.db.tables().contains(&"outside".to_owned()));
        let call = app.shed(["auto", "app", "--backup"]).stderr_has("error: app.main: ");
        call.stdout("failed, at a2 as before: the backup was put back\nbackup: [..]\n").fails(5);
    }
}

#[test]
fn what_the_engine_rolled_back_needs_no_backup_put_back() {
    for app in App::everywhere() {
        let app = app.migrated("a2");
        app.add_revision("a4", "a3", "op.execute('drop table nowhere')");
        let failed = say(&app, &["app"], 5);
        assert_eq!(fields(&failed, &RESULT), json!([false, 0, "a2", "a2", false]));
        assert_eq!(app.db.revisions(), ["a2"]);
    }
}

#[test]
fn revisions_that_stay_when_a_later_one_fails_are_counted() {
    for app in App::everywhere() {
        let app = app.keys("configure: { transaction_per_migration: true }");
        app.add_revision("a4", "a3", "op.execute('drop table nowhere')");
        let failed = say(&app, &["app"], 5);
        assert_eq!(fields(&failed, &RESULT), json!([false, 3, null, "a3", false]));
        assert_eq!(failed["pending"], json!(["a4"]));
        assert_eq!(app.db.revisions(), ["a3"]);
    }
}

#[test]
fn two_that_start_at_once_do_it_once() {
    for app in [App::sqlite(), App::postgres()] {
        let mut calls: Vec<_> = (0..3).map(|_| app.shed(["auto", "app", "--format", "json"])).collect();
        let children: Vec<_> = calls.iter_mut().map(|call| call.start()).collect();
        let said: Vec<_> = calls.iter().zip(children).map(|(call, child)| call.finish(child)).collect();
        let counts: Vec<u64> = said
            .iter()
            .map(|said| {
                let told: Value = serde_json::from_str(&said.stdout).unwrap_or_else(|_| panic!("{said:?}"));
                assert_eq!((&told["success"], &told["current_revision"]), (&json!(true), &json!("a3")), "{said:?}");
                assert_eq!((said.code, &told["pending"]), (0, &json!([])), "{said:?}");
                told["applied_count"].as_u64().unwrap()
            })
            .collect();
        assert_eq!(counts.iter().sum::<u64>(), 3, "{counts:?}");
        assert_eq!(app.db.revisions(), ["a3"]);
    }
}

#[test]
fn what_the_models_have_more_is_told_and_no_error() {
    for app in App::everywhere() {
        app.drift();
        app.shed(["auto", "app"]).any_stderr().stdout_has("3 applied, from base to a3\n").ok();
        let more = "nothing to apply, at a3
models and database differ; shed revision app.main --autogenerate writes what is missing:
  add table toy
";
        app.shed(["auto", "app"]).stdout(more).ok();
        let told = say(&app, &["app"], 0);
        assert_eq!((&told["success"], &told["drift"]["in_order"]), (&json!(true), &json!(false)));
        assert_eq!(told["drift"]["differences"][0]["table"], "toy");
    }
}

#[test]
fn the_missing_revision_is_written_and_applied_where_that_is_asked_for() {
    for app in App::everywhere() {
        app.drift();
        let told = say(&app, &["app", "--create-revision"], 0);
        let written = told["created_revision"]["revision"].as_str().unwrap().to_owned();
        assert_eq!(fields(&told, &RESULT), json!([true, 4, null, written, false]));
        assert_eq!(told["drift"], json!({"in_order": true, "differences": []}));
        assert_eq!(app.db.revisions(), [written.as_str()]);
        assert!(app.db.tables().contains(&"toy".to_owned()));
        assert_eq!(app.files("app/versions").len(), 4);
        let again = say(&app, &["app", "--create-revision"], 0);
        assert_eq!(fields(&again, &["applied_count", "created_revision"]), json!([0, null]));
        assert_eq!(app.files("app/versions").len(), 4);
    }
}

#[test]
fn two_that_start_at_once_write_one_revision() {
    for app in [App::sqlite(), App::postgres()] {
        let app = app.keys("auto: { auto_migrate: true, create_revision: true }");
        app.drift();
        let mut calls: Vec<_> = (0..3).map(|_| app.shed(["auto"])).collect();
        let children: Vec<_> = calls.iter_mut().map(|call| call.start()).collect();
        for (call, child) in calls.iter().zip(children) {
            let said = call.finish(child);
            assert_eq!(said.code, 0, "{said:?}");
        }
        assert_eq!(app.files("app/versions").len(), 4);
        assert!(app.db.tables().contains(&"toy".to_owned()));
    }
}

#[test]
fn two_databases_of_one_project_that_start_at_once_write_one_revision() {
    let app = App::sqlite();
    let other = app.sqlite("data/other.db");
    let yaml = app.read("shed.yaml") + &format!("      other: {}\n", other.settings());
    app.write("shed.yaml", &yaml);
    app.drift();
    let auto = |name: &str| app.shed(["auto", name, "--create-revision"]);
    let mut calls = [auto("app.main"), auto("app.other")];
    let children = calls.each_mut().map(|call| call.start());
    for (call, child) in calls.iter().zip(children) {
        let said = call.finish(child);
        assert_eq!(said.code, 0, "{said:?}");
    }
    assert_eq!(app.files("app/versions").len(), 4);
    assert_eq!(app.db.revisions(), other.revisions());
    assert!(other.tables().contains(&"toy".to_owned()));
}

#[test]
fn a_dry_run_says_what_would_be_done_and_writes_nothing() {
    for app in App::everywhere() {
        app.drift();
        let is_file = app.db.url().starts_with("sqlite");
        let told = say(&app, &["app", "--dry-run", "--create-revision"], 0);
        let what = fields(&told, &["success", "dry_run", "applied_count", "pending", "current_revision"]);
        assert_eq!(what, json!([true, true, 0, ["a1", "a2", "a3"], null]));
        assert_eq!(told["drift"]["in_order"], if is_file { json!(false) } else { Value::Null });
        assert_eq!((app.db.tables(), app.files("app/versions").len()), (Vec::new(), 3));
        assert!(!is_file || !app.db.exists());
        app.shed(["auto", "app", "--dry-run"]).any_stderr().stdout_has("3 would be applied: a1, a2, a3\n").ok();
    }
}

#[test]
fn without_a_name_it_goes_to_the_databases_that_the_settings_say_it_of() {
    let none = "no database has `auto: { auto_migrate: true }`; nothing was done\n";
    let app = App::sqlite();
    app.shed(["auto"]).stderr(none).ok();
    assert_eq!(say(&app, &[], 0), json!({"results": []}));
    assert!(!app.db.exists());
    let other = app.sqlite("data/other.db");
    let marked = other.settings_with(json!({"auto": {"auto_migrate": true}}));
    app.write("shed.yaml", &(app.read("shed.yaml") + &format!("      other: {marked}\n")));
    let told = say(&app, &[], 0);
    assert_eq!(told["results"].as_array().unwrap().len(), 1);
    assert_eq!(fields(&told["results"][0], &["target", "applied_count"]), json!(["app.other", 3]));
    assert_eq!((app.db.exists(), other.revisions()), (false, vec!["a3".to_owned()]));
    app.shed(["auto"]).stdout("app.other:\n  nothing to apply, at a3\n").ok();
}

#[test]
fn where_one_of_several_fails_no_other_is_begun_unless_that_is_asked_for() {
    let app = App::sqlite().keys("auto: { auto_migrate: true }");
    let other = app.sqlite("data/other.db");
    app.write("shed.yaml", &(app.read("shed.yaml") + &format!("      other: {}\n", other.settings())));
    app.db.execute("create table person (id integer)");
    let stopped = say(&app, &[], 5);
    assert_eq!((stopped["results"].as_array().unwrap().len(), other.exists()), (1, false));
    let told = say(&app, &["--keep-going"], 5);
    assert_eq!(fields(&told["results"][0], &["target", "success"]), json!(["app.main", false]));
    assert_eq!(fields(&told["results"][1], &["target", "success"]), json!(["app.other", true]));
}

#[test]
fn a_protected_database_needs_its_name() {
    let app = App::sqlite();
    let marked = app.db.settings_with(json!({"protected": true, "auto": {"auto_migrate": true}}));
    let yaml = app.read("shed.yaml").replace(&app.db.settings(), &marked);
    app.write("shed.yaml", &yaml);
    let refused = "error: app.main is protected\nhelp: add --yes-i-mean app.main\n";
    app.shed(["auto", "app", "--yes"]).stderr(refused).fails(2);
    app.shed(["auto"]).stderr("app.main: protected, passed over (--yes-i-mean app.main takes it in)\n").ok();
    assert!(!app.db.exists());
    app.shed(["auto", "--yes-i-mean", "app.main"]).any_stderr().stdout_has("3 applied").ok();
}

#[test]
fn a_database_out_of_reach_is_a_result_too() {
    let gone = crate::database::Database::postgres(crate::cluster::cluster(), "nowhere_at_all".into(), "shed", None);
    let app = App::with(Repo::new().on(NEW), gone);
    let failed = say(&app, &["app"], 4);
    assert_eq!(fields(&failed, &RESULT), json!([false, 0, null, null, false]));
    assert_eq!(fields(&failed["error"], &["code"]), json!([4]));
    app.shed(["auto", "app"]).any_stderr().stdout("failed: it could not be read\n").fails(4);
}

#[test]
fn a_project_without_models_is_not_compared() {
    let app = App::sqlite();
    let yaml = app.read("shed.yaml").replace("module: app/models.py", "versions: app/versions");
    app.write("shed.yaml", &yaml);
    let done = say(&app, &["app", "--create-revision"], 0);
    assert_eq!(fields(&done, &["applied_count", "drift"]), json!([3, null]));
    app.shed(["auto", "app"]).stdout("nothing to apply, at a3\n").ok();
}

#[test]
fn models_that_cannot_be_compared_keep_no_application_from_its_start() {
    let app = App::sqlite().migrated("head");
    let more = "\n\nother = MetaData()\nfrom sqlalchemy import Table, Column, Integer\nTable('other', other, Column('id', Integer))\n";
    app.write("app/models.py", &(app.read("app/models.py") + more));
    let words = "models and database were not compared: ";
    app.shed(["auto", "app"]).stdout("nothing to apply, at a3\n").stderr_has(words).ok();
    app.add_revision("a4", "a3", "pass");
    app.shed(["auto", "app"]).stdout_has("1 applied, from a3 to a4\n").stderr_has(words).ok();
}

#[test]
fn what_a_migration_prints_is_no_part_of_the_result() {
    let app = App::sqlite();
    app.add_revision("a4", "a3", "print('hello')");
    let call = app.shed(["auto", "app", "--no-backup"]).stdout("4 applied, from base to a4\n");
    call.stderr_has("hello").ok(); // its end comes in a write of its own
}

#[test]
fn what_a_dead_run_left_is_put_right_first() {
    let app = App::sqlite().migrated("a2");
    app.add_revision(
        "a4",
        "a3",
        "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\nimport time\ntime.sleep(60)",
    );
    app.shed(["migrate", "app"]).any_stderr().any_stdout().run();
    app.add_revision("a4", "a3", "pass");
    let done = app.shed(["auto", "app"]).any_stdout().stderr_has("was broken off").ok();
    assert!(done.stdout.starts_with("2 applied, from a2 to a4\n"), "{done:?}");
}

#[test]
fn the_start_of_the_readme_s_application_migrates_and_is_refused_when_that_fails() {
    let readme = include_str!("../../README.md");
    let section = readme.split("## Migrating at start-up\n").nth(1).unwrap();
    let code = section.split("```python\n").nth(1).unwrap().split("```").next().unwrap();
    let app = App::sqlite();
    app.write("start.py", &code.replace("billing.local", "app.main"));
    let start = || app.call(app.python()).arg(app.path("start.py"));
    start().any_stderr().ok();
    assert_eq!(app.db.revisions(), ["a3"]);
    app.add_revision("a4", "a3", "op.execute('drop table nowhere')");
    start().stderr_has("\nthe database could not be migrated: app.main: ").fails(1);
    app.remove("shed.yaml");
    start().stderr_has("\nthe database could not be migrated: ").fails(1);
}
