//! An env.py of a project's own that calls `shed_db.env.run_migrations`: under plain Alembic, and under shed.

use std::path::Path;

use serde_json::Value;

use crate::app::App;
use crate::call::Call;
use crate::database::Database;
use crate::repo::{NEW, OLD, revision_text};

const ENV: &str = "
from alembic import context
from app.models import Base
from shed_db.env import run_migrations

run_migrations(context, Base)
";

/// A project with an alembic.ini and an env.py in a folder `app`, on one of the environments.
struct Plain {
    app: App,
    environment: &'static str,
}

impl Plain {
    fn new(app: App, environment: &'static str, env: &str) -> Self {
        let app = app.on(environment).keys("env_py: app/env.py");
        app.write("app/env.py", env);
        app.write("app/__init__.py", "");
        app.write("app/script.py.mako", include_str!("../../python/shed_db/environment/script.py.mako"));
        let url = app.db.url().replace('%', "%%");
        let ini = format!("[alembic]\nscript_location = %(here)s/app\nprepend_sys_path = .\nsqlalchemy.url = {url}\n");
        app.write("alembic.ini", &ini);
        Self { app, environment }
    }

    /// Alembic's own command line, with the package beside it and without shed.
    fn alembic(&self, words: &[&str]) -> Call {
        let python = self.app.python();
        self.with_package(self.app.call(python).args(["-m", "alembic"]).args(words))
    }

    fn shed(&self, words: &[&str]) -> Call {
        self.with_package(self.app.shed(words))
    }

    fn with_package(&self, call: Call) -> Call {
        call.env("PYTHONPATH", package()).dir(self.app.path(""))
    }
}

/// The package, as the wheel brings it: the same files.
fn package() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("python")
}

fn everywhere() -> [Plain; 3] {
    [(App::sqlite(), NEW), (App::postgres(), NEW), (App::sqlite(), OLD)]
        .map(|(app, environment)| Plain::new(app, environment, ENV))
}

#[test]
fn plain_alembic_runs_under_shed_s_environment() {
    for plain in everywhere() {
        let db = &plain.app.db;
        plain.alembic(&["current"]).ok();
        plain.alembic(&["check"]).stdout("FAILED: Target database is not up to date.\n").any_stderr().fails(255);
        assert_eq!(db.tables(), [""; 0], "no reading command makes anything");
        plain.alembic(&["upgrade", "head"]).ok();
        assert_eq!((db.revisions(), db.tables()), (vec!["a3".into()], tables()));
        plain.alembic(&["current"]).stdout("a3 (head)\n").ok();
        plain.alembic(&["check"]).stdout("No new upgrade operations detected.\n").ok();
        plain.alembic(&["downgrade", "-1"]).ok();
        plain
            .alembic(&["upgrade", "a2:head", "--sql"])
            .stdout_has("ALTER TABLE person ADD COLUMN email VARCHAR(80)")
            .ok();
        plain.alembic(&["stamp", "head"]).ok();
        assert_eq!(db.revisions(), ["a3"], "{}", plain.environment);
    }
}

fn tables() -> Vec<String> {
    ["alembic_version", "person", "pet"].map(str::to_owned).to_vec()
}

#[test]
fn a_failed_migration_leaves_nothing_of_itself_under_plain_alembic() {
    for plain in everywhere() {
        let half = "op.create_table('half', sa.Column('id', sa.Integer))\nop.execute('complete nonsense')"; // of another length than what follows, or Python may take its bytecode
        plain.app.write("app/versions/a4_.py", &revision_text("a4", "a3", half, "pass"));
        plain.alembic(&["upgrade", "head"]).any_stdout().any_stderr().fails(1);
        assert_eq!(plain.app.db.tables(), [""; 0]);
        // A migration that commits leaves the rest in a transaction that nobody else would commit.
        let commits = "op.get_bind().commit()\nop.create_table('rest', sa.Column('id', sa.Integer))";
        plain.app.write("app/versions/a4_.py", &revision_text("a4", "a3", commits, "pass"));
        plain.alembic(&["upgrade", "head"]).ok();
        assert_eq!(plain.app.db.revisions(), ["a4"]);
        assert!(plain.app.db.tables().contains(&"rest".to_owned()));
    }
}

#[test]
fn rebuilding_a_table_keeps_the_rows_of_others_under_plain_alembic() {
    let plain = Plain::new(App::sqlite(), NEW, ENV);
    // The application switches foreign keys on for every engine, as many do.
    let listens = "\nfrom sqlalchemy import event\nfrom sqlalchemy.engine import Engine\n\n\
                   @event.listens_for(Engine, 'connect')\ndef on(connection, record):\n    connection.execute('PRAGMA foreign_keys=ON')\n";
    plain.app.write("app/models.py", &(plain.app.read("app/models.py") + listens));
    plain.app.write("app/versions/a4_.py", &revision_text("a4", "a3", "op.execute('create table toy (id integer primary key, pet integer references pet (id) on delete cascade)')\nop.execute('insert into pet values (1, 1)')\nop.execute('insert into person (id, name) values (1, 1)')\nop.execute('insert into toy values (1, 1)')", "pass"));
    let rebuild = "with op.batch_alter_table('pet', recreate='always') as batch:\n    batch.add_column(sa.Column('age', sa.Integer))";
    plain.app.write("app/versions/a5_.py", &revision_text("a5", "a4", rebuild, "pass"));
    plain.alembic(&["upgrade", "head"]).ok();
    assert_eq!(plain.app.db.rows("select id, pet from toy"), "1|1\n");
}

#[test]
fn hooks_and_keywords_are_heeded_and_empty_revisions_are_not_written() {
    let env = "
import logging
from alembic import context
from app.models import Base
from shed_db.env import run_migrations

logging.basicConfig(level='INFO', format='%(message)s')
logging.getLogger('alembic').setLevel('ERROR')

def include_object(item, name, kind, reflected, other):
    return name != 'toy'

run_migrations(context, Base, include_object=include_object, exclude_tables=['old_*'], version_table='revisions')
";
    for environment in [NEW, OLD] {
        let plain = Plain::new(App::sqlite(), environment, env);
        plain.app.drift();
        plain.alembic(&["upgrade", "head"]).ok();
        plain.app.db.execute("create table old_things (id integer)");
        plain.app.db.execute("create table strange (id integer)");
        assert_eq!(plain.app.db.rows("select version_num from revisions"), "a3\n");
        let said = plain.alembic(&["check"]).any_stdout().any_stderr().fails(255).stdout;
        assert!(said.contains("strange") && !said.contains("toy") && !said.contains("old_things"), "{said}");
        plain.app.db.execute("drop table strange");
        plain.alembic(&["check"]).stdout("No new upgrade operations detected.\n").ok();
        let files = plain.app.files("app/versions");
        let said = plain.alembic(&["revision", "--autogenerate", "-m", "nothing"]).any_stderr().ok().stderr;
        assert!(said.contains("no differences; no revision is written"), "{said}");
        assert_eq!(plain.app.files("app/versions"), files);
    }
}

#[test]
fn alembic_called_as_a_function_needs_no_command_line() {
    for environment in [NEW, OLD] {
        let app = App::sqlite().on(environment);
        let text = "
import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory
from app.models import Base
from shed_db import create_alembic_config

config = create_alembic_config('app/versions', 'sqlite:///data/a%b.db', target_metadata=Base)
command.current(config)
command.upgrade(config, 'a2')
command.upgrade(config, 'head')
print(ScriptDirectory.from_config(config).get_current_head())
command.check(config)
print(command.revision(config, 'nothing', autogenerate=True))
engine = sa.create_engine('sqlite:///data/lent.db')
with engine.begin() as connection:
    config.attributes['connection'] = connection
    command.upgrade(config, 'head')
    print(connection.in_transaction(), sa.inspect(connection).has_table('pet'))
config.attributes['connection'] = engine
command.downgrade(config, '-1')
";
        app.write("app/__init__.py", "");
        app.write("run.py", text);
        app.write("data/keep", "");
        let said = "a3\nNo new upgrade operations detected.\n[]\nTrue True\n";
        let path = std::env::join_paths([package(), app.path("")]).unwrap();
        let call = app.call(app.python()).arg(app.path("run.py")).env("PYTHONPATH", path).dir(app.path(""));
        call.stdout(said).ok();
        for (file, revision) in [("data/a%b.db", "a3"), ("data/lent.db", "a2")] {
            assert_eq!(Database::sqlite(app.path(file)).revisions(), [revision], "{file}");
        }
    }
}

#[test]
fn without_a_url_the_place_where_it_belongs_is_named() {
    let plain = Plain::new(App::sqlite(), NEW, ENV);
    plain.app.write("alembic.ini", "[alembic]\nscript_location = %(here)s/app\nprepend_sys_path = .\n");
    let said = plain.alembic(&["current"]).any_stdout().any_stderr().fails(255).stdout;
    assert!(
        said.split_whitespace().collect::<Vec<_>>().join(" ").contains("there is no database URL (set sqlalchemy.url"),
        "{said}"
    );
}

/// `env_py` alone gets none of these.
#[test]
fn under_shed_such_an_env_py_has_events_filters_and_differences_too() {
    for plain in everywhere() {
        let applied = |n: u8| format!("app.main: upgraded to a{n}, a{n}\n");
        let ending = format!("{}{}{}app.main: now at a3 (head)\n", applied(1), applied(2), applied(3));
        plain.shed(&["doctor"]).stdout_has("project   app").any_stderr().ok();
        let said = plain.shed(&["migrate", "app"]).any_stdout().any_stderr().ok().stderr;
        assert!(said.ends_with(&ending), "{said}");
        plain.shed(&["check", "app"]).stdout("No new upgrade operations detected.\n").ok();
        plain.app.drift();
        let said = plain.shed(&["check", "app", "--format", "json"]).any_stdout().any_stderr().fails(1).stdout;
        let found: Value = serde_json::from_str(&said).unwrap();
        assert_eq!(
            (&found["differences"][0]["kind"], &found["differences"][0]["table"]),
            (&"add_table".into(), &"toy".into())
        );
        plain.app.write("app/versions/a4_.py", &revision_text("a4", "a3", "op.execute('nonsense')", "pass"));
        plain.shed(&["migrate", "app"]).any_stdout().stderr_has("upgrade of revision a4 failed").fails(5);
        assert_eq!(plain.app.db.revisions(), ["a3"]);
    }
}

#[test]
fn schemas_and_long_ids_are_seen_to_on_postgresql_under_plain_alembic() {
    let env = ENV.replace("Base)", "Base, include_schemas=True, version_table_schema='ops')");
    let plain = Plain::new(App::postgres(), NEW, &env);
    let long = "a4_with_an_id_that_is_longer_than_thirty_two";
    plain.app.write("app/versions/a4_.py", &revision_text(long, "a3", "pass", "pass"));
    plain.alembic(&["upgrade", "head"]).ok();
    assert_eq!(plain.app.db.rows("select version_num from ops.alembic_version"), format!("{long}\n"));
    plain.alembic(&["check"]).stdout("No new upgrade operations detected.\n").ok();
    plain.app.db.execute("create schema more; create table more.strange (id integer)");
    let said = plain.alembic(&["check"]).any_stdout().any_stderr().fails(255).stdout;
    assert!(said.contains("remove_table") && said.contains("strange"), "{said}");
}
