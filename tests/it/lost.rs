//! Verification: what a run says it reached and the database does not hold is exit code 5, with both revisions named.

use crate::app::App;
use crate::call::Output;
use crate::repo::{NEW, OLD, Repo};

/// The database's own transaction is rolled back under SQLAlchemy's feet: nobody else notices.
const LOSING: &str =
    "def on_version_apply(ctx, step, heads, run_args):\n    ctx.connection.exec_driver_sql('ROLLBACK')\n";

/// An env.py as projects have it, with a statement before `configure` that opens a transaction nobody commits.
const NEVER_COMMITS: &str = "
from alembic import context
from sqlalchemy import engine_from_config, pool, text

engine = engine_from_config(context.config.get_section('alembic'), prefix='sqlalchemy.', poolclass=pool.NullPool)
with engine.connect() as connection:
    connection.execute(text('select 1'))
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
";

#[test]
fn a_loss_is_seen_on_the_way_to_the_head_to_an_id_and_by_steps() {
    for revision in ["head", "a3", "+1", "heads", "a2:a3"] {
        let app = losing(App::sqlite(), "a2");
        if revision.contains(':') {
            app.shed(["migrate", revision]).stderr_has("FAILED: Range revision not allowed").fails(2);
            continue;
        }
        lost(&app, &["migrate", revision], "a3", "a2");
    }
}

#[test]
fn a_loss_is_seen_on_every_engine_and_alembic_upwards_downwards_and_by_stamp() {
    for app in App::everywhere() {
        let app = losing(app, "a2");
        lost(&app, &["migrate", "a3"], "a3", "a2");
        lost(&app, &["downgrade", "-1", "--yes"], "a1", "a2");
        lost(&app, &["downgrade", "a1", "--yes"], "a1", "a2");
        lost(&app, &["stamp", "a1"], "a1", "a2");
        lost(&app, &["stamp", "head"], "a3", "a2");
        assert_eq!(app.db.columns("person"), ["id", "name"]);
    }
}

#[test]
fn a_loss_at_base_is_seen_from_it_and_to_it() {
    for app in App::everywhere() {
        let app = losing(app, "a1");
        lost(&app, &["downgrade", "base", "--yes"], "base", "a1");
        app.write("hooks.py", "");
        app.shed(["downgrade", "base", "--yes"]).any_stderr().ok();
        app.write("hooks.py", LOSING);
        lost(&app, &["migrate", "a1"], "a1", "base");
    }
}

#[test]
fn a_loss_among_several_heads_names_all_of_them() {
    for app in App::everywhere() {
        let app = losing(app, "a2").two_heads();
        lost(&app, &["migrate", "b1"], "b1", "a2");
        // One transaction holds the steps to both.
        let at_the_end = LOSING.replace("    ctx", "    if len(heads) == 2:\n        ctx");
        app.write("hooks.py", &at_the_end);
        lost(&app, &["migrate", "heads"], "a3, b1", "a2");
        app.write("hooks.py", "");
        app.shed(["migrate", "heads"]).any_stderr().ok();
        app.write("hooks.py", LOSING);
        app.add_revision("b2", "b1", "pass");
        lost(&app, &["migrate", "heads"], "a3, b2", "a3, b1");
        lost(&app, &["stamp", "b2"], "a3, b2", "a3, b1");
    }
}

#[test]
fn rows_that_are_written_past_alembic_are_a_loss_too() {
    let app = losing(App::sqlite(), "a2");
    app.write(
        "hooks.py",
        "def on_version_apply(ctx, step, heads, run_args):\n    ctx.connection.exec_driver_sql(\"update alembic_version set version_num = 'a1'\")\n",
    );
    lost(&app, &["migrate"], "a3", "a1");
}

#[test]
fn a_database_in_memory_is_looked_at_over_its_own_connection() {
    for environment in [NEW, OLD] {
        let repo = Repo::new();
        let db = repo.sqlite(":memory:");
        let app = App::with(repo, db).on(environment).keys("hooks: hooks.py");
        app.write("shed.yaml", &app.read("shed.yaml").replace(&app.db.name(), ":memory:"));
        app.write("hooks.py", "");
        app.shed(["migrate"]).stderr_has("app.main: now at a3 (head)\n").ok();
        app.write("hooks.py", &LOSING.replace("    ctx", "    if 'a3' in heads:\n        ctx"));
        loss(&app, &["migrate"], "a3", "base");
    }
}

#[test]
fn a_loss_is_a_document_too_and_stops_the_targets_that_follow() {
    let app = losing(App::sqlite(), "a2");
    let said = app.shed(["migrate", "--all", "--format", "json"]).any_stdout().any_stderr().fails(5);
    let said: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    let error = &said["results"][0]["error"];
    assert_eq!((&said["results"][0]["target"], &error["code"]), (&"app.main".into(), &5.into()), "{said}");
    assert_eq!(error["detail"], "  expected a3, found a2\n  the database is at a2");
}

/// Plain Alembic says `Running upgrade` and exit code 0 here.
#[test]
fn an_own_env_py_that_never_commits_is_found_out() {
    for app in [App::sqlite(), App::sqlite().on(OLD), App::postgres()] {
        let app = app.keys("env_py: own/env.py");
        // Without tables, which SQLite's driver would commit by itself.
        for (id, after) in [("a2", "a1"), ("a3", "a2")] {
            app.add_revision(id, after, "pass");
        }
        app.write("own/env.py", &NEVER_COMMITS.replace("text('select 1'))", "text('select 1')); connection.commit()"));
        app.shed(["migrate", "a2"]).any_stdout().stderr_has("app.main: now at a2\n").ok();
        app.write("own/env.py", NEVER_COMMITS);
        for revision in ["head", "heads", "a3", "+1"] {
            loss(&app, &["migrate", revision], "a3", "a2");
        }
        for revision in ["a1", "-1"] {
            loss(&app, &["downgrade", revision, "--yes"], "a1", "a2");
        }
        loss(&app, &["downgrade", "base", "--yes"], "base", "a2");
        loss(&app, &["stamp", "head"], "a3", "a2");
        let said = loss(&app, &["stamp", "a1"], "a1", "a2").stderr;
        let cure = "help: look for a statement before context.configure() in $REPO/own/env.py, ";
        assert!(said.contains(cure), "{said}");
        assert_eq!(app.db.revisions(), ["a2"]);
    }
}

/// A project whose hooks lose whatever is done from now on.
fn losing(app: App, at: &str) -> App {
    let app = app.keys("hooks: hooks.py");
    app.write("hooks.py", "");
    let app = app.migrated(at);
    app.write("hooks.py", LOSING);
    app
}

/// [`loss`], and the database is still where it was.
#[track_caller]
fn lost(app: &App, args: &[&str], expected: &str, found: &str) {
    loss(app, args, expected, found);
    assert_eq!(app.db.revisions(), if found == "base" { Vec::new() } else { found.split(", ").collect::<Vec<_>>() });
}

/// Exit code 5, and the error names what was expected and what was found.
#[track_caller]
fn loss(app: &App, args: &[&str], expected: &str, found: &str) -> Output {
    app.shed(args)
        .any_stdout()
        .stderr_has(format!("yet the database is at {found} instead of {expected}: "))
        .stderr_has(format!("\n  expected {expected}, found {found}\n  the "))
        .fails(5)
}
