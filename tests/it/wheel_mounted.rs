//! What is mounted in the user's own: an application's start, a Typer application, pytest's fixtures.

use std::fs;
use std::path::Path;

use crate::app::App;
use crate::cluster::cluster;
use crate::own::Own;
use crate::wheel::{in_environment, outfitted, script};

/// Mounted in an application of one's own, as the README shows it.
#[test]
fn a_typer_application_migrates_its_target() {
    let app = App::sqlite();
    let text = "
import typer
from shed_db import create_migration_app

cli = typer.Typer()
cli.add_typer(create_migration_app('app.main', database_url_envvar='APP_URL'), name='db')
cli()
";
    let run = |words: &[&str]| {
        let url = format!("sqlite:///{}", app.path("data/app.db").display());
        script(&app, text).args(["db"]).args(words).env("APP_URL", url)
    };
    let replaced = "app.main: its connection is replaced by the database URL\n";
    let here = format!("{replaced}app.main: sqlite $REPO/data/app.db\n");
    run(&["check"]).stdout("pending: a1  a1\npending: a2  a2\npending: a3  a3\n").stderr_has(replaced).fails(1);
    let to = |n: u8| format!("app.main: upgraded to a{n}, a{n}\n");
    run(&["run"]).stderr(format!("{here}{}{}{}app.main: now at a3 (head)\n", to(1), to(2), to(3))).ok();
    run(&["check"]).stdout("nothing is pending\n").stderr(replaced).ok();
    let back = format!("{here}app.main: downgraded a3 to a2, a3\napp.main: now at a2\n");
    run(&["downgrade", "-1"]).stderr(back).ok();
    run(&["run", "nonsense"]).stderr_has("error: ").fails(2);
    run(&["run"]).any_stderr().ok();
    run(&["create", "nothing"]).stdout("no differences; no revision was written\n").any_stderr().ok();
    app.drift();
    run(&["create", "add toys"]).stdout("$REPO/app/versions/[..]_add_toys.py\n").any_stderr().ok();
    let unset = "error: APP_URL is not set\nhelp: set it to the URL of the database\n";
    script(&app, text).args(["db", "check"]).stderr(unset).fails(2);
}

/// The blocks of Python and TOML in the README's section, in their order.
fn of_readme(language: &str) -> Vec<String> {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let section = readme.split("\n## From Python\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let fence = format!("```{language}\n");
    section.split(&fence).skip(1).map(|block| block.split("```").next().unwrap().to_owned()).collect()
}

#[test]
fn the_readme_s_application_migrates_when_it_starts() {
    let app = App::sqlite();
    app.write("shed.yaml", &app.read("shed.yaml").replace("  app:", "  billing:").replace("main:", "prod:"));
    let run = "\nimport asyncio\n\nasync def start():\n    async with lifespan(None):\n        print('up')\n\nasyncio.run(start())\n";
    let text = of_readme("python").remove(0) + run;
    script(&app, &text).stdout("applied a1 a2 a3\nup\n").ok();
    script(&app, &text).stdout("up\n").ok();
}

#[test]
fn pytest_gets_a_scratch_database_at_head_for_each_test() {
    let app = App::sqlite();
    let tests = "
from sqlalchemy import inspect, text

def rows(database):
    with database.engine().begin() as connection:
        connection.execute(text(\"insert into person (id, name) values (1, 'Ada')\"))
        return connection.execute(text('select count(*) from person')).scalar()

def test_one(shed_database): assert rows(shed_database) == 1
def test_two(shed_database): assert rows(shed_database) == 1 and shed_database.dialect == 'sqlite'
def test_three(shed_database_session): assert rows(shed_database_session) == 1
def test_four(shed_database_session, shed_database):
    with shed_database_session.engine().connect() as connection:
        assert connection.execute(text('select count(*) from person')).scalar() == 1
    assert inspect(shed_database.engine()).get_table_names() == ['alembic_version', 'person', 'pet']
";
    app.write("test_app.py", tests);
    app.write("pytest.ini", "[pytest]\nshed_target = app.main\nshed_settings = shed.yaml\n");
    let pytest = || {
        in_environment(&app, outfitted())
            .args(["-m", "pytest", "-q", "-p", "no:cacheprovider", "--basetemp=pytest"])
            .dir(app.path(""))
    };
    pytest().stdout_has("4 passed").ok();
    assert!(!app.path("data").exists(), "the target itself is left alone");
    app.remove("pytest.ini");
    pytest().stdout_has("set `shed_target` in pytest's configuration").fails(1);
    // Where nobody asks for a fixture nothing is configured.
    app.write("test_app.py", "def test_nothing(): pass\n");
    pytest().stdout_has("1 passed").ok();
}

#[test]
fn pytest_gets_a_database_on_a_private_server_where_the_target_is_of_postgresql() {
    let own = Own::with("");
    own.write(
        "shed.yaml",
        &(own.read("shed.yaml") + "      prod: { type: postgres, db_name: x, connection: { host: /nowhere } }\n"),
    );
    let tests = "
from sqlalchemy import text
import pytest

@pytest.mark.parametrize('n', [1, 2])
def test_each(shed_database, n):
    with shed_database.engine().begin() as connection:
        connection.execute(text('insert into bill values (1)'))
        assert connection.execute(text('select count(*) from bill')).scalar() == 1
";
    own.write("test_app.py", tests);
    own.write("pytest.ini", "[pytest]\nshed_target = app.prod\n");
    let pytest =
        in_environment(&own, outfitted()).args(["-m", "pytest", "-q", "-p", "no:cacheprovider", "--basetemp=pytest"]);
    pytest.dir(own.path("")).stdout_has("2 passed").ok();
    assert_eq!(own.status()["databases"], serde_json::json!([]));
}

#[test]
fn pytest_gets_a_database_on_the_server_that_is_named_with_the_password_of_a_variable() {
    let (app, role) = (App::sqlite(), cluster().database_with_password("s3cret/ü"));
    cluster().psql("postgres", &format!("alter role \"{}\" createdb", role.name()));
    let connection =
        format!("{{ host: {}, user: {}, password: \"${{DEV_PASSWORD}}\" }}", cluster().host.display(), role.name());
    let server = format!("development:\n  db:\n    dev: {{ type: postgres, connection: {connection} }}\n");
    app.write("shed.yaml", &(server + &app.read("shed.yaml")));
    let test = "
from sqlalchemy import text

def test_it(shed_database):
    with shed_database.engine().connect() as connection:
        assert connection.execute(text('select current_user')).scalar() == shed_database.parts['user']
        assert connection.execute(text('select version_num from alembic_version')).scalar() == 'a3'
        print('name:', shed_database.parts['database'])
";
    app.write("test_app.py", test);
    app.write("pytest.ini", "[pytest]\nshed_target = app.main\nshed_server = dev\n");
    let words = ["-m", "pytest", "-qs", "-p", "no:cacheprovider", "--basetemp=pytest"];
    let pytest = in_environment(&app, outfitted()).args(words).env("DEV_PASSWORD", "s3cret/ü");
    let said = pytest.dir(app.path("")).stdout_has("1 passed").ok().stdout;
    let (_, name) = said.split_once("name: ").unwrap();
    let name = name.split_whitespace().next().unwrap();
    let left = cluster().psql("postgres", &format!("select datname from pg_database where datname = '{name}'"));
    assert_eq!((name.starts_with("shed_test_"), left.as_str()), (true, ""));
}
