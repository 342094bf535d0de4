//! `check --offline`: models against migrations, on a database that nobody keeps.

use crate::cluster::cluster;
use crate::own::{self, Own};
use crate::repo::{NEW, OLD, Repo};

const MODELS: &str = "import sqlalchemy as sa
metadata = sa.MetaData()
sa.Table('bill', metadata, sa.Column('id', sa.Integer, primary_key=True))
";
const MORE: &str = "sa.Table('line', metadata, sa.Column('id', sa.Integer, primary_key=True))\n";
const TABLE: &str = "op.create_table('bill', sa.Column('id', sa.Integer, primary_key=True))\nprint('from a migration')";
const IN_ORDER: &str = "No new upgrade operations detected.\n";
const DRIFT: &str = "[..]: FAILED: New upgrade operations detected\n\
    help: write the missing revision: shed revision [..] --autogenerate -m \"…\"\n";

fn settings(project: &str, databases: &str) -> String {
    format!("  {project}:\n    module: {project}/models.py\n    metadata: metadata\n    db: {databases}\n")
}

fn with(repo: Repo, project: &str) -> Repo {
    repo.file(&format!("{project}/models.py"), MODELS).revision(&format!("{project}/versions"), "a1", "", TABLE, "")
}

/// A project on SQLite, whose database is not there.
fn sqlite() -> Repo {
    let text = format!("projects:\n{}", settings("app", "{ main: { connection: { db_path: x.db } } }"));
    with(Repo::new().settings(&text), "app")
}

/// Databases on the tests' server whose runs have ended.
fn scratch_databases(target: &str) -> String {
    cluster().psql("postgres", &format!("select datname from pg_database where datname like '{target}%shed_check%'"))
}

#[test]
fn models_are_compared_with_the_migrations_and_no_database_is_made() {
    for environment in [NEW, OLD] {
        let repo = sqlite().on(environment);
        repo.shed(["check", "--offline"]).stdout(IN_ORDER).stderr("from a migration\n").ok();
        repo.write("app/models.py", &format!("{MODELS}{MORE}"));
        let drift = format!("from a migration\n{DRIFT}");
        repo.shed(["check", "app", "--offline"]).stdout("add table line\n").stderr(drift).fails(1);
        assert!(!repo.sqlite("x.db").exists());
    }
}

#[test]
fn a_migration_that_fails_is_told_and_touched_nothing() {
    let repo = sqlite().revision("app/versions", "a2", "a1", "op.drop_table('nope')", "");
    repo.shed(["check", "--offline"])
        .stderr_has("error: app.main: upgrade of revision a2 failed: no such table: nope\n")
        .stderr_has("  this was on a scratch database; no other was touched\n")
        .fails(5);
}

#[test]
fn a_live_database_that_drifted_is_not_looked_at() {
    let repo = sqlite();
    repo.sqlite("x.db").execute("create table stranger (id integer)");
    repo.shed(["check", "--offline"]).stdout(IN_ORDER).any_stderr().ok();
    repo.shed(["check", "--offline", "--on", "development.x"]).stderr_has("cannot be used with").fails(2);
    assert_eq!(repo.sqlite("x.db").tables(), ["stranger"]);
}

#[test]
fn an_own_env_py_is_run_on_a_scratch_file() {
    let env = "from alembic import context
from sqlalchemy import create_engine
from models import metadata
engine = create_engine(context.config.get_main_option('sqlalchemy.url'))
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=metadata)
    with context.begin_transaction():
        context.run_migrations()
";
    let text = "projects:\n  app: { module: app/models.py, pythonpath: [app], env_py: app/env.py, db: { main: { connection: { db_path: x.db } } } }\n";
    let repo = sqlite().settings(text).file("app/env.py", env);
    repo.shed(["check", "--offline"]).stdout(IN_ORDER).any_stderr().ok();
    repo.write("app/models.py", &format!("{MODELS}{MORE}"));
    repo.shed(["check", "--offline"]).stderr_has("app.main: FAILED: New upgrade operations detected\n").fails(1);
    assert!(!repo.sqlite("x.db").exists());
}

#[test]
fn a_project_is_checked_once_for_each_kind_of_database() {
    let server = format!("{{ type: postgres, connection: {{ host: {}, user: shed }} }}", cluster().host.display());
    let databases = "{ one: { connection: { db_path: x.db } }, two: { default: true, connection: { db_path: y.db } }, \
                     live: { type: postgres, db_name: nowhere, connection: { host: nowhere.invalid } } }";
    let project = settings("kinds", databases);
    let without = format!("projects:\n{project}");
    let repo = with(Repo::new().settings(&without), "kinds");
    let quiet = ["check", "kinds", "--offline", "-q", "--no-cache"];
    repo.shed(quiet)
        .stdout("kinds.two:\n  No new upgrade operations detected.\n")
        .stderr("from a migration\nerror: kinds.live: a check without the live database needs a PostgreSQL server for copies, \
            and the settings have none\nhelp: add a private one: development: { db: { own: { type: postgres, embedded: true } } }\n")
        .fails(2);
    let repo = repo.settings(&format!("development:\n  db: {{ pglocal: {server} }}\n{without}"));
    repo.shed(quiet)
        .stdout(
            "kinds.two:\n  No new upgrade operations detected.\nkinds.live:\n  No new upgrade operations detected.\n",
        )
        .stderr("from a migration\nfrom a migration\n")
        .ok();
    repo.write("kinds/models.py", &format!("{MODELS}{MORE}"));
    repo.shed(["check", "kinds.live", "--offline"]).stdout("add table line\n").any_stderr().fails(1);
    assert_eq!(scratch_databases("kinds_"), "");
}

#[test]
fn a_scratch_database_goes_when_its_run_fails_or_is_dead() {
    let server = format!("{{ type: postgres, connection: {{ host: {}, user: shed }} }}", cluster().host.display());
    let live = "{ live: { type: postgres, db_name: nowhere, schema: tenant, connection: { host: nowhere.invalid } } }";
    let text = format!("development:\n  db: {{ pglocal: {server} }}\nprojects:\n{}", settings("reaped", live));
    let repo = with(Repo::new().settings(&text), "reaped").revision("reaped/versions", "a2", "a1", "", "");
    repo.shed(["check", "--offline"]).stdout(IN_ORDER).any_stderr().ok();
    repo.write(
        "reaped/versions/a2_.py",
        &repo.read("reaped/versions/a2_.py").replace("pass", "import os; os.kill(os.getppid(), 9)"),
    );
    repo.shed(["check", "--offline"]).any_stderr().fails(137);
    assert_ne!(scratch_databases("reaped_"), "");
    repo.write(
        "reaped/versions/a2_.py",
        &repo.read("reaped/versions/a2_.py").replace("import os; os.kill(os.getppid(), 9)", "1 / 0"),
    );
    repo.shed(["check", "--offline"]).stderr_has("division by zero").fails(5);
    assert_eq!(scratch_databases("reaped_"), "");
}

#[test]
fn a_private_server_is_started_for_it_and_nothing_is_left_there() {
    let own = Own::new();
    let live = "      live: { type: postgres, db_name: nowhere, connection: { host: nowhere.invalid } }\n";
    own.write("shed.yaml", &own::settings("", live));
    let models = MODELS.replace(", primary_key=True", "");
    own.write("app/models.py", &models);
    let check = || own.shed(["check", "app.live", "--offline", "--no-cache"]);
    check().stdout(IN_ORDER).any_stderr().ok();
    own.write("app/models.py", &format!("{models}{MORE}"));
    check().stdout("add table line\n").any_stderr().fails(1);
    assert_eq!(own.rows("postgres", "select datname from pg_database where datname like '%shed_check%'"), "");
    own.shed(["server", "stop"]).any_stdout().any_stderr().ok();
    check().stdout("add table line\n").any_stderr().fails(1);
}

#[test]
fn given_files_choose_the_projects_that_they_can_affect() {
    let database = |name: &str| format!("{{ main: {{ connection: {{ db_path: {name}.db }} }} }}");
    let text = format!("projects:\n{}{}", settings("one", &database("one")), settings("two", &database("two")));
    let repo =
        with(with(Repo::new().settings(&text), "one"), "two").file("shared/base.py", "").file("one/data.csv", "");
    let check = |files: &[&str]| {
        let said =
            repo.shed(["check", "--offline", "-q"]).args(files).dir(repo.path("")).any_stdout().any_stderr().ok();
        said.stdout.lines().filter(|line| line.ends_with(':')).collect::<String>()
    };
    assert_eq!(check(&["one/models.py"]), "one.main:");
    assert_eq!(check(&["one/data.csv", "README.md"]), "one.main:");
    assert_eq!(check(&["two/versions/gone.py"]), "two.main:");
    assert_eq!(check(&["shared/base.py"]), "one.main:two.main:");
    assert_eq!(check(&["shed.yaml"]), "one.main:two.main:");
    assert_eq!(check(&["t*", "shed.yaml"]), "two.main:");
    repo.shed(["check", "--offline", "README.md"])
        .stderr("error: no project is named `README`\nhelp: the settings have one, two\n")
        .fails(2);
    repo.write("README.md", "");
    repo.shed(["check", "--offline", "README.md"])
        .dir(repo.path(""))
        .stderr("no project is affected by these files; nothing was checked\n")
        .ok();
    repo.shed(["check", "one", "two"]).stderr_has("error: one target is checked, not `two` too").fails(2);
}
