//! The wheel: built once, installed into fresh environments, and used as an application would.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::app::App;
use crate::call::{Call, path_with};
use crate::cluster::cluster;
use crate::own::Own;
use crate::repo::{NEW, Repo, environment, site_packages};

const CRATE: &str = env!("CARGO_MANIFEST_DIR");

/// Builds the wheel from what is compiled already; the first test that needs it waits for the others.
fn wheel() -> &'static Path {
    static WHEEL: OnceLock<PathBuf> = OnceLock::new();
    WHEEL.get_or_init(|| {
        let target = Path::new(env!("CARGO_BIN_EXE_shed")).parent().unwrap().parent().unwrap();
        let folder = target.join("wheel-of-the-tests");
        let _ = fs::remove_dir_all(&folder);
        let output = Command::new(environment("wheel").join("bin/maturin"))
            .args(["build", "--profile", "dev", "--locked", "--out"])
            .arg(folder.join("wheels"))
            .arg("--manifest-path")
            .arg(Path::new(CRATE).join("Cargo.toml"))
            // What is compiled is shared, but the program that other tests are running is not replaced.
            .env("CARGO_BUILD_BUILD_DIR", target)
            .env("CARGO_TARGET_DIR", &folder)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let files: Vec<PathBuf> =
            fs::read_dir(folder.join("wheels")).unwrap().flatten().map(|entry| entry.path()).collect();
        assert_eq!(files.len(), 1, "{files:?}");
        files[0].clone()
    })
}

/// An environment with the wheel, and with what stands in requirements/wheel.txt beside it; made once.
fn outfitted() -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| {
        let (repo, folder) = (Repo::new(), wheel().ancestors().nth(2).unwrap().join("venv"));
        fresh(&repo, &folder, "uv");
        let beside = site_packages(&environment("wheel"));
        fs::write(site_packages(&folder).join("beside.pth"), format!("{}\n", beside.display())).unwrap();
        folder
    })
}

/// A fresh environment that holds the wheel and nothing else, installed by one of the two.
fn fresh(repo: &Repo, folder: &Path, installer: &str) {
    let python = environment("wheel").join("bin/python");
    let (uv, own) = (environment("wheel").join("bin/uv"), folder.join("bin/python"));
    let uv = || repo.call(&uv).env("UV_CACHE_DIR", repo.path("uv-cache")).any_stderr();
    match installer {
        "uv" => {
            uv().args(["venv", "--offline", "--python"]).arg(&python).arg(folder).ok();
            uv().args(["pip", "install", "--offline", "--no-index", "--python"]).arg(&own).arg(wheel()).ok();
        }
        _ => {
            repo.call(&python).args(["-m", "venv"]).arg(folder).ok();
            let pip = repo.call(&own).args(["-m", "pip", "install", "--quiet", "--no-index"]).arg(wheel());
            pip.any_stderr().ok();
        }
    }
}

/// A script in the outfitted environment; its `shed` is the wheel's, and none is on PATH.
fn script(repo: &Repo, text: &str) -> Call {
    repo.write("script.py", text);
    in_environment(repo, outfitted()).arg(repo.path("script.py"))
}

fn in_environment(repo: &Repo, folder: &Path) -> Call {
    repo.call(folder.join("bin/python")).env("PATH", path_with(&[])).env_remove("VIRTUAL_ENV")
}

#[test]
fn pip_and_uv_install_the_program_and_the_package() {
    for installer in ["pip", "uv"] {
        let repo = Repo::new();
        let folder = repo.path("venv");
        fresh(&repo, &folder, installer);
        repo.call(folder.join("bin/shed")).arg("--version").stdout("shed 0.1.0\n").ok();
        let names = "import sys, shed_db, shed_db.aio\n\
                     print(shed_db.run_migration.__doc__.splitlines()[0][:17], 'sqlalchemy' in sys.modules)\n\
                     print(sorted(set(shed_db.__all__) - set(dir(shed_db))), shed_db.binary.find())";
        let found = format!("Applies revisions False\n[] {}\n", folder.join("bin/shed").display())
            .replace(&*repo.path("").display().to_string(), "$REPO");
        in_environment(&repo, &folder).args(["-c", names]).stdout(found).ok();
        let site = site_packages(&folder).join("shed_db");
        let mut shipped: Vec<_> = fs::read_dir(site).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        let mut own: Vec<_> = fs::read_dir(Path::new(CRATE).join("python/shed_db"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        for names in [&mut shipped, &mut own] {
            names.retain(|name| name != "__pycache__");
            names.sort();
        }
        assert_eq!(shipped, own);
    }
}

#[test]
fn an_application_migrates_at_its_start() {
    for app in [App::sqlite(), App::postgres()] {
        let text = "
from shed_db import *
import shed_db as s
t = 'app.main'
print(s.should_run_migration(t), s.current_revision(t), s.latest_revision(t), [p.revision for p in s.pending(t)])
done = s.run_migration(t, 'a2')
print(done.before, done.after, done.at_head, [(one.revision, one.message) for one in done.applied])
print(s.should_run_migration(t), s.run_migration(t).after, s.should_run_migration(t), s.pending(t))
print([one.revision for one in s.history(t)], s.history(t)[-1].is_base)
print(s.run_downgrade(t, '-1').after, s.current_revision(t))
";
        let said = "True None a3 ['a1', 'a2', 'a3']\n\
                    () ('a2',) False [('a1', 'a1'), ('a2', 'a2')]\n\
                    True ('a3',) False []\n\
                    ['a3', 'a2', 'a1'] True\n\
                    ('a2',) a2\n";
        script(&app, &text.replace("from shed_db import *\n", "")).stdout(said).ok();
        assert_eq!(app.db.revisions(), ["a2"]);
    }
}

#[test]
fn what_shed_says_is_logged_and_each_exit_code_has_its_exception() {
    let app = App::sqlite();
    app.add_revision("a4", "a3", "op.execute('nonsense')");
    let nowhere = "{ type: postgres, db_name: x, connection: { host: /nowhere } }";
    app.write("shed.yaml", &format!("{}      away: {nowhere}\n", app.read("shed.yaml")));
    let text = "
import logging, sys
import shed_db as s
logging.basicConfig(level='INFO', stream=sys.stdout, format='%(levelname)s %(name)s %(message)s')
s.run_migration('app.main', 'a1')
logging.disable()
def fails(*call, **keywords):
    try: call[0](*call[1:], **keywords)
    except s.ShedError as error: print(type(error).__name__, error.code, error.message)
fails(s.run_migration, 'nobody')
fails(s.run_migration, 'app.main')
fails(s.run_migration, 'app.away')
fails(s.run_migration, 'app.main', python='/nowhere/python')
fails(s.latest_revision, '*.main')
";
    let said = "INFO shed_db app.main: sqlite $REPO/data/app.db\n\
                INFO shed_db app.main: upgraded to a1, a1\n\
                INFO shed_db app.main: now at a1\n\
                UsageError 2 `nobody` is neither a target nor a known revision\n\
                MigrationFailed 5 app.main: upgrade of revision a4 failed[..]\n\
                DatabaseUnreachable 4 [..]\n\
                EnvironmentFault 3 /nowhere/python is neither an interpreter nor a virtual environment\n\
                UsageError 2 a pattern means several targets, and this is about one\n";
    script(&app, text).stdout(said).ok();
}

#[test]
fn revisions_are_written_from_python() {
    let app = App::sqlite().migrated("a3");
    app.drift();
    let text = "
import shed_db as s
new = s.create_migration('app.main', 'add toys', rev_id='a4')
print(new.revision, [one['kind'] for one in new.differences])
s.run_migration('app.main')
print(s.create_migration('app.main', 'nothing'))
print(s.create_migration('app.main', 'by hand', autogenerate=False, rev_id='a5').path)
";
    let said = "a4 ['add_table']\nNone\n$REPO/app/versions/a5_by_hand.py\n";
    script(&app, text).stdout(said).ok();
    assert!(app.db.tables().contains(&"toy".to_owned()));
}

#[test]
fn the_same_functions_are_awaited() {
    let app = App::sqlite();
    let text = "
import asyncio
from shed_db import UsageError, aio

async def main():
    print(await asyncio.gather(aio.should_run_migration('app.main'), aio.latest_revision('app.main')))
    print((await aio.run_migration('app.main')).after, await aio.pending('app.main'))
    try: await aio.run_migration('nobody')
    except UsageError as error: print(error.code)

asyncio.run(main())
";
    script(&app, text).stdout("[True, 'a3']\n('a3',) []\n2\n").ok();
}

/// A project whose last revision says that it has begun, and goes on for a minute.
fn long() -> App {
    let app = App::sqlite().keys("cwd: .");
    app.add_revision("a4", "a3", "import time; open('begun', 'w').close(); time.sleep(60)");
    app
}

#[test]
fn an_exception_while_it_waits_ends_shed_and_the_migration() {
    let app = long();
    let text = "
import os, signal, threading, time
import shed_db

def stop(*_): raise TimeoutError('enough')

def watch():
    while not os.path.exists('begun'): time.sleep(0.05)
    os.kill(os.getpid(), signal.SIGALRM)

signal.signal(signal.SIGALRM, stop)
threading.Thread(target=watch).start()
try: shed_db.run_migration('app.main')
except TimeoutError as error: print(error)
";
    script(&app, text).dir(app.path("")).stdout("enough\n").ok();
    assert_eq!(app.db.revisions(), [""; 0]);
}

#[test]
fn a_task_that_is_cancelled_ends_shed_and_the_migration() {
    let app = long();
    let text = "
import asyncio, os
from shed_db import aio

async def main():
    task = asyncio.create_task(aio.run_migration('app.main'))
    while not os.path.exists('begun'): await asyncio.sleep(0.05)
    task.cancel()
    try: await task
    except asyncio.CancelledError: print('cancelled')

asyncio.run(main())
";
    script(&app, text).dir(app.path("")).stdout("cancelled\n").ok();
    assert_eq!(app.db.revisions(), [""; 0]);
}

#[test]
fn a_url_goes_by_the_environment_and_never_by_the_arguments() {
    let (app, other) = (App::sqlite(), cluster().database_with_password("s3cret"));
    let text = "
import shed_db as s
from shed_db import calls
url = f'postgresql://{USER}:s3cret@/{USER}?host={HOST}'
call = calls.run_migration('app.main', database_url=url)
print('s3cret' in str(call.line()), 's3cret' in repr(call))
print(s.run_migration('app.main', database_url=url).after)
";
    let head = format!("USER, HOST = {:?}, {:?}\n", other.name(), cluster().host.display().to_string());
    script(&app, &(head + text)).stdout("False False\n('a3',)\n").ok();
    assert_eq!(other.revisions(), ["a3"]);
}

#[test]
fn the_program_is_found_beside_python_and_the_formatter_of_its_name_is_not_taken_for_it() {
    let repo = Repo::new();
    repo.program("path/shed", "#!/bin/sh\nexec from shed import\n");
    let find = "from shed_db import ShedError, binary\ntry: print(binary.find())\nexcept ShedError as e: print(e)";
    let python = || repo.call(outfitted().join("bin/python")).args(["-c", find]);
    let own = outfitted().join("bin/shed").display().to_string();
    python().env("PATH", path_with(&[repo.path("path")])).stdout(format!("{own}\n")).ok();
    python().env("SHED_BINARY", repo.path("path/shed")).stdout("$REPO/path/shed\n").ok();
    python().env("SHED_BINARY", "/nowhere/shed").stdout("SHED_BINARY is /nowhere/shed, which is no program\n").ok();
    // The package without its program.
    let package = environment(NEW).join("bin/python");
    let elsewhere = || repo.call(&package).args(["-c", find]).env("PYTHONPATH", Path::new(CRATE).join("python"));
    elsewhere()
        .env("PATH", repo.path("path"))
        .stdout("$REPO/path/shed is the formatter `shed`, not the program of shed-db\nhelp: [..]\n")
        .ok();
    elsewhere().env("PATH", "/nowhere").stdout("the program `shed` was not found\nhelp: [..]\n").ok();
}

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

#[test]
fn the_version_table_s_schema_can_be_named_by_the_application() {
    let app = App::postgres();
    let text = "
import shed_db as s
print(s.run_migration('app.main', version_table_schema='ops').after)
print(s.current_revision('app.main', version_table_schema='ops'), s.current_revision('app.main'))
";
    script(&app, text).stdout("('a3',)\na3 None\n").ok();
    assert_eq!(app.db.rows("select version_num from ops.alembic_version"), "a3\n");
}

/// The face is checked whole; a caller's script knows its types, or the remarks in it would be in vain.
#[test]
fn types_and_style_of_the_package_are_in_order() {
    let repo = Repo::new();
    let face = "
from typing import List, Optional
import shed_db
from shed_db import aio

migration: shed_db.Migration = shed_db.run_migration('a', 'head', settings='x', backup=True)
behind: bool = shed_db.should_run_migration('a')
now: Optional[str] = shed_db.current_revision('a', python='x')
waiting: List[shed_db.PendingRevision] = shed_db.pending('a')
shed_db.pending('a', setings='x')  # type: ignore[call-arg]
wrong: str = shed_db.should_run_migration('a')  # type: ignore[assignment]

async def main() -> shed_db.MigrationResult:
    return await aio.auto('a', check=False)
";
    repo.write("user.py", face);
    let target = wheel().ancestors().nth(3).unwrap();
    let mypy = |words: &[&str], folder: &Path| {
        let cache = target.join("mypy-of-the-tests");
        let call = repo.call(environment("wheel").join("bin/mypy")).args(["--strict", "--cache-dir"]).arg(cache);
        call.args(words).arg("--python-executable").arg(outfitted().join("bin/python")).dir(folder)
    };
    mypy(&["user.py"], &repo.path("")).stdout("Success: no issues found in 1 source file\n").ok();
    let python = Path::new(CRATE).join("python");
    let found = mypy(&["shed_db"], &python).any_stdout().run().stdout;
    let mine: Vec<&str> = found.lines().filter(|line| wheel_alone(&python, line)).collect();
    assert!(found.contains("source files") && mine.is_empty(), "{found}");
    for words in ["check", "format --check"].map(str::split_whitespace) {
        let ruff = repo.call(environment("wheel").join("bin/ruff")).args(words).args(face_files(&python)).dir(&python);
        ruff.env("RUFF_NO_CACHE", "true").any_stdout().ok();
    }
}

/// The files that are for applications alone.
fn face_files(python: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(python.join("shed_db")).unwrap().map(|entry| entry.unwrap().path());
    let is_face = |path: &PathBuf| {
        path.extension().is_some_and(|end| end == "py")
            && fs::read_to_string(path).unwrap().starts_with("\"\"\"In the wheel alone: ")
    };
    let found: Vec<PathBuf> = files.filter(is_face).collect();
    assert!(found.len() > 5, "{found:?}");
    found
}

fn wheel_alone(python: &Path, line: &str) -> bool {
    face_files(python).iter().any(|file| python.join(line.split(':').next().unwrap()) == *file)
}

/// The blocks of Python and TOML in the README's section, in their order.
fn of_readme(language: &str) -> Vec<String> {
    let readme = fs::read_to_string(Path::new(CRATE).join("README.md")).unwrap();
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

#[test]
fn auto_gives_its_result_or_raises_with_it() {
    let app = App::sqlite();
    app.add_revision("a4", "a3", "op.execute('nonsense')");
    let text = "
import shed_db as s
try: s.auto('app.main')
except s.MigrationFailed as error: print(error.code, error.message, error.result.success, error.result.error == error.message)
left = s.auto('app.main', check=False)
print(left.success, left.applied_count, left.current_revision, left.pending)
";
    let said = "5 app.main: upgrade of revision a4 failed[..] False True\nFalse 0 None ('a1', 'a2', 'a3', 'a4')\n";
    script(&app, text).stdout(said).ok();
    app.remove("app/versions/a4_.py");
    let text = "
import asyncio
import shed_db as s
print(s.auto('app.main', dry_run=True).pending)
done = asyncio.run(s.aio.auto('app.main'))
print(done.success, done.applied_count, done.previous_revision, done.current_revision, done.restored, done.error)
print(s.auto('app.main').applied_count)
";
    let said = "('a1', 'a2', 'a3')\nTrue 3 None a3 False None\n0\n";
    script(&app, &text.replace("import shed_db as s\n", "import shed_db as s, shed_db.aio\n")).stdout(said).ok();
}

#[test]
fn models_are_discovered_and_validated() {
    let app = App::sqlite();
    let text = "
import shed_db as s
print([(one.name, one.module, one.table, len(one.columns)) for one in s.discover_models('app', 'app.models:Base')])
print(s.discover_models('app')[0].columns[0].name, s.validate_models('app'))
";
    let said = "[('Person', 'app.models', 'person', 3), ('Pet', 'app.models', 'pet', 2)]\nid []\n";
    app.write("app/__init__.py", "");
    script(&app.keys("cwd: ."), text).stdout(said).ok();
}

#[test]
fn what_is_wrong_with_the_models_is_a_list_and_no_error() {
    let app = App::sqlite();
    let keyless =
        "\n\nimport sqlalchemy as sa\n\nLOOSE = sa.Table('loose', Base.metadata, sa.Column('id', sa.Integer))\n";
    app.write("app/models.py", &(app.read("app/models.py") + keyless));
    let text = "import shed_db as s\nprint([(one.id, one.table) for one in s.validate_models('app')])\n";
    script(&app, text).stdout("[('no-primary-key', 'loose')]\n").ok();
}
