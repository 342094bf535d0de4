//! Alembic's and SQLAlchemy's traps: each test fails without its cure.

use crate::app::App;
use crate::cluster::cluster;
use crate::repo::{OLD, PROJECTS, Repo};

#[test]
fn a_migration_that_commits_loses_nothing_of_what_follows() {
    for app in App::everywhere() {
        app.add_revision("a4", "a3", "op.get_bind().commit()");
        app.add_revision("a5", "a4", "op.create_table('late', sa.Column('id', sa.Integer))");
        app.shed(["migrate"]).any_stderr().ok();
        assert_eq!(app.db.revisions(), ["a5"]);
        assert!(app.db.tables().contains(&"late".to_owned()));
    }
}

#[test]
fn a_migration_that_rolls_back_its_transaction_is_not_called_done() {
    for app in App::everywhere() {
        app.add_revision("a4", "a3", "op.get_bind().rollback()");
        app.shed(["migrate"]).stderr_has("app.main").fails(5);
    }
}

#[test]
fn a_failed_migration_on_sqlite_leaves_nothing_half_done() {
    for app in [App::sqlite(), App::sqlite().on(OLD), App::postgres()] {
        let app = app.migrated("a1");
        app.add_revision("a4", "a3", "op.create_table('half', sa.Column('id', sa.Integer))\nop.execute('nonsense')");
        let said = app.shed(["migrate"]).stderr_has("a4").stderr_has("a4_.py").stderr_has("nonsense").fails(5);
        assert!(said.stderr.lines().count() < 30, "{}", said.stderr);
        assert_eq!(
            (app.db.revisions(), app.db.tables()),
            (vec!["a1".into()], vec!["alembic_version".into(), "person".into()])
        );
    }
}

#[test]
fn foreign_keys_are_off_during_a_batch_and_checked_before_the_commit() {
    for app in App::on_both_alembics() {
        let app = app.migrated("head");
        app.db.execute("insert into person values (1, 'Ann', null); insert into pet values (1, 1)");
        app.add_revision("a4", "a3", "with op.batch_alter_table('person', recreate='always') as batch:\n    batch.alter_column('name', new_column_name='title')");
        app.shed(["migrate"]).any_stderr().ok();
        assert_eq!(app.db.rows("select count(*) from pet"), "1\n");
        app.add_revision("a5", "a4", "op.execute('delete from person')");
        app.shed(["migrate"]).stderr_has("foreign key").fails(5);
        assert_eq!((app.db.revisions(), app.db.rows("select count(*) from person")), (vec!["a4".into()], "1\n".into()));
    }
}

#[test]
fn an_autocommit_block_works_on_both_engines() {
    for app in App::everywhere() {
        app.add_revision(
            "a4",
            "a3",
            "with op.get_context().autocommit_block():\n    op.execute('create index i on person (name)')",
        );
        app.shed(["migrate"]).any_stderr().ok();
        assert_eq!(app.db.revisions(), ["a4"]);
    }
}

#[test]
fn a_long_revision_id_fits() {
    let id = "a_revision_of_thirty_eight_characters_";
    for app in [App::postgres(), App::postgres().on(OLD), App::postgres().migrated("head")] {
        app.add_revision(id, "a3", "pass");
        app.shed(["migrate"]).any_stderr().ok();
        assert_eq!(app.db.revisions(), [id]);
    }
}

#[test]
fn two_projects_share_a_database_with_a_version_table_each() {
    let (repo, db) = (Repo::new(), cluster().database());
    let project = |name: &str| {
        format!(
            "  {name}:\n    module: {name}/models.py\n    version_table: {name}_version\n    db: {{ main: {} }}\n",
            db.settings()
        )
    };
    let repo = repo.settings(&format!("projects:\n{}{}", project("one"), project("two")));
    for name in ["one", "two"] {
        repo.write(
            &format!("{name}/models.py"),
            &format!("import sqlalchemy as sa\nmetadata = sa.MetaData()\nt = sa.Table('{name}', metadata, sa.Column('id', sa.Integer, primary_key=True))\n"),
        );
    }
    for name in ["one", "two"] {
        repo.shed(["revision", name, "--autogenerate", "-m", "x", "--rev-id", &format!("{name}1")])
            .any_stdout()
            .any_stderr()
            .run();
    }
    let text = std::fs::read_to_string(repo.path("two/versions").join(&repo.files("two/versions")[0])).unwrap();
    assert!(text.contains("create_table('two'") && !text.contains("one_version"), "{text}");
    for name in ["one", "two"] {
        repo.shed(["migrate", name]).any_stderr().ok();
    }
    assert_eq!(db.tables(), ["one", "one_version", "two", "two_version"]);
}

#[test]
fn a_project_without_a_module_migrates() {
    for app in App::everywhere() {
        app.write("shed.yaml", &app.read("shed.yaml").replace("module: app/models.py", "versions: app/versions"));
        app.shed(["migrate"]).any_stderr().ok();
        assert_eq!(app.db.revisions(), ["a3"]);
        app.shed(["check"]).stderr_has("module").fails(2);
        app.shed(["revision", "--autogenerate", "-m", "x"]).stderr_has("module").fails(2);
    }
}

#[test]
fn the_driver_that_is_installed_is_taken() {
    for environment in ["new", OLD, PROJECTS] {
        let app = App::postgres().on(environment);
        app.shed(["migrate"]).any_stderr().ok();
        assert_eq!(app.db.revisions(), ["a3"]);
    }
}

#[test]
fn an_async_driver_works() {
    for (app, driver) in [(App::postgres(), "asyncpg"), (App::postgres(), "pg8000"), (App::sqlite(), "aiosqlite")] {
        let entry = app.db.settings_with(serde_json::json!({ "driver": driver }));
        app.write("shed.yaml", &app.read("shed.yaml").replace(&app.db.settings(), &entry));
        app.shed(["migrate"]).any_stderr().ok();
        app.shed(["check"]).stdout("No new upgrade operations detected.\n").any_stderr().ok();
        assert_eq!(app.db.revisions(), ["a3"]);
    }
}

#[test]
fn a_database_in_memory_is_migrated_and_checked_in_one_process() {
    for environment in ["new", OLD] {
        let app = App::sqlite().on(environment);
        app.write(
            "shed.yaml",
            &app.read("shed.yaml").replace(&app.path("data/app.db").display().to_string(), ":memory:"),
        );
        app.shed(["migrate"]).any_stderr().ok();
        app.shed(["current"]).stdout("a3 (head)\n").any_stderr().ok();
        app.shed(["check"]).stdout("No new upgrade operations detected.\n").any_stderr().ok();
        app.drift();
        app.shed(["check"]).stdout("add table toy\n").any_stderr().fails(1);
        app.shed(["revision", "--autogenerate", "-m", "toy"]).any_stdout().any_stderr().ok();
        assert_eq!(app.files("app/versions").len(), 4);
        assert_eq!(app.files("").iter().filter(|file| file.contains("memory")).count(), 0);
    }
}

#[test]
fn the_run_s_url_reaches_the_models_under_their_name() {
    let app = App::sqlite().keys("env: { APP_URL: \"{url}\", APP_MODE: test }");
    let guard = "import os\nassert os.environ['APP_URL'].startswith('sqlite:'), os.environ['APP_URL']\nassert os.environ['APP_MODE'] == 'test'\n";
    app.write("app/models.py", &(guard.to_owned() + &app.read("app/models.py")));
    app.shed(["migrate"]).any_stderr().ok();
}

#[test]
fn autogenerate_that_finds_nothing_writes_nothing() {
    for app in App::everywhere() {
        let app = app.migrated("head");
        app.shed(["revision", "--autogenerate", "-m", "x"]).stderr_has("no").ok();
        app.shed(["revision", "--autogenerate", "-m", "x", "--exit-code"]).any_stderr().fails(1);
        assert_eq!(app.files("app/versions"), ["a1_.py", "a2_.py", "a3_.py"]);
        app.shed(["revision", "--autogenerate", "-m", "x", "--allow-empty"]).any_stdout().any_stderr().ok();
        assert_eq!(app.files("app/versions").len(), 4);
    }
}

#[test]
fn a_dry_run_begins_at_the_current_revision_and_changes_nothing() {
    for app in App::everywhere() {
        let app = app.migrated("a2");
        let said =
            app.shed(["migrate", "--dry-run"]).stdout_has("ALTER TABLE person ADD COLUMN email").any_stderr().ok();
        assert!(!said.stdout.contains("CREATE TABLE person"), "{}", said.stdout);
        assert_eq!(app.db.revisions(), ["a2"]);
    }
}

#[test]
fn a_migration_tells_its_steps_and_where_it_arrived() {
    for app in App::everywhere() {
        app.shed(["migrate"]).stderr("...\n[..]a1[..]\n[..]a2[..]\n[..]a3[..]\napp.main: now at a3 (head)\n").ok();
        app.shed(["migrate"]).stderr("app.main: [..]\napp.main: now at a3 (head)\n").ok();
        app.shed(["-q", "downgrade", "base", "--yes"]).ok();
    }
}
