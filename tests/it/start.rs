//! The start and the end of an interpreter: as `python -m alembic`, and as Python itself ends.

use crate::app::App;
use crate::call::{Call, Output};
use crate::repo::{NEW, OLD, bare_environment, site_packages};

/// Every command of Alembic's but `init`, in an order in which each finds something to do.
const COMMANDS: &[&[&str]] = &[
    &["branches"],
    &["current"],
    &["ensure_version"],
    &["upgrade", "a2"],
    &["current", "--verbose"],
    &["current", "--check-heads"],
    &["heads"],
    &["heads", "--verbose"],
    &["history"],
    &["history", "--indicate-current", "--verbose"],
    &["show", "a2"],
    &["check"],
    &["upgrade", "head", "--sql"],
    &["upgrade", "head"],
    &["check"],
    &["downgrade", "a3:a2", "--sql"],
    &["downgrade", "-1"],
    &["stamp", "a3"],
    &["stamp", "--sql", "head"],
    &["revision", "-m", "more", "--rev-id", "a4"],
    &["merge", "-m", "both", "a4"],
    &["edit", "a1"],
    &["list_templates"],
    &["upgrade", "nowhere"],
    &["--raiseerr", "upgrade", "nowhere"],
    &["no_such_command"],
    &["--version"],
];

#[test]
fn every_command_says_and_does_what_alembic_does() {
    let app = App::sqlite();
    let bare = bare(&app);
    for command in COMMANDS {
        let through = app.shed(["alembic", "app", "--"]).args(*command).env("EDITOR", "cat");
        let (ours, theirs) = (said(through), said(bare(command).env("EDITOR", "cat")));
        assert_eq!(ours, theirs, "{command:?}");
        assert_eq!(schema(&app, "data/app.db"), schema(&app, "bare/bare.db"), "{command:?}");
    }
}

/// Alembic by itself: its own ini and env.py, the same models and revisions, another database.
fn bare(app: &App) -> impl Fn(&[&str]) -> Call + use<'_> {
    let alembic = || app.call(app.python()).args(["-m", "alembic"]).dir(app.path("bare"));
    std::fs::create_dir(app.path("bare")).unwrap();
    alembic().args(["init", "scripts"]).any_stdout().any_stderr().ok();
    let ini = app.read("bare/alembic.ini").replace("driver://user:pass@localhost/dbname", "sqlite:///bare.db");
    app.write("bare/alembic.ini", &ini.replace("prepend_sys_path = .", "prepend_sys_path = ../app"));
    let env = app.read("bare/scripts/env.py");
    let models = "from models import Base\ntarget_metadata = Base.metadata";
    app.write("bare/scripts/env.py", &env.replace("target_metadata = None", models));
    for file in app.files("app/versions") {
        app.write(&format!("bare/scripts/versions/{file}"), &app.read(&format!("app/versions/{file}")));
    }
    move |command| alembic().args(command)
}

/// Without what differs by the place alone.
fn said(call: Call) -> Output {
    let said = call.any_stdout().any_stderr().run();
    let placed = |text: String| {
        let text = text.replace("$REPO/bare/scripts/versions", "$REPO/app/versions");
        let text = text.replace("non-transactional DDL", "transactional DDL"); // SQLite's: shed makes it so
        let differs = ["Generating ", "Create Date: ", "Current revision(s) for ", "INFO  [alembic.config]"];
        let lines = text.lines().filter(|line| !differs.iter().any(|start| line.trim_start().starts_with(start)));
        lines.map(|line| format!("{line}\n")).collect::<String>()
    };
    // The way into Alembic is another one; what went wrong is the same.
    let last = |text: String| if text.contains("Traceback") { text.lines().last().unwrap().to_owned() } else { text };
    Output { stdout: placed(said.stdout), stderr: last(placed(said.stderr)), code: said.code }
}

fn schema(app: &App, path: &str) -> (Vec<String>, Vec<String>) {
    if !app.path(path).exists() {
        return Default::default();
    }
    let database = app.sqlite(path);
    (database.tables(), database.revisions())
}

/// What a migration leaves running, registered or open when the interpreter ends.
const LEFT: &str = r#"
import atexit, logging, sys, threading, time
logging.getLogger().addHandler(logging.FileHandler("log.txt"))
open_file = open("open.txt", "w")
open_file.write("unflushed")
sys.open_file = open_file
atexit.register(lambda: open("atexit.txt", "w").write("ran"))
def late():
    time.sleep(0.3)
    open("thread.txt", "w").write("joined")
threading.Thread(target=late).start()
sys.stdout.write("no newline at the end")
"#;

#[test]
fn threads_exit_functions_and_open_files_end_as_in_python() {
    for environment in [NEW, OLD] {
        let app = App::sqlite().on(environment);
        app.add_revision("a4", "a3", LEFT);
        app.shed(["migrate"]).stdout("no newline at the end").any_stderr().ok();
        for (file, text) in [("open.txt", "unflushed"), ("atexit.txt", "ran"), ("thread.txt", "joined")] {
            assert_eq!(app.read(file), text);
        }
    }
}

#[test]
fn an_exit_keeps_its_code_and_its_words() {
    for (exit, code, words) in [("None", 0, ""), ("0", 0, ""), ("7", 7, ""), ("300", 44, ""), ("'over'", 1, "over\n")] {
        let app = App::sqlite();
        app.write("app/own_env.py", &format!("import sys\nsys.exit({exit})\n"));
        app.write("shed.yaml", &app.read("shed.yaml").replace("    db:", "    env_py: app/own_env.py\n    db:"));
        app.shed(["alembic", "app", "--", "current"]).stderr(words).fails(code);
    }
}

#[test]
fn garbage_is_looked_for_while_a_migration_runs() {
    let app = App::sqlite();
    app.add_revision("a4", "a3", "import gc\nprint(gc.isenabled(), gc.get_freeze_count() > 10000)");
    app.shed(["migrate"]).stdout("True True\n").any_stderr().ok();
}

#[test]
fn an_environment_without_bytecode_gets_it_in_the_cache() {
    let app = App::sqlite();
    bare_environment(&app, "plain", &[]);
    let (site, full) = (site_packages(&app.path("plain")), site_packages(&crate::repo::environment(NEW)));
    for package in ["sqlalchemy", "alembic", "mako", "markupsafe", "typing_extensions.py"] {
        let copy = "cp -r \"$0\" \"$1\" && find \"$1\" -name __pycache__ -prune -exec rm -r {} +";
        app.call("sh").args(["-c", copy]).arg(full.join(package)).arg(&site).ok();
    }
    let cache = app.beside("cache");
    let current = || {
        let call = app.shed(["current"]).env("VIRTUAL_ENV", app.path("plain")).env("SHED_CACHE_DIR", &cache);
        call.env("PYTHONDONTWRITEBYTECODE", "1").any_stderr()
    };
    current().ok();
    let pyc = cache.join("v1/pyc");
    assert!(pyc.join(site.strip_prefix("/").unwrap()).join("sqlalchemy/__init__.cpython-311.pyc").exists());
    assert!(!site.join("sqlalchemy/__pycache__").exists());
    std::fs::remove_dir_all(&pyc).unwrap();
    app.write(
        "shed.yaml",
        &app.read("shed.yaml").replace("    db:", "    env: { PYTHONDONTWRITEBYTECODE: \"1\" }\n    db:"),
    );
    current().ok();
    assert!(!pyc.exists());
}
