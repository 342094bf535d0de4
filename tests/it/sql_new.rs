//! `format: sql`: new files, empty and from the models.

use crate::sql_app::SqlApp;

const MODELS: &str = r#"
import sqlalchemy as sa

metadata = sa.MetaData(naming_convention={
    "fk": "fk_%(table_name)s_%(column_0_name)s", "ix": "ix_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
})
person = sa.Table(
    "person", metadata, sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(50), nullable=False, server_default="50%"),
)
pet = sa.Table(
    "pet", metadata, sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("owner_id", sa.Integer, sa.ForeignKey("person.id"), nullable=False),
)
"#;

const CHANGED: &str = r#"
import sqlalchemy as sa

metadata = sa.MetaData(naming_convention={
    "fk": "fk_%(table_name)s_%(column_0_name)s", "ix": "ix_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
})
person = sa.Table(
    "person", metadata, sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.Text, nullable=True, server_default="50%", index=True),
    sa.Column("email", sa.String(80), unique=True),
)
pet = sa.Table("pet", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("owner_id", sa.Integer))
"#;

/// The text of the newest file.
fn newest(app: &SqlApp) -> String {
    app.read(&format!("migrations/{}", app.files("migrations").pop().unwrap()))
}

#[test]
fn an_empty_file_is_dbmates_and_needs_no_python() {
    let app = SqlApp::sqlite();
    app.keys("python: ./nowhere");
    let said = app.shed(["new", "-m", "Create users"]).any_stdout().ok().stdout;
    let [name] = app.files("migrations").try_into().unwrap();
    assert_eq!(said, format!("Creating migration: $REPO/migrations/{name}\n"));
    let (version, rest) = name.split_at(14);
    assert!(version.bytes().all(|byte| byte.is_ascii_digit()) && rest == "_create_users.sql", "{name}");
    assert_eq!(newest(&app), "-- migrate:up\n\n\n-- migrate:down\n\n");
    // Within the same second, and with a version of one's own.
    app.shed(["new", "-m", "second"]).any_stdout().ok();
    assert_eq!(app.files("migrations").len(), 2);
    app.shed(["revision", "app", "-m", "own", "--rev-id", "9"]).stdout_has("/migrations/9_own.sql").ok();
    app.shed(["new", "--rev-id", "9"]).stderr_has("there is a file with the version 9 already").fails(2);
    app.shed(["new", "--rev-id", "x9"]).stderr_has("is its version: digits, not `x9`").fails(2);
    app.shed(["new", "--rev-id", "8", "-m", "early"])
        .any_stdout()
        .stderr_has("warning: app: 8_early.sql comes before 9_own.sql, by its name\n")
        .ok();
    app.shed(["new", "--splice"]).stderr_has("--splice is for Python revisions").fails(2);
    app.shed(["new", "-m", "x", "--dry-run"]).stdout("-- migrate:up\n\n\n-- migrate:down\n\n").ok();
    assert_eq!(app.files("migrations").len(), 4);
}

#[test]
fn both_blocks_come_from_the_models_and_lead_there_and_back() {
    for app in SqlApp::everywhere() {
        app.keys("module: models.py\nversions: migrations");
        app.write("models.py", MODELS);
        app.shed(["new", "app", "-m", "First", "--auto"]).any_stdout().any_stderr().ok();
        let text = newest(&app);
        assert!(
            text.starts_with("-- migrate:up\n-- Auto-generated migration: First\n\nCREATE TABLE person ("),
            "{text}"
        );
        assert!(
            text.contains("DEFAULT '50%'")
                && text.ends_with("-- migrate:down\n-- Rollback: First\n\nDROP TABLE pet;\n\nDROP TABLE person;\n"),
            "{text}"
        );
        app.migrate();
        app.shed(["check", "app"]).any_stdout().any_stderr().ok();
        app.shed(["models", "app", "--list"]).stdout("person\npet\n").ok();
        app.shed(["diff", "app"]).stdout("app.main is like the models\n").ok();
        app.shed(["new", "app", "-m", "none", "--auto"])
            .stderr_has("app.main: no differences; no migration was written\n")
            .ok();
        app.shed(["new", "app", "-m", "none", "--auto", "--exit-code"]).any_stderr().fails(1);
        app.db.execute("insert into person(id, name) values (1, 'x'); insert into pet(id, owner_id) values (1, 1)");

        app.write("models.py", CHANGED);
        app.shed(["check", "app"]).any_stdout().any_stderr().fails(1);
        let first = app.shed(["new", "app", "-m", "Then", "--auto", "--dry-run"]).any_stdout().any_stderr().ok().stdout;
        let again = app.shed(["new", "app", "-m", "Then", "--auto", "--dry-run"]).any_stdout().any_stderr().ok().stdout;
        assert_eq!(first, again);
        app.shed(["new", "app", "-m", "Then", "--auto", "--rev-id", "30000101000000"]).any_stdout().any_stderr().ok();
        assert_eq!(newest(&app), first);
        app.migrate();
        app.shed(["check", "app"]).any_stdout().any_stderr().ok();
        assert_eq!(app.db.rows("select name from person").trim(), "x");
        app.shed(["rollback", "app", "--yes"]).any_stderr().ok();
        app.write("models.py", MODELS);
        // The database is as the first file made it; nothing is pending but the second.
        app.remove("migrations/30000101000000_then.sql");
        app.shed(["check", "app"]).any_stdout().any_stderr().ok();
        app.shed(["downgrade", "app", "base", "--yes"]).any_stderr().ok();
        assert_eq!(app.held(), ["schema_migrations"]);
    }
}

#[test]
fn other_models_can_be_named_and_what_is_pending_comes_first() {
    let app = SqlApp::sqlite();
    app.write("other.py", MODELS);
    app.write("data/.keep", "");
    app.shed(["new", "app", "-m", "x", "--auto"]).stderr_has("has no `module`").fails(2);
    app.shed(["new", "app", "-m", "x", "--auto", "--models", app.path("other.py").to_str().unwrap()])
        .any_stdout()
        .any_stderr()
        .ok();
    assert!(newest(&app).contains("CREATE TABLE person ("));
    app.shed(["new", "app", "-m", "y", "--auto", "--models", app.path("other.py").to_str().unwrap()])
        .any_stdout()
        .stderr_has("Target database is not up to date.")
        .fails(2);
}

#[test]
fn enum_types_are_made_once_and_dropped_by_who_made_them() {
    let models = |more: &str| {
        format!(
            "import sqlalchemy as sa\nfrom sqlalchemy.dialects import postgresql as pg\nmetadata = sa.MetaData()\n\
             a = sa.Table('a', metadata, sa.Column('id', sa.Integer, primary_key=True),\n    \
             sa.Column('j', pg.JSONB, server_default=sa.text(\"'\\\"50%\\\"'::jsonb\")),\n    \
             sa.Column('k', sa.Enum('x', 'y', name='kind')){more}\n"
        )
    };
    let one = models(")");
    let two = models(
        ", sa.Column('l', sa.Enum('x', \"y'\", name='Kind2')))\n\
         b = sa.Table('b', metadata, sa.Column('k', sa.Enum('x', 'y', name='kind')))",
    );
    for app in SqlApp::everywhere().into_iter().filter(|app| !app.db.name().starts_with('/')) {
        app.keys("module: models.py\nversions: migrations");
        let types = "select string_agg(typname, ' ' order by typname) from pg_type where typtype = 'e'";
        for (models, file) in [(&one, "1"), (&two, "2")] {
            app.write("models.py", models);
            app.shed(["new", "app", "--auto", "--rev-id", file]).any_stdout().any_stderr().ok();
            app.migrate();
            app.shed(["check", "app"]).any_stdout().any_stderr().ok();
        }
        assert_eq!(app.db.rows(types).trim(), "Kind2 kind");
        assert!(app.read("migrations/1.sql").contains("DEFAULT '\"50%\"'::jsonb"), "{}", app.read("migrations/1.sql"));
        app.shed(["downgrade", "app", "base", "--yes"]).any_stderr().ok();
        assert_eq!(app.db.rows(types).trim(), "");
        app.migrate();
        app.shed(["check", "app"]).any_stdout().any_stderr().ok();
    }
}
