//! The interpreter: where it is looked for and in which order, what asks for it, what is said when it is missing.

use serde_json::Value;

use crate::app::App;
use crate::call::{Call, path_with};
use crate::repo::{Repo, site_packages};

/// Each place that is emptied lets the next one be found.
#[test]
fn the_places_are_looked_through_in_their_order() {
    let app = deep("python: bin/own-python\n");
    link(&app, "bin/own-python");
    for folder in ["named", "services/app/app/.venv", "services/.venv", ".venv", "active", "conda"] {
        environment(&app, folder);
    }
    link(&app, "path/python3");
    let call = |args: &[&str]| {
        app.shed(args)
            .env("VIRTUAL_ENV", app.path("active"))
            .env("CONDA_PREFIX", app.path("conda"))
            .env("PATH", path_with(&[app.path("path")]))
    };
    let found = || of_doctor(&app, call(&["doctor"]));
    assert_eq!(found(), pair("`python` of app", "bin/own-python"));
    app.write("shed.yaml", &app.read("shed.yaml").replace("bin/own-python", "named"));
    assert_eq!(found(), pair("`python` of app", "named/bin/python"));
    app.write("shed.yaml", &app.read("shed.yaml").replace("    python: named\n", ""));
    for folder in ["services/app/app/.venv", "services/.venv", ".venv"] {
        assert_eq!(found(), pair(&format!("$REPO/{folder}"), &format!("{folder}/bin/python")));
        call(&["current"]).any_stderr().ok();
        app.remove(folder);
    }
    assert_eq!(found(), pair("VIRTUAL_ENV", "active/bin/python"));
    app.remove("active");
    assert_eq!(found(), pair("CONDA_PREFIX", "conda/bin/python"));
    app.remove("conda");
    assert_eq!(found(), pair("PATH", "path/python3"));
    call(&["current"]).any_stderr().ok();
}

#[test]
fn an_environment_above_the_settings_is_nobody_s() {
    let app = App::sqlite();
    let above = app.path("").parent().unwrap().join(".venv");
    app.call(app.python()).args(["-m", "venv", "--without-pip"]).arg(&above).ok();
    assert_eq!(of_doctor(&app, app.shed(["doctor"])).0, "VIRTUAL_ENV");
}

#[test]
fn uv_poetry_and_pixi_are_asked_by_their_names_where_the_models_are() {
    let asked = [
        ("uv", "run --no-sync --quiet python -c import sys; print(sys.executable)"),
        ("poetry", "env info --executable"),
        ("pixi", "run --frozen --quiet python -c import sys; print(sys.executable)"),
    ];
    for (name, arguments) in asked {
        let app = deep(&format!("python: {name}\n"));
        environment(&app, "hidden");
        let say = format!(
            "#!/bin/sh\necho \"$PWD|$*\" > {0}/asked\necho a note >&2\necho {0}/hidden/bin/python\n",
            quoted(&app)
        );
        app.program(&format!("path/{name}"), &say);
        let path = path_with(&[app.path("path")]);
        assert_eq!(of_doctor(&app, app.shed(["doctor"]).env("PATH", &path)), pair(name, "hidden/bin/python"));
        app.shed(["current"]).env("PATH", &path).any_stderr().ok();
        let place = app.path("services/app/app");
        assert_eq!(app.read("asked"), format!("{}|{arguments}\n", place.display()));
    }
}

#[test]
fn a_tool_that_is_missing_fails_or_names_nothing_is_an_error_with_what_it_said() {
    for name in ["uv", "poetry", "pixi"] {
        let app = deep(&format!("python: {name}\n"));
        let bare = app.path("path");
        std::fs::create_dir_all(&bare).unwrap();
        app.shed(["list-templates"])
            .env("PATH", &bare)
            .stderr(format!(
                "error: projects.app.python is `{name}`, which was not found\nhelp: install {name}, or name the interpreter itself\n"
            ))
            .fails(3);
        app.program(&format!("path/{name}"), "#!/bin/sh\necho no lock file here >&2\nexit 7\n");
        app.shed(["list-templates"])
            .env("PATH", &bare)
            .stderr(format!(
                "error: `$REPO/path/{name} [..]` named no interpreter for project app\nno lock file here\n\
                 help: run it in $REPO/services/app/app, or name the interpreter itself\n"
            ))
            .fails(3);
        app.program(&format!("path/{name}"), "#!/bin/sh\necho /not/there/python\n");
        app.shed(["list-templates"]).env("PATH", &bare).stderr_has("named no interpreter for project app").fails(3);
    }
}

#[test]
fn a_setting_that_leads_nowhere_is_named_and_nothing_else_is_taken() {
    let app = App::sqlite().keys("python: nowhere/.venv");
    app.shed(["list-templates"])
        .stderr(
            "error: projects.app.python: $REPO/nowhere/.venv is not there\n\
             help: make the environment, or name another interpreter or virtual environment\n",
        )
        .fails(3);
    std::fs::create_dir_all(app.path("nowhere/.venv")).unwrap();
    app.shed(["list-templates"]).stderr_has("projects.app.python: $REPO/nowhere/.venv has no bin/python\n").fails(3);
    app.write("nowhere/.venv/bin/python", "");
    app.shed(["list-templates"]).stderr_has("$REPO/nowhere/.venv/bin/python").fails(3);
}

#[test]
fn without_any_python_the_key_to_set_is_named() {
    let app = App::sqlite();
    let bare = app.path("path");
    std::fs::create_dir_all(&bare).unwrap();
    app.shed(["list-templates"])
        .env("PATH", &bare)
        .env_remove("VIRTUAL_ENV")
        .stderr(
            "error: no Python was found for project app\n\
             help: set projects.app.python to an interpreter or a virtual environment\n",
        )
        .fails(3);
}

#[test]
fn doctor_says_the_line_to_type_for_what_is_missing() {
    let app = App::sqlite();
    let db = r#"{ "type": "postgres", "db_name": "x", "connection": { "host": "nowhere" } }"#;
    app.write(
        "shed.yaml",
        &format!("projects:\n  app:\n    module: app/models.py\n    python: bare\n    db:\n      main: {db}\n"),
    );
    app.call(app.python()).args(["-m", "venv", "--without-pip"]).arg(app.path("bare")).ok();
    let said = app.shed(["doctor"]).any_stdout().fails(3).stdout;
    let missing: Vec<_> = said.lines().filter(|line| line.starts_with("missing")).collect();
    let pip = "$REPO/bare/bin/python -m pip install";
    let expected = [
        format!("missing   app: alembic is missing: {pip} \"alembic\""),
        format!("missing   app: sqlalchemy is missing: {pip} \"sqlalchemy\""),
        format!("missing   app.main: no PostgreSQL driver: {pip} \"psycopg[binary]\""),
    ];
    assert_eq!(missing, expected, "{said}");
    app.remove("bare");
    let said = app.shed(["doctor"]).any_stdout().fails(3).stdout;
    let expected = "missing   app: projects.app.python: $REPO/bare is not there\n\
                    help: make the environment, or name another interpreter or virtual environment\n";
    assert!(said.contains(expected), "{said}");
}

#[test]
fn doctor_tells_of_the_formatter_that_is_called_shed_too() {
    let app = App::sqlite().keys("python: bare");
    app.call(app.python()).args(["-m", "venv", "--without-pip"]).arg(app.path("bare")).ok();
    let notes = |path: &std::ffi::OsStr| {
        let said = app.shed(["doctor"]).env("PATH", path).any_stdout().fails(3).stdout;
        said.lines().filter(|line| line.starts_with("note")).map(str::to_owned).collect::<Vec<_>>()
    };
    let own = std::path::Path::new(env!("CARGO_BIN_EXE_shed")).parent().unwrap().to_path_buf();
    assert_eq!(notes(&path_with(&[own])), [""; 0]);
    let metadata = site_packages(&app.path("bare")).join("shed-2025.6.1.dist-info/METADATA");
    std::fs::create_dir(metadata.parent().unwrap()).unwrap();
    std::fs::write(metadata, "Metadata-Version: 2.1\nName: shed\nVersion: 2025.6.1\n").unwrap();
    app.program("path/shed", "#!/usr/bin/python3\nfrom shed._cli import main\n");
    let expected = [
        "note      app: the formatter shed 2025.6.1 is installed in its Python, and its command is `shed` too: \
         $REPO/bare/bin/python -m pip uninstall shed",
        "note      `shed` is the formatter $REPO/path/shed on PATH, not this one",
    ];
    assert_eq!(notes(&path_with(&[app.path("path")])), expected);
}

/// A project some folders below its settings.
fn deep(keys: &str) -> App {
    let app = App::sqlite();
    app.write("services/app/app/models.py", &app.read("app/models.py"));
    app.write("services/app/app/versions/a1_.py", &app.read("app/versions/a1_.py"));
    let keys: String = keys.lines().map(|line| format!("    {line}\n")).collect();
    let db = app.db.settings();
    app.write(
        "shed.yaml",
        &format!("projects:\n  app:\n    module: services/app/app/models.py\n{keys}    db:\n      main: {db}\n"),
    );
    app
}

/// What `shed doctor` found: how, and which interpreter.
fn of_doctor(repo: &Repo, call: Call) -> (String, String) {
    let said = call.args(["--format", "json"]).any_stdout().ok().stdout;
    let found: Value = serde_json::from_str(&said).unwrap();
    let project = &found["projects"][0];
    assert!(project["versions"]["alembic"].is_string(), "{found} in {}", repo.path("").display());
    (project["found"].as_str().unwrap().into(), project["python"].as_str().unwrap().into())
}

fn pair(found: &str, python: &str) -> (String, String) {
    (found.into(), format!("$REPO/{python}"))
}

/// A virtual environment with the packages of the newest one.
fn environment(repo: &Repo, folder: &str) {
    std::fs::create_dir_all(repo.path(folder).join("bin")).unwrap();
    link(repo, &format!("{folder}/bin/python"));
}

/// A program that is the tests' interpreter.
fn link(repo: &Repo, path: &str) {
    std::fs::create_dir_all(repo.path(path).parent().unwrap()).unwrap();
    let program = format!("#!/bin/sh\nexec {} \"$@\"\n", repo.python().display());
    repo.program(path, &program);
}

fn quoted(repo: &Repo) -> String {
    format!("'{}'", repo.path("").display())
}
