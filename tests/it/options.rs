//! Keys that change what Alembic sees: filters, schemas, hooks, connections.

use serde_json::json;

use crate::app::App;
use crate::cluster::cluster;
use crate::repo::{OLD, Repo};

const IN_STEP: &str = "No new upgrade operations detected.\n";

/// Puts more keys into the database's own entry.
fn database_keys(app: &App, keys: serde_json::Value) {
    app.write("shed.yaml", &app.read("shed.yaml").replace(&app.db.settings(), &app.db.settings_with(keys)));
}

#[test]
fn excluded_tables_are_neither_added_nor_dropped() {
    for app in App::everywhere() {
        let app = app.keys("exclude_tables: [toy, \"old_*\"]").migrated("head");
        app.drift();
        app.db.execute("create table old_one (id integer)");
        app.shed(["check"]).stdout(IN_STEP).any_stderr().ok();
        app.db.execute("create table new_one (id integer)");
        app.shed(["check"]).any_stderr().any_stdout().fails(1);
    }
}

#[test]
fn included_tables_alone_are_looked_at() {
    for app in App::everywhere() {
        let app = app.keys("include_tables: [\"p*\"]").migrated("head");
        app.drift();
        app.db.execute("create table foreign_one (id integer)");
        app.shed(["check"]).stdout(IN_STEP).any_stderr().ok();
        app.db.execute("create table pony (id integer)");
        app.shed(["check"]).any_stderr().any_stdout().fails(1);
    }
}

#[test]
fn a_hooks_module_filters_and_sees_each_step() {
    let hooks = "def include_object(obj, name, type_, reflected, compare_to):
    return name != 'toy'

def on_version_apply(ctx=None, step=None, heads=None, run_args=None, **kw):
    open('applied.txt', 'a').write(step.up_revision_id + '\\n')
";
    for app in App::everywhere() {
        let app = app.keys("hooks: hooks.py");
        app.write("hooks.py", hooks);
        let app = app.migrated("head");
        assert_eq!(app.read("applied.txt"), "a1\na2\na3\n");
        app.drift();
        app.shed(["check"]).stdout(IN_STEP).any_stderr().ok();
    }
}

#[test]
fn plain_keywords_reach_configure() {
    for app in App::everywhere() {
        let app = app.keys("configure: { compare_type: false }").migrated("head");
        app.write("app/models.py", &app.read("app/models.py").replace("String(80)", "String(100)"));
        app.shed(["check"]).stdout(IN_STEP).any_stderr().ok();
        let app = app.keys("configure: { compare_type: true }");
        app.shed(["check"]).any_stdout().any_stderr().fails(1);
    }
}

#[test]
fn the_version_table_may_have_another_name_and_a_schema_that_is_made() {
    for app in [App::postgres(), App::postgres().on(OLD)] {
        database_keys(&app, json!({ "version_table": "versions", "version_table_schema": "meta data" }));
        app.shed(["migrate"]).any_stderr().ok();
        assert_eq!(app.db.rows("select version_num from \"meta data\".versions"), "a3\n");
        app.shed(["check"]).stdout(IN_STEP).any_stderr().ok();
        app.shed(["current"]).stdout("a3 (head)\n").any_stderr().ok();
    }
    let app = App::postgres();
    database_keys(&app, json!({ "version_table_schema": "public" }));
    app.shed(["migrate"]).any_stderr().ok();
    app.shed(["check"]).stdout(IN_STEP).any_stderr().ok();
}

#[test]
fn a_schema_is_the_search_path() {
    for app in [App::postgres(), App::postgres().on(OLD)] {
        app.db.execute("create schema tenant");
        database_keys(&app, json!({ "schema": "tenant" }));
        app.shed(["migrate"]).any_stderr().ok();
        assert_eq!(
            app.db.rows(
                "select string_agg(tablename, ' ' order by tablename) from pg_tables where schemaname = 'tenant'"
            ),
            "alembic_version person pet\n"
        );
        app.shed(["check"]).stdout(IN_STEP).any_stderr().ok();
    }
}

#[test]
fn several_schemas_are_compared() {
    let models = "import sqlalchemy as sa\nmetadata = sa.MetaData()\nsa.Table('t', metadata, sa.Column('id', sa.Integer, primary_key=True), schema='extra')\n";
    let app = App::postgres().without_revisions().keys("schemas: [public, extra]");
    app.write("app/models.py", models);
    app.db.execute("create schema extra; create schema other; create table other.unseen (id integer)");
    app.shed(["revision", "--autogenerate", "-m", "x", "--rev-id", "a1"]).any_stdout().any_stderr().ok();
    assert!(!app.read("app/versions/a1_x.py").contains("unseen"));
    app.shed(["migrate"]).any_stderr().ok();
    app.shed(["check"]).stdout(IN_STEP).any_stderr().ok();
}

#[test]
fn a_schema_that_sqlite_lacks_is_translated() {
    let models = "import sqlalchemy as sa\nmetadata = sa.MetaData()\nsa.Table('t', metadata, sa.Column('id', sa.Integer, primary_key=True), schema='extra')\n";
    let app = App::sqlite().without_revisions().keys("schema_translate_map: { extra: null }");
    app.write("app/models.py", models);
    app.shed(["revision", "-m", "x", "--rev-id", "a1"]).any_stdout().any_stderr().ok();
    let text = app
        .read("app/versions/a1_x.py")
        .replace("pass", "op.create_table('t', sa.Column('id', sa.Integer, primary_key=True), schema='extra')");
    app.write("app/versions/a1_x.py", &text);
    app.shed(["migrate"]).any_stderr().ok();
    assert_eq!(app.db.tables(), ["alembic_version", "t"]);
}

#[test]
fn sql_at_connect_is_committed() {
    for app in [App::postgres(), App::postgres().on(OLD)] {
        database_keys(&app, json!({ "on_connect": ["create schema if not exists made", "set search_path = made"] }));
        app.shed(["migrate"]).any_stderr().ok();
        assert_eq!(app.db.rows("select count(*) from pg_tables where schemaname = 'made'"), "3\n");
    }
}

#[test]
fn the_tables_of_extensions_are_ignored() {
    let app = App::postgres().migrated("head");
    app.db.execute("create table spatial_ref_sys (srid integer primary key)");
    app.shed(["check"]).stdout(IN_STEP).any_stderr().ok();
}

#[test]
fn versions_may_differ_by_engine() {
    let repo = Repo::new()
        .settings(&format!(
            "projects:\n  app:\n    versions: {{ sqlite: v/lite, postgres: v/pg }}\n    db: {{ a: {{ connection: {{ db_path: a.db }} }}, b: {} }}\n",
            cluster().database().settings()
        ))
        .revision("v/lite", "l1", "", "", "")
        .revision("v/pg", "p1", "", "", "");
    repo.shed(["heads", "app.a"]).stdout("l1 (head)\n").any_stderr().ok();
    repo.shed(["heads", "app.b"]).stdout("p1 (head)\n").any_stderr().ok();
}

#[test]
fn without_transactions_a_migration_may_vacuum() {
    for app in App::on_both_alembics() {
        let app = app.keys("transactional: false").migrated("head");
        app.add_revision("a4", "a3", "op.execute('vacuum')");
        app.shed(["migrate"]).any_stderr().ok();
        assert_eq!(app.db.revisions(), ["a4"]);
    }
    let app = App::sqlite().migrated("head");
    app.add_revision("a4", "a3", "op.execute('vacuum')");
    app.shed(["migrate"]).stderr_has("transactional: false").fails(5);
}

#[test]
fn x_arguments_and_tags_reach_the_migration() {
    for app in App::on_both_alembics() {
        app.add_revision("a4", "a3", "from alembic import context\nopen('seen.txt', 'w').write(repr((context.get_x_argument(as_dictionary=True), context.get_tag_argument())))");
        app.shed(["migrate", "-x", "color=red", "--tag", "t1"]).any_stderr().ok();
        assert_eq!(app.read("seen.txt"), "({'color': 'red'}, 't1')");
    }
}

#[test]
fn what_a_migration_prints_goes_through() {
    let app = App::sqlite().migrated("head");
    app.add_revision("a4", "a3", "import sys\nprint('to stdout')\nprint('to stderr', file=sys.stderr)");
    app.shed(["migrate"]).stdout("to stdout\n").stderr_has("to stderr\n").ok();
}
