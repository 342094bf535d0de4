//! The ledger: what was done to a database, written down in it in the same transaction.

use std::process::Command;

use serde_json::{Value, json};

use crate::app::App;

const ROWS: &str = "select direction, revision from shed_history order by id";

fn log(app: &App, args: &[&str]) -> Value {
    let said = app.shed(["log", "app", "--format", "json"]).args(args).any_stdout().any_stderr().ok();
    serde_json::from_str(&said.stdout).unwrap()
}

fn with_ledger() -> [App; 3] {
    App::everywhere().map(|app| app.keys("ledger: true"))
}

#[test]
fn every_step_is_a_row_with_who_when_and_how_long() {
    for app in with_ledger() {
        let app = app.migrated("head");
        assert_eq!(app.db.rows(ROWS), "upgrade|a1\nupgrade|a2\nupgrade|a3\n");
        let told = log(&app, &[]);
        assert_eq!((&told["target"], &told["kept"]), (&json!("app.main"), &json!(true)));
        let steps = told["steps"].as_array().unwrap();
        let revisions: Vec<&str> = steps.iter().map(|step| step["revision"].as_str().unwrap()).collect();
        assert_eq!(revisions, ["a3", "a2", "a1"]);
        let last = &steps[0];
        let at = last["done_at"].as_str().unwrap();
        assert!(at.starts_with("20") && at.ends_with('Z') && at.len() == "2026-11-21T06:39:39.123Z".len(), "{at}");
        assert!(last["milliseconds"].is_u64() && last["host"].is_string(), "{last}");
        let user = Command::new("id").arg("-un").output().unwrap().stdout;
        assert_eq!(last["os_user"], String::from_utf8(user).unwrap().trim());
        assert_eq!(last["shed_version"], env!("CARGO_PKG_VERSION"));
        assert!(last["alembic_version"].as_str().unwrap().starts_with("1."), "{last}");
        let digest = Command::new("sha256sum").arg(app.path("app/versions/a3_.py")).output().unwrap().stdout;
        assert_eq!(last["file_sha256"], String::from_utf8(digest).unwrap().split(' ').next().unwrap());
        assert_eq!(last["git_commit"], Value::Null);
        assert_eq!(last["backup"].is_string(), app.db.url().starts_with("sqlite"), "{last}");
        assert_eq!(log(&app, &["-n", "1"])["steps"].as_array().unwrap().len(), 1);
        let line = "[..]  upgrade    a3  [..] ms  [..]\n";
        app.shed(["log", "app", "-n", "1"]).stdout(line).ok();
    }
}

#[test]
fn the_commit_that_is_checked_out_and_the_backup_are_named() {
    let app = App::sqlite().keys("ledger: true");
    let git = "cd \"$1\" && git init -q && git -c user.name=me -c user.email=me@x commit -q --allow-empty -m one && git rev-parse HEAD";
    let commit = app.sh(git).args(["-", app.path("").to_str().unwrap()]).any_stdout().ok().stdout;
    let app = app.migrated("head");
    let told = log(&app, &["-n", "1"]);
    assert_eq!(told["steps"][0]["git_commit"], commit.trim());
    let backup = told["steps"][0]["backup"].as_str().unwrap();
    assert!(backup.starts_with("$REPO/.shed/backups/app.main/"), "{backup}");
    app.shed(["log", "-n", "1"]).stdout(format!("[..]  git {}  backup {backup}\n", &commit[..12])).ok();
}

#[test]
fn a_migration_that_is_rolled_back_leaves_no_row() {
    for app in with_ledger() {
        app.add_revision("a4", "a3", "op.execute('drop table nowhere')");
        app.shed(["migrate", "app"]).any_stderr().fails(5);
        assert!(!app.db.tables().contains(&"shed_history".to_owned()));
        let nothing = "app.main: nothing is written down there; `ledger: true` does so\n";
        app.shed(["log", "app"]).stderr(nothing).ok();
        let app = app.migrated("a3");
        app.shed(["migrate", "app"]).any_stderr().fails(5);
        assert_eq!(app.db.rows(ROWS), "upgrade|a1\nupgrade|a2\nupgrade|a3\n");
    }
}

#[test]
fn revisions_that_stay_when_a_later_one_fails_keep_their_rows() {
    for app in App::everywhere() {
        let app = app.keys("ledger: true\nconfigure: { transaction_per_migration: true }");
        app.add_revision("a4", "a3", "op.execute('drop table nowhere')");
        app.shed(["migrate", "app"]).any_stderr().fails(5);
        assert_eq!(app.db.rows(ROWS), "upgrade|a1\nupgrade|a2\nupgrade|a3\n");
    }
}

#[test]
fn downgrade_and_stamp_are_written_down() {
    for app in with_ledger() {
        let app = app.migrated("head");
        app.shed(["downgrade", "app", "-1", "--yes"]).any_stderr().ok();
        app.shed(["stamp", "app", "a3"]).any_stderr().ok();
        app.shed(["stamp", "app", "base"]).any_stderr().ok();
        let rows = "upgrade|a1\nupgrade|a2\nupgrade|a3\ndowngrade|a3\nstamp|a3\nstamp|base\n";
        assert_eq!(app.db.rows(ROWS), rows);
        let app = app.migrated_by_alembic();
        assert_eq!(app.db.rows(ROWS), format!("{rows}stamp|a3\n"));
    }
}

impl App {
    fn migrated_by_alembic(self) -> Self {
        self.shed(["alembic", "app", "--", "stamp", "head"]).any_stdout().any_stderr().ok();
        self
    }
}

#[test]
fn no_comparison_sees_it_and_none_speaks_of_it() {
    for app in with_ledger() {
        let app = app.migrated("head");
        assert!(app.db.tables().contains(&"shed_history".to_owned()));
        app.shed(["check", "app"]).stdout("No new upgrade operations detected.\n").ok();
        let nothing = "app.main: no differences; no revision was written\n";
        app.shed(["revision", "app", "--auto", "-m", "x"]).stderr(nothing).ok();
        app.shed(["auto", "app"]).stdout("nothing to apply, at a3\n").ok();
        if app.db.url().starts_with("sqlite") {
            app.shed(["check", "app", "--offline"]).any_stdout().ok();
        }
    }
}

#[test]
fn an_env_py_of_the_project_s_own_is_written_down_too_and_does_not_see_it() {
    let env = "from alembic import context
from sqlalchemy import create_engine
from app.models import Base
engine = create_engine(context.config.get_main_option('sqlalchemy.url'))
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=Base.metadata)
    with context.begin_transaction():
        context.run_migrations()
";
    for app in App::everywhere() {
        let app = app.keys("ledger: true\nenv_py: app/env.py\npythonpath: [.]");
        app.write("app/env.py", env);
        let app = app.migrated("head");
        assert_eq!(app.db.rows(ROWS), "upgrade|a1\nupgrade|a2\nupgrade|a3\n");
        app.shed(["check", "app"]).stdout("No new upgrade operations detected.\n").ok();
    }
}

#[test]
fn without_the_setting_nothing_is_made_and_reading_makes_nothing() {
    for app in App::everywhere() {
        app.shed(["log", "app"]).any_stderr().ok();
        assert_eq!(app.db.tables(), [""; 0]);
        assert!(!app.db.exists() || !app.db.url().starts_with("sqlite"));
        let app = app.migrated("head");
        assert!(!app.db.tables().contains(&"shed_history".to_owned()));
        assert_eq!(log(&app, &[]), json!({"target": "app.main", "kept": false, "steps": []}));
        for more in ["--dry-run", "--sql"] {
            let app = App::sqlite().keys("ledger: true");
            let said = app.shed(["migrate", "app", more]).any_stdout().any_stderr().ok().stdout;
            assert!(said.contains("alembic_version") && !said.contains("shed_history"), "{said}");
        }
    }
}

#[test]
fn it_lies_in_the_schema_of_the_version_table_and_each_has_its_own_rows() {
    let app = App::postgres().keys("ledger: true\nversion_table_schema: meta\nversion_table: versions_of_app");
    app.shed(["migrate", "app"]).any_stderr().ok();
    assert_eq!(app.db.rows("select count(*) from meta.shed_history where version_table = 'versions_of_app'"), "3\n");
    assert_eq!(log(&app, &["-n", "2"])["steps"].as_array().unwrap().len(), 2);
    app.shed(["check", "app"]).stdout("No new upgrade operations detected.\n").ok();
    let app = app.keys("ledger: true\nversion_table_schema: meta");
    app.shed(["stamp", "app", "a3"]).any_stderr().ok();
    assert_eq!(log(&app, &[])["steps"].as_array().unwrap().len(), 1);
    assert_eq!(app.db.rows("select count(*) from meta.shed_history"), "4\n");
}

#[test]
fn a_table_of_that_name_with_other_columns_stops_the_migration_and_says_why() {
    let app = App::sqlite().keys("ledger: true");
    app.db.execute("create table shed_history (x integer)");
    let said = app.shed(["migrate", "app"]).any_stderr().fails(5);
    let words = "the step could not be written into shed_history: table shed_history has no column named version_table";
    assert!(said.stderr.contains(words) && said.stderr.contains("ledger: false"), "{said:?}");
    assert_eq!(app.db.tables(), ["shed_history"]);
}

#[test]
fn every_driver_can_write_and_the_project_s_python_read_it() {
    for driver in ["psycopg", "psycopg2", "asyncpg", "pg8000"] {
        let app = App::postgres().keys("ledger: true\nschema_translate_map: { nowhere: public }");
        let entry = app.db.settings_with(json!({ "driver": driver }));
        app.write("shed.yaml", &app.read("shed.yaml").replace(&app.db.settings(), &entry));
        let app = app.migrated("head");
        let steps = log(&app, &["-n", "2"])["steps"].clone();
        assert_eq!((&steps[0]["revision"], &steps[1]["revision"]), (&json!("a3"), &json!("a2")), "{driver}");
        assert!(steps[0]["done_at"].as_str().unwrap().ends_with('Z'), "{steps}");
    }
}

#[test]
fn a_file_that_was_edited_after_it_was_applied_is_warned_of() {
    for app in with_ledger() {
        let app = app.migrated("a2");
        let fine = "[X] a1  a1\n[X] a2  a2\n[ ] a3  a3 (head)\n2 applied, 1 pending\n";
        app.shed(["status", "app"]).stdout(fine).ok();
        for name in ["a2", "a3"] {
            let path = format!("app/versions/{name}_.py");
            app.write(&path, &(app.read(&path) + "# later\n"));
        }
        let words = "edited after it was applied, so that other databases get something else";
        let warning = format!("warning: app.main: a2: {words}\n");
        let edited = fine.replace("[X] a2  a2\n", "[X] a2  a2  edited since it was applied\n");
        app.shed(["status", "app"]).stdout(edited).stderr(warning.clone()).ok();
        let said = app.shed(["status", "app", "--format", "json"]).any_stdout().stderr(warning.clone()).ok();
        assert_eq!(serde_json::from_str::<Value>(&said.stdout).unwrap()["edited"], json!(["a2"]));
        app.shed(["status", "--all"]).stdout_has("  edited: a2\n").stderr(warning).ok();
        app.shed(["status", "app", "--quiet"]).fails(1);
        app.shed(["downgrade", "app", "-1", "--yes"]).any_stderr().ok();
        app.shed(["status", "app"]).stdout_has("1 applied, 2 pending\n").ok();
        app.shed(["migrate", "app"]).any_stderr().ok();
        app.shed(["status", "app"]).stdout_has("3 applied, 0 pending\n").ok();
    }
}

#[test]
fn an_edited_file_is_warned_of_where_python_has_to_read_the_ledger() {
    let app = App::sqlite().keys("ledger: true\nschema_translate_map: { nowhere: main }");
    let path = "app/versions/a1_.py";
    app.write(path, &app.read(path).replace("revision = \"a1\"", "revision = \"a\" + \"1\""));
    let app = app.migrated("head");
    app.shed(["status", "app"]).stdout_has("3 applied, 0 pending\n").ok();
    app.write(path, &(app.read(path) + "# later\n"));
    app.shed(["status", "app"]).any_stdout().stderr_has("warning: app.main: a1: edited after it was applied").ok();
}

#[test]
fn a_stamp_says_nothing_of_the_file() {
    let app = App::sqlite().keys("ledger: true").migrated("head");
    let path = "app/versions/a3_.py";
    app.write(path, &(app.read(path) + "# later\n"));
    app.shed(["status", "app"]).any_stdout().stderr_has("a3: edited after it was applied").ok();
    for revision in ["a2", "a3"] {
        app.shed(["stamp", "app", revision]).any_stderr().ok();
    }
    app.shed(["status", "app"]).stdout_has("3 applied, 0 pending\n").ok();
}
