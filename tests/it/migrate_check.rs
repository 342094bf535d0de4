//! `migrate --check`: the migration and the comparison in one run.

use serde_json::json;

use crate::app::App;

const CLEAN: &str = "No new upgrade operations detected.\n";

#[test]
fn in_order_with_something_pending_and_with_nothing() {
    for app in App::everywhere() {
        app.shed(["migrate", "--check"]).stdout(CLEAN).stderr_has("app.main: now at a3 (head)\n").ok();
        app.shed(["up", "--check"]).stdout(CLEAN).stderr_has("app.main: now at a3 (head)\n").ok();
    }
}

#[test]
fn drift_is_exit_code_1_and_the_migration_stays() {
    for app in App::everywhere() {
        app.drift();
        for steps in [3, 0] {
            let said = app.shed(["migrate", "--check"]).stdout("add table toy\n").any_stderr().fails(1).stderr;
            assert_eq!(said.matches("upgraded to").count(), steps, "{said}");
            let end = "app.main: now at a3 (head)\napp.main: FAILED: New upgrade operations detected\n\
                       help: write the missing revision: shed revision app.main --autogenerate -m \"…\"\n";
            assert!(said.ends_with(end), "{said}");
        }
        app.shed(["current"]).stdout("a3 (head)\n").any_stderr().ok();
    }
}

#[test]
fn a_migration_that_fails_is_not_compared() {
    for app in App::everywhere() {
        app.drift();
        app.add_revision("a4", "a3", "raise ValueError('broken')");
        let said = app.shed(["migrate", "--check"]).stderr_has("broken").fails(5);
        assert!(!said.stderr.contains("New upgrade operations"), "{said:?}");
    }
}

#[test]
fn short_of_the_head_it_says_what_check_says() {
    let app = App::sqlite();
    let said = app.shed(["migrate", "a2", "--check"]).any_stderr().fails(1).stderr;
    assert!(said.contains("app.main: now at a2\n") && said.contains("Target database is not up to date"), "{said}");
    app.shed(["current"]).stdout("a2\n").any_stderr().ok();
}

#[test]
fn a_comparison_that_breaks_puts_nothing_back() {
    let app = App::sqlite();
    app.write("shed.yaml", &app.read("shed.yaml").replace("    db:", "    hooks: app/hooks.py\n    db:"));
    app.write("app/hooks.py", "def include_object(*_):\n    import os\n    os._exit(9)\n");
    app.shed(["migrate", "--check", "--backup"]).stderr_has("Python ended with code 9").fails(5);
    app.shed(["current"]).stdout("a3 (head)\n").any_stderr().ok();
}

#[test]
fn several_metadatas_are_refused_by_the_comparison_alone() {
    let app = App::sqlite();
    let more = "\n\nother = MetaData()\nfrom sqlalchemy import Table, Column, Integer\nTable('other', other, Column('id', Integer))\n";
    app.write("app/models.py", &(app.read("app/models.py") + more));
    app.shed(["migrate", "--check"]).stderr_has("several MetaData have tables").fails(2);
    app.shed(["current"]).stdout("a3 (head)\n").any_stderr().ok();
}

#[test]
fn one_document_holds_both() {
    for app in App::on_both_alembics() {
        let call = |code: i32| {
            let call = app.shed(["migrate", "--check", "--format", "json"]).any_stdout().any_stderr();
            let said = if code == 0 { call.ok() } else { call.fails(code) };
            serde_json::from_str::<serde_json::Value>(&said.stdout).unwrap()
        };
        let clean = call(0);
        assert_eq!((&clean["from"], &clean["to"]), (&json!([]), &json!(["a3"])));
        assert_eq!(clean["applied"].as_array().unwrap().len(), 3);
        assert_eq!(clean["check"], json!({"in_order": true, "differences": []}));
        app.drift();
        let drift = call(1);
        assert_eq!((&drift["from"], &drift["check"]["in_order"]), (&json!(["a3"]), &json!(false)));
        assert_eq!(drift["check"]["differences"][0]["kind"], "add_table");
    }
}

#[test]
fn a_database_in_memory_is_compared_in_the_process_that_migrated_it() {
    let app = App::sqlite();
    app.write("shed.yaml", &app.read("shed.yaml").replace("data/app.db", ":memory:"));
    app.shed(["migrate", "--check"]).stdout(CLEAN).any_stderr().ok();
    app.drift();
    app.shed(["migrate", "--check"]).stdout("add table toy\n").any_stderr().fails(1);
}

#[test]
fn an_own_env_py_is_run_for_both() {
    let app = App::sqlite();
    let env = "from alembic import context
from sqlalchemy import create_engine
from models import Base

with create_engine(context.config.get_main_option('sqlalchemy.url')).connect() as connection:
    context.configure(connection=connection, target_metadata=Base.metadata)
    with context.begin_transaction():
        context.run_migrations()
print('mine')
";
    app.write("app/own_env.py", env);
    let keys = "    env_py: app/own_env.py\n    pythonpath: app\n    db:";
    app.write("shed.yaml", &app.read("shed.yaml").replace("    db:", keys));
    app.shed(["migrate", "--check"]).stdout(format!("mine\nmine\n{CLEAN}")).any_stderr().ok();
}

#[test]
fn several_targets_are_all_migrated_and_each_compared() {
    let app = App::sqlite();
    let project = app.read("shed.yaml").replace("projects:\n", "");
    let other = project
        .replace("  app:", "  other:")
        .replace("data/app.db", "data/other.db")
        .replace("app/models", "other/models");
    app.write("shed.yaml", &format!("projects:\n{project}{other}"));
    for file in ["models.py", "versions/a1_.py", "versions/a2_.py", "versions/a3_.py"] {
        app.write(&format!("other/{file}"), &app.read(&format!("app/{file}")));
    }
    app.drift();
    let said = app.shed(["migrate", "--all", "--check", "--format", "json"]).any_stdout().any_stderr().fails(1);
    let document: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    let found = document["results"].as_array().unwrap().iter().map(|one| (&one["to"], &one["check"]["in_order"]));
    assert_eq!(found.collect::<Vec<_>>(), [(&json!(["a3"]), &json!(false)), (&json!(["a3"]), &json!(true))]);
}

#[test]
fn sql_alone_is_compared_with_nothing() {
    let app = App::sqlite();
    app.shed(["migrate", "--check", "--dry-run"]).stderr_has("cannot be used with").fails(2);
}
