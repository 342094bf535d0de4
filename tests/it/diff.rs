//! `diff`: a database against the models, or against another database.

use serde_json::{Value, json};

use crate::app::App;
use crate::cluster::cluster;
use crate::database::Database;
use crate::repo::{NEW, OLD, Repo};

const CLEAN: &str = "No new upgrade operations detected.\n";

/// Models that the database must be changed for in every way that SQLite and PostgreSQL both know.
const CHANGED: &str = r#"
import enum
from sqlalchemy import CheckConstraint, Enum, ForeignKey, Index, MetaData, String, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Color(enum.Enum):
    red = "red"
    blue = "blue"


class Person(Base):
    __tablename__ = "person"
    __table_args__ = (UniqueConstraint("name"), Index("ix_person_mail", "mail"))

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None] = mapped_column(String(60))
    mail: Mapped[str | None] = mapped_column(String(80), server_default="50%")
    friend_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    color: Mapped[Color | None] = mapped_column(Enum(Color, name="color"))


class Toy(Base):
    __tablename__ = "toy"

    id: Mapped[int] = mapped_column(primary_key=True)
    color: Mapped[Color] = mapped_column(Enum(Color, name="color"))
    owner_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
"#;

fn say(repo: &Repo, args: &[&str], code: i32) -> Value {
    let said = repo.shed(args).args(["--format", "json"]).any_stdout().any_stderr().fails(code);
    serde_json::from_str(&said.stdout).unwrap()
}

/// As a file would be; an argument that begins with `--` is an option to sqlite3.
fn carry_out(database: &Database, sql: &str) {
    database.execute(&format!("\n{sql}"));
}

#[test]
fn what_the_models_have_more_is_told_and_nothing_is_made() {
    for app in App::everywhere() {
        let app = app.migrated("head");
        app.shed(["diff"]).stdout("app.main is like the models\n").ok();
        app.drift();
        let before = app.db.rows("select version_num from alembic_version");
        app.shed(["diff", "app"]).stdout("to make app.main like the models:\nadd table toy\n").ok();
        app.shed(["diff", "app", "--exit-code"]).stdout("to make app.main like the models:\nadd table toy\n").fails(1);
        let found = say(&app, &["diff"], 0);
        assert_eq!((&found["other"], &found["in_order"]), (&Value::Null, &json!(false)));
        assert_eq!(
            (&found["differences"][0]["kind"], &found["differences"][0]["table"]),
            (&json!("add_table"), &json!("toy"))
        );
        assert_eq!(app.db.tables(), ["alembic_version", "person", "pet"]);
        assert_eq!(app.db.rows("select version_num from alembic_version"), before);
    }
}

#[test]
fn a_database_that_is_behind_or_empty_is_compared_as_it_is() {
    for app in App::everywhere() {
        let text = "to make app.main like the models:\nadd table person\nadd table pet\n";
        app.shed(["diff"]).stdout(text).any_stderr().ok();
        assert_eq!(app.db.tables(), [""; 0]);
        let app = app.migrated("a2");
        app.shed(["diff"]).stdout("to make app.main like the models:\nadd column person.email (VARCHAR(80))\n").ok();
    }
}

#[test]
fn the_sql_carried_out_makes_check_clean() {
    for app in App::everywhere() {
        let app = app.migrated("head");
        app.db.execute("insert into person (id, name) values (1, 'Ada'), (2, 'Bob')");
        app.write("app/models.py", CHANGED);
        let sql = app.shed(["diff", "--sql"]).any_stdout().any_stderr().ok().stdout;
        assert!(sql.starts_with("-- to make app.main like the models:\n"), "{sql}");
        assert_eq!(sql, app.shed(["diff", "--sql"]).any_stdout().any_stderr().ok().stdout);
        carry_out(&app.db, &sql);
        app.shed(["check"]).stdout(CLEAN).any_stderr().ok();
        app.shed(["diff", "--sql"]).stdout("-- app.main is like the models\n").any_stderr().ok();
        assert_eq!(app.db.rows("select id, name from person order by id"), "1|Ada\n2|Bob\n");
        app.db.execute("insert into person (id, name) values (3, 'Eve')");
        assert_eq!(app.db.rows("select mail from person where id = 3"), "50%\n");
    }
}

#[test]
fn one_database_is_compared_with_another_and_the_sql_makes_them_alike() {
    let sqlite = |environment| {
        let repo = Repo::new().on(environment);
        let (one, two) = (repo.sqlite("one.db"), repo.sqlite("two.db"));
        (repo, one, two)
    };
    let postgres = || (Repo::new(), cluster().database(), cluster().database());
    for (repo, one, two) in [sqlite(NEW), sqlite(OLD), postgres()] {
        let repo = repo.settings(&two_databases(&one, &two));
        let common = "create table kept (id integer primary key, name varchar(20) not null); create table alembic_version (version_num varchar(32) primary key);";
        one.execute(&format!("{common} create table old (id integer primary key, kept_id integer references kept (id)); create index ix_old on old (kept_id); create table older (id integer primary key, old_id integer references old (id));"));
        two.execute(&format!(
            "{common} alter table kept add column age integer default 7; create unique index ix_kept on kept (name); \
             create table fresh (id integer primary key, kept_id integer not null references kept (id), unique (kept_id));"
        ));
        let text = "to make app.one like app.two:\n";
        let said = repo.shed(["diff", "app.one", "app.two"]).any_stdout().ok().stdout;
        assert!(said.starts_with(text), "{said}");
        let mut lines: Vec<_> = said.lines().skip(1).collect();
        lines.sort_unstable();
        let expected = [
            "add column kept.age (INTEGER)",
            "add index ix_kept on kept (name)",
            "add table fresh",
            "drop index ix_old on old (kept_id)",
            "drop table old",
            "drop table older",
        ];
        assert_eq!(lines, expected);
        let found = say(&repo, &["diff", "app.one", "app.two", "--exit-code"], 1);
        assert_eq!((&found["target"], &found["other"]), (&json!("app.one"), &json!("app.two")));
        let back = repo.shed(["diff", "app.two", "app.one"]).any_stdout().ok().stdout;
        assert!(back.contains("add table older\n") && back.contains("drop column kept.age (INTEGER)\n"), "{back}");
        one.execute("insert into kept (id, name) values (1, 'x')");
        let sql = repo.shed(["diff", "app.one", "app.two", "--sql"]).any_stdout().ok().stdout;
        carry_out(&one, &sql);
        repo.shed(["diff", "app.one", "app.two", "--exit-code"]).stdout("app.one is like app.two\n").ok();
        assert_eq!(one.tables(), ["alembic_version", "fresh", "kept"]);
        assert_eq!(one.rows("select id, name, age from kept"), "1|x|7\n");
    }
}

fn two_databases(one: &Database, two: &Database) -> String {
    format!("projects:\n  app: {{ versions: v, db: {{ one: {}, two: {} }} }}\n", one.settings(), two.settings())
}

#[test]
fn what_only_postgresql_has_is_carried_over_too() {
    let (repo, one, two) = (Repo::new(), cluster().database(), cluster().database());
    let repo = repo.settings(&two_databases(&one, &two));
    one.execute("create type mood as enum ('good', 'bad'); create table a (id serial primary key, note varchar(10))");
    two.execute(
        "create type mood as enum ('good', 'bad'); create type size as enum ('s', 'l'); \
         create domain small as integer check (value < 10); \
         create table a (id serial primary key, note text not null default 'none', how mood, big size); \
         create table b (id bigserial primary key, how mood default 'good', big size, tags text[], moods mood[], few small, at timestamptz default now()); \
         create index ix_b on b (lower(tags[1])) where id > 5; comment on column b.at is 'it''s 5%'; \
         create table c (id integer generated always as identity primary key, twice integer generated always as (7 * 2) stored, \
         a_id integer references a on delete cascade deferrable, price numeric(8, 2) check (price > 0))",
    );
    let sql = repo.shed(["diff", "app.one", "app.two", "--sql"]).any_stdout().any_stderr().ok().stdout;
    carry_out(&one, &sql);
    repo.shed(["diff", "app.one", "app.two", "--exit-code"]).stdout("app.one is like app.two\n").any_stderr().ok();
    one.execute("insert into b (how) values ('bad'); insert into a (note) values ('x')");
}

#[test]
fn tenants_in_schemas_of_one_database_are_compared() {
    let db = cluster().database();
    db.execute("create schema t1; create schema t2; create table t1.x (id integer primary key); create table t2.x (id integer primary key, more text)");
    let of = |schema: &str| db.settings_with(json!({ "schema": schema }));
    let repo = Repo::new().settings(&format!(
        "projects:\n  app: {{ versions: v, db: {{ one: {}, two: {} }} }}\n",
        of("t1"),
        of("t2")
    ));
    let said = repo.shed(["diff", "app.one", "app.two"]).any_stdout().ok().stdout;
    assert_eq!(said, "to make app.one like app.two:\nadd column x.more (TEXT)\n");
    carry_out(&db, &repo.shed(["diff", "app.one", "app.two", "--sql"]).any_stdout().ok().stdout);
    assert_eq!(db.rows("select more from t1.x"), "");
    repo.shed(["diff", "app.one", "app.two"]).stdout("app.one is like app.two\n").ok();
}

#[test]
fn databases_of_two_types_patterns_and_two_urls_are_refused() {
    let repo = Repo::new();
    let (one, two) = (repo.sqlite("one.db"), cluster().database());
    let repo = repo.settings(&two_databases(&one, &two));
    repo.shed(["diff", "app.one", "app.two"])
        .stderr(
            "error: two databases of one type are compared, and app.one is SQLite, app.two is PostgreSQL\n\
                 help: types and defaults have other names on each; compare each with the models: shed diff TARGET\n",
        )
        .fails(2);
    repo.shed(["diff", "app.*", "app.two"]).stderr_has("error: two databases are compared, not patterns").fails(2);
    repo.shed(["diff", "app.one", "app.two", "--database-url", "sqlite:///x"]).stderr_has("two are compared").fails(2);
    repo.shed(["diff", "app.one"])
        .stderr_has("has no `module`, so there are no models to compare")
        .any_stderr()
        .fails(2);
}

#[test]
fn the_other_database_may_be_a_file_a_url_or_a_copy_on_a_server() {
    let app = App::sqlite().migrated("head");
    app.sqlite("copies/x.db").execute("create table other (id integer primary key)");
    app.write(
        "shed.yaml",
        &format!(
            "development:\n  db: {{ files: {{ type: sqlite, connection: {{ db_path: copies }} }} }}\n{}",
            app.read("shed.yaml")
        ),
    );
    let text = |name: &str| format!("to make app.main like {name}:\nadd table other\n");
    let said = |other: &str| app.shed(["diff", "app.main", other]).any_stdout().any_stderr().ok().stdout;
    assert!(
        said("development.files/x").starts_with(&text("app on development.files/x")),
        "{}",
        said("development.files/x")
    );
    let url = format!("sqlite:///{}", app.path("copies/x.db").display());
    assert!(said(&url).starts_with(&text("sqlite $REPO/copies/x.db")), "{}", said(&url));
    assert!(said(&url).contains("drop table person\n"), "{}", said(&url));
    app.shed(["diff", "app.main", "development.files/nope"]).stderr_has("is not there").fails(4);
    assert!(!app.path("copies/nope.db").exists());
}

#[test]
fn the_password_of_neither_database_is_told() {
    let repo = Repo::new();
    let [one, two] = ["first'secret", "second secret"].map(|password| cluster().database_with_password(password));
    let repo = repo.settings(&two_databases(&one, &two));
    two.execute("create table secret (id integer primary key)");
    let said = repo.shed(["diff", "app.one", "app.two", "--verbose"]).any_stdout().any_stderr().ok();
    assert_eq!(said.stdout, "to make app.one like app.two:\nadd table secret\n");
    assert!(!said.stderr.contains("first'secret") && !said.stderr.contains("second secret"), "{}", said.stderr);
    for file in walk(&repo.beside("state")) {
        let text = String::from_utf8_lossy(&std::fs::read(&file).unwrap()).into_owned();
        assert!(!text.contains("first'secret") && !text.contains("second secret"), "{}", file.display());
    }
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

#[test]
fn an_own_env_py_is_asked_and_makes_no_version_table() {
    let env = "from alembic import context
from sqlalchemy import create_engine
from m import metadata

engine = create_engine(context.config.get_main_option('sqlalchemy.url'))
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=metadata)
    with context.begin_transaction():
        context.run_migrations()
";
    let models = "import sqlalchemy as sa\nmetadata = sa.MetaData()\nsa.Table('bill', metadata, sa.Column('id', sa.Integer, primary_key=True))\n";
    for environment in [NEW, OLD] {
        let repo = Repo::new().on(environment).file("m.py", models).file("own/env.py", env).settings(
            "projects:\n  app: { module: m.py, versions: v, env_py: own/env.py, db: { main: { connection: { db_path: x.db } } } }\n",
        );
        let db = repo.sqlite("x.db");
        db.execute("create table old (id integer primary key)");
        repo.shed(["diff"]).stdout("to make app.main like the models:\nadd table bill\ndrop table old\n").ok();
        assert_eq!(db.tables(), ["old"]);
        let sql = repo.shed(["diff", "--sql"]).any_stdout().ok().stdout;
        carry_out(&db, &sql);
        repo.shed(["diff"]).stdout("app.main is like the models\n").ok();
        assert_eq!(db.tables(), ["bill"]);
    }
}

#[test]
fn models_without_tables_are_no_wish_to_drop_everything() {
    let app = App::sqlite().migrated("head");
    app.write("app/models.py", "import sqlalchemy as sa\nmetadata = sa.MetaData()\n");
    app.shed(["diff"]).stderr_has("the models have no tables, and the database has 2: person, pet").fails(2);
}

#[test]
fn a_database_in_memory_is_migrated_first_and_several_targets_are_told_each() {
    let app = App::sqlite();
    let settings = app.read("shed.yaml");
    app.write(
        "shed.yaml",
        &format!("{settings}      memory: {{ type: sqlite, connection: {{ db_path: ':memory:' }} }}\n"),
    );
    app.shed(["diff", "app.memory"]).stdout("app.memory is like the models\n").any_stderr().ok();
    app.drift();
    app.shed(["diff", "app.*", "--exit-code"])
        .stdout(
            "app.main:\n  to make app.main like the models:\n  add table person\n  add table toy\n  add table pet\n\
             app.memory:\n  to make app.memory like the models:\n  add table toy\n",
        )
        .any_stderr()
        .fails(1);
}

#[test]
fn filters_and_hooks_hold_between_databases_too() {
    let repo = Repo::new();
    let (one, two) = (repo.sqlite("one.db"), repo.sqlite("two.db"));
    one.execute("create table alembic_version (version_num varchar(32)); create table kept (id integer primary key)");
    two.execute("create table kept (id integer primary key); create table left_out (id integer primary key, kept_id integer references kept (id)); create table hooked (id integer primary key); create table fresh (id integer primary key)");
    let keys = "versions: v, exclude_tables: [left_*], hooks: hooks.py, version_table: other_version";
    let repo = repo
        .settings(&two_databases(&one, &two).replace("versions: v", keys))
        .file("hooks.py", "def include_object(item, name, kind, reflected, other):\n    return name != 'hooked'\n");
    repo.shed(["diff", "app.one", "app.two"])
        .stdout("to make app.one like app.two:\nadd table fresh\n")
        .any_stderr()
        .ok();
}
