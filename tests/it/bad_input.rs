//! What goes wrong in daily life: each says what, which value, and the next step, with its exit code.

use serde_json::json;

use crate::app::App;
use crate::cluster::cluster;
use crate::repo::{Repo, bare_environment};

#[test]
fn a_wrong_target_names_the_nearest() {
    let app = App::sqlite();
    app.shed(["migrate", "ap.main"]).stderr_has("app.main").fails(2);
    app.shed(["current", "app.mian"]).stderr_has("app.main").fails(2);
    app.shed(["current", "elsewhere"]).stderr_has("elsewhere").fails(2);
}

#[test]
fn without_settings_the_places_are_named() {
    let repo = Repo::new();
    repo.shed(["current"]).env_remove("SHED_SETTINGS").stderr_has("shed.yaml").stderr_has("shed init").fails(2);
    repo.shed(["current"]).stderr_has("$REPO/shed.yaml").fails(2);
    repo.shed(["current"]).env("SHED_SETTINGS", repo.path("")).stderr_has("$REPO").fails(2);
}

#[test]
fn a_settings_error_shows_line_column_and_caret() {
    let repo = Repo::new().settings("projects:\n  app:\n    modul: app.py\n    db: {}\n");
    repo.shed(["current"])
        .stderr_has("shed.yaml:3:5")
        .stderr_has("modul")
        .stderr_has("^")
        .stderr_has("module")
        .fails(2);
}

#[test]
fn a_missing_variable_matters_only_where_it_is_needed() {
    let app = App::sqlite();
    let text = app.read("shed.yaml")
        + "      prod: { type: postgres, db_name: x, connection: { password: \"${NOT_SET}\" } }\n";
    app.write("shed.yaml", &text);
    app.shed(["migrate", "app.main"]).any_stderr().ok();
    app.shed(["current", "app.prod"]).stderr_has("NOT_SET").stderr_has("shed.yaml:").fails(2);
}

#[test]
fn a_module_that_is_not_there_is_named() {
    let app = App::sqlite();
    app.write("shed.yaml", &app.read("shed.yaml").replace("app/models.py", "app/modles.py"));
    app.shed(["migrate"]).stderr_has("app/modles.py").fails(2);
}

#[test]
fn a_module_without_models_is_said() {
    let app = App::sqlite().migrated("head");
    app.write("app/models.py", "x = 1\n");
    app.shed(["revision", "--autogenerate", "-m", "x"]).stderr_has("app/models.py").fails(2);
    assert_eq!(app.files("app/versions"), ["a1_.py", "a2_.py", "a3_.py"]);
}

#[test]
fn an_error_in_the_models_is_shown_without_eighty_lines() {
    for app in App::on_both_alembics() {
        app.write("app/models.py", "class Person(:\n    pass\n");
        let said = app.shed(["migrate"]).stderr_has("app/models.py").stderr_has("class Person(:").fails(3);
        assert!(said.stderr.lines().count() < 20, "{}", said.stderr);
        app.write("app/models.py", "import nowhere_to_be_found\n");
        let said = app.shed(["migrate"]).stderr_has("nowhere_to_be_found").stderr_has("app/models.py").fails(3);
        assert!(said.stderr.lines().count() < 20, "{}", said.stderr);
    }
}

#[test]
fn an_interpreter_without_alembic_or_that_is_not_there_is_exit_3() {
    let app = App::sqlite();
    bare_environment(&app, "bare", &[]);
    app.shed(["current"]).env("VIRTUAL_ENV", app.path("bare")).stderr_has("alembic").stderr_has("$REPO/bare").fails(3);
    let app = App::sqlite().keys("python: nowhere/.venv");
    app.shed(["current"]).stderr_has("nowhere/.venv").fails(3);
}

#[test]
fn a_missing_driver_is_named_with_the_cure() {
    let app = App::postgres();
    bare_environment(&app, "driverless", &["alembic", "sqlalchemy", "mako", "markupsafe", "typing_extensions.py"]);
    app.shed(["current"])
        .env("VIRTUAL_ENV", app.path("driverless"))
        .stderr_has("psycopg")
        .stderr_has("install")
        .fails(3);
}

#[test]
fn a_server_that_is_not_there_is_exit_4() {
    let app = App::sqlite();
    let entry =
        json!({ "type": "postgres", "db_name": "x", "connection": { "host": app.path("nowhere"), "user": "shed" } });
    app.write("shed.yaml", &format!("projects:\n  app:\n    module: app/models.py\n    db:\n      main: {entry}\n"));
    for command in [["current"], ["migrate"], ["check"]] {
        let said = app.shed(command).stderr_has("app.main").stderr_has("nowhere").fails(4);
        assert!(said.stderr.lines().count() < 20, "{}", said.stderr);
    }
    app.shed(["heads"]).stdout("a3 (head)\n").ok();
}

#[test]
fn a_wrong_password_and_a_missing_database_are_exit_4() {
    let app = App::with(Repo::new(), cluster().database_with_password("right"));
    app.shed(["migrate"]).any_stderr().ok();
    let settings = app.read("shed.yaml");
    app.write("shed.yaml", &settings.replace("\"right\"", "\"wrong word\""));
    let said = app.shed(["current"]).stderr_has("password authentication failed").fails(4);
    assert!(!said.stderr.contains("wrong word"), "{}", said.stderr);
    app.write(
        "shed.yaml",
        &settings.replace(&format!("\"db_name\":\"{}\"", app.db.name()), "\"db_name\":\"not_there\""),
    );
    app.shed(["migrate"]).stderr_has("not_there").stderr_has("create").fails(4);
}

#[test]
fn a_database_ahead_of_the_checkout_says_how_to_go_on() {
    for app in App::everywhere() {
        let app = app.migrated("head");
        app.remove("app/versions/a3_.py");
        app.shed(["migrate"]).stderr_has("a3").stderr_has("git").fails(2);
        assert_eq!(app.db.revisions(), ["a3"]);
    }
}

#[test]
fn a_versions_folder_that_is_a_file_is_refused() {
    let app = App::sqlite();
    app.remove("app/versions");
    app.write("app/versions", "");
    for command in [&["migrate"][..], &["heads"], &["revision", "-m", "x"]] {
        app.shed(command).stderr_has("app/versions").fails(2);
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let app = App::sqlite();
    app.write("shed.yaml", "projects:\n  app:\n    module: app/models.py\n    db: { main: { connection: { db_path: /proc/none/x.db } } }\n");
    app.shed(["migrate"]).stderr_has("/proc/none").run();
    let app = App::sqlite().keys("versions: /proc/none");
    app.shed(["revision", "-m", "x"]).stderr_has("/proc/none").run();
}

#[test]
fn a_revision_file_that_cannot_be_read_is_named() {
    for app in App::on_both_alembics() {
        app.write("app/versions/bad.py", "revision = 'bad'\ndown_revision = 'a3'\ndef upgrade(:\n");
        app.shed(["heads"]).stderr_has("bad.py").fails(2);
        app.shed(["migrate"]).stderr_has("bad.py").fails(2);
    }
}

#[test]
fn links_that_lead_in_a_circle_end() {
    for app in App::on_both_alembics() {
        let app = app.keys("recursive: true\npythonpath: [app]");
        for (to, link) in
            [("self", "app/self"), (".", "app/here"), ("..", "app/versions/up"), ("one", "app/two"), ("two", "app/one")]
        {
            std::os::unix::fs::symlink(to, app.path(link)).unwrap();
        }
        app.shed(["heads"]).stdout("a3 (head)\n").ok();
        app.shed(["status"]).any_stdout().any_stderr().ok();
        let check = || app.shed(["check", "--offline"]).env("SHED_CACHE_DIR", app.beside("cache"));
        check().stdout("No new upgrade operations detected.\n").ok();
        check().stdout("No new upgrade operations detected. (cached)\n").ok();
        app.shed(["migrate"]).any_stderr().ok();
        // A revision that is a link to itself is one that cannot be read.
        std::os::unix::fs::symlink("a4_.py", app.path("app/versions/a4_.py")).unwrap();
        app.shed(["heads"]).stderr_has("a4_.py").fails(2);
        app.shed(["migrate"]).stderr_has("a4_.py").fails(2);
        check().stderr_has("a4_.py").fails(2);
        // So is a versions folder.
        app.remove("app/versions");
        std::os::unix::fs::symlink("versions", app.path("app/versions")).unwrap();
        let refused = "error: the versions folder $REPO/app/versions is a link that leads nowhere\n\
            help: set `versions` of the project to a folder\n";
        app.shed(["heads"]).stderr(refused).fails(2);
        check().stderr(refused).fails(2);
    }
}

#[test]
fn quotes_percent_signs_and_unicode_may_stand_in_every_path() {
    let repo = Repo::named("it's 100% \"ü\" $HOME {x} \\ %(here)s");
    let db = repo.sqlite("da%ta 'ü'/a \"pp\".db");
    let app = App::with(repo, db);
    app.shed(["migrate"]).any_stderr().ok();
    app.shed(["current"]).stdout("a3 (head)\n").any_stderr().ok();
    app.shed(["check"]).stdout("No new upgrade operations detected.\n").any_stderr().ok();
    app.drift();
    app.shed(["revision", "--autogenerate", "-m", "it's \"100%\" ü"]).any_stdout().any_stderr().ok();
    app.shed(["migrate"]).dir(app.path("")).env_remove("SHED_SETTINGS").any_stderr().ok();
    assert!(app.db.tables().contains(&"toy".to_owned()));
}

#[test]
fn without_a_home_and_with_a_closed_stdout_all_is_well() {
    let app = App::sqlite();
    app.shed(["migrate"]).env_remove("HOME").env_remove("SHED_STATE_DIR").any_stderr().ok();
    app.sh("shed history | head -1; exit ${PIPESTATUS:-0}").stdout("a2 -> a3 (head), a3\n").ok();
    app.sh("shed history >&-; true").any_stderr().ok();
}

#[test]
fn a_cache_folder_that_may_only_be_read_is_read_and_nothing_else() {
    let app = App::sqlite();
    for number in 4..24 {
        app.add_revision(&format!("a{number}"), &format!("a{}", number - 1), "pass");
    }
    let cache = app.beside("cache");
    // root may write everywhere, but for a root that has given that right away.
    let is_root = rustix::process::geteuid().is_root();
    let check = |more: &[&str]| {
        let shed = env!("CARGO_BIN_EXE_shed");
        let drops = ["--bounding-set=-dac_override", shed];
        let call = if is_root { app.call("setpriv").args(drops) } else { app.call(shed) };
        call.args(["check", "--offline", "app"]).args(more).env("SHED_CACHE_DIR", &cache)
    };
    let give = |mode: &str| drop(app.call("chmod").args(["-R", mode]).arg(&cache).ok());
    std::fs::create_dir(&cache).unwrap();
    give("u=rwX,go=");
    check(&[]).stdout("No new upgrade operations detected.\n").ok();
    check(&[]).stdout("No new upgrade operations detected. (cached)\n").ok();
    give("a-w");
    check(&[]).stdout("No new upgrade operations detected. (cached)\n").ok();
    app.add_revision("a24", "a23", "pass");
    for _ in 0..2 {
        check(&["-v"])
            .stdout("No new upgrade operations detected.\n")
            .stderr_has("app.main: the answer is not kept: the cache directory cannot be written to\n")
            .ok();
    }
    give("u+w");
    check(&[]).stdout("No new upgrade operations detected.\n").ok();
    check(&[]).stdout("No new upgrade operations detected. (cached)\n").ok();
}
