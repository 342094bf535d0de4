//! Commands on whole databases: create, drop, wait, up, dump, load, shell.

use serde_json::{Value, json};

use crate::app::App;
use crate::call::Output;
use crate::cluster::cluster;
use crate::database::Database;
use crate::repo::{OLD, Repo};

/// On a PostgreSQL database that is not there.
fn without_database() -> App {
    let (cluster, repo) = (cluster(), Repo::new());
    let name = cluster.free_name();
    App::with(repo, Database::postgres(cluster, name, "shed", None))
}

/// A second database of the project, `app.copy`, that is not there.
fn with_copy(app: App) -> (App, Database) {
    let copy = if app.db.url().starts_with("sqlite") {
        app.sqlite("data/copy.db")
    } else {
        Database::postgres(cluster(), cluster().free_name(), "shed", None)
    };
    let text = app.read("shed.yaml").replace("      main: {", "      main: {\"default\": true, ");
    app.write("shed.yaml", &format!("{text}      copy: {}\n", copy.settings()));
    (app, copy)
}

fn with_keys(app: App, keys: Value) -> App {
    let settings = app.db.settings();
    let text = app.read("shed.yaml").replace(&settings, &app.db.settings_with(keys));
    app.write("shed.yaml", &text);
    app
}

fn json_of(said: &Output) -> Value {
    serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}: {said:?}"))
}

fn place(app: &App) -> String {
    if app.db.url().starts_with("sqlite") {
        "sqlite $REPO/data/app.db".into()
    } else {
        format!("postgres [..]/{}", app.db.name())
    }
}

#[test]
fn a_database_is_created_once_and_both_are_said() {
    for app in [App::sqlite(), without_database()] {
        app.shed(["create", "app", "--dry-run"]).stdout(format!("app.main: {} would be created\n", place(&app))).ok();
        assert!(!app.db.exists());
        app.shed(["create", "app"]).stdout(format!("app.main: {} created\n", place(&app))).ok();
        assert!(app.db.exists());
        app.shed(["create", "app", "--dry-run"]).stdout(format!("app.main: {} is there already\n", place(&app))).ok();
        app.shed(["create", "app"]).stdout(format!("app.main: {} is there already\n", place(&app))).ok();
    }
}

#[test]
fn a_database_is_created_as_its_flags_say() {
    let app = without_database();
    cluster().psql("postgres", &format!("create role \"o {}\"", app.db.name()));
    let owner = format!("o {}", app.db.name());
    app.shed(["create", "app", "--owner", &owner, "--encoding", "LATIN1"]).any_stdout().ok();
    let query = "select pg_encoding_to_char(encoding), pg_get_userbyid(datdba) from pg_database where datname = current_database()";
    assert_eq!(app.db.rows(query), format!("LATIN1|{owner}\n"));
    cluster().psql("postgres", &format!("drop database \"{}\"", app.db.name()));
    cluster().psql("postgres", &format!("drop role \"{owner}\""));
    let source = cluster().database();
    source.execute("create table t (i int)");
    app.shed(["create", "app", "--template", &source.name()]).any_stdout().ok();
    assert_eq!(app.db.tables(), ["t"]);
}

#[test]
fn sqlite_has_no_owner_and_nothing_is_created() {
    let app = App::sqlite();
    app.shed(["create", "app", "--owner", "me"]).stderr_has("--owner").stderr_has("PostgreSQL's").fails(2);
    assert!(!app.db.exists());
}

#[test]
fn a_name_that_the_server_refuses_is_an_error_with_its_words() {
    let app = without_database();
    app.shed(["create", "app", "--owner", "nobody_at_all"])
        .stderr_has("role \"nobody_at_all\" does not exist")
        .fails(4);
    assert!(!app.db.exists());
}

#[test]
fn the_tables_of_the_models_are_made_and_the_heads_stamped() {
    for app in [App::sqlite(), without_database(), App::postgres(), App::sqlite().on(OLD)] {
        let stdout = format!("app.main: {} [..]\napp.main: 2 tables made from the models, stamped a3\n", place(&app));
        app.shed(["create", "app", "--from-models"]).stdout(stdout).stderr("app.main: stamped a3\n").ok();
        assert_eq!(app.db.tables(), ["alembic_version", "person", "pet"]);
        assert_eq!(
            (app.db.revisions(), app.db.columns("person")),
            (vec!["a3".to_owned()], vec!["id".to_owned(), "name".into(), "email".into()])
        );
        app.shed(["check", "app"]).stdout("No new upgrade operations detected.\n").ok();
    }
}

#[test]
fn from_models_refuses_a_database_with_tables_and_force_adds_what_is_missing() {
    for app in [App::sqlite(), App::postgres()] {
        app.db.execute("create table pet (id integer primary key, note text)");
        app.db.execute("insert into pet values (1, 'x')");
        app.shed(["create", "app", "--from-models"]).stderr_has("holds 1 table: pet").stderr_has("--force").fails(2);
        assert_eq!(app.db.tables(), ["pet"]);
        let said =
            app.shed(["create", "app", "--from-models", "--force", "--format", "json"]).any_stdout().any_stderr().ok();
        let models = json!({"tables": ["person"], "there": ["pet"], "schemas": [], "heads": ["a3"]});
        assert_eq!(json_of(&said)["models"], models);
        assert_eq!(app.db.tables(), ["alembic_version", "person", "pet"]);
        assert_eq!(app.db.rows("select * from pet"), "1|x\n");
    }
}

#[test]
fn from_models_refuses_a_migrated_database_models_without_tables_and_an_own_env() {
    let app = App::sqlite();
    app.shed(["stamp", "app", "a1"]).any_stderr().ok();
    app.shed(["create", "app", "--from-models"]).stderr_has("is at revision a1").fails(2);
    let app = App::sqlite();
    app.write("app/models.py", "import sqlalchemy as sa\nmetadata = sa.MetaData()\n");
    app.shed(["create", "app", "--from-models"]).stderr_has("the models have no tables to make").fails(2);
    assert!(app.db.tables().is_empty());
    let app = App::sqlite().keys("env_py: app/env.py");
    app.write("app/env.py", "");
    app.shed(["create", "app", "--from-models"]).stderr_has("env_py").stderr_has("shed migrate app.main").fails(2);
}

#[test]
fn from_models_makes_schemas_and_leaves_out_what_autogenerate_leaves_out() {
    let app = App::postgres().keys("exclude_tables: [pet]\nschema_translate_map: { audit: trail }");
    let entry = "\n\nclass Entry(Base):\n    __tablename__ = \"entry\"\n    __table_args__ = {\"schema\": \"audit\"}\n\n    id: Mapped[int] = mapped_column(primary_key=True)\n";
    app.write("app/models.py", &(app.read("app/models.py") + entry));
    app.shed(["create", "app", "--from-models"]).any_stdout().any_stderr().ok();
    let tables = app.db.rows(
        "select schemaname, tablename from pg_tables where schemaname in ('public', 'trail', 'audit') order by 1, 2",
    );
    assert_eq!(tables, "public|alembic_version\npublic|person\ntrail|entry\n");
}

#[test]
fn from_models_that_fails_half_way_leaves_nothing() {
    for app in [App::sqlite(), App::postgres()] {
        let broken = "\nfrom sqlalchemy import text\n\n\nclass Broken(Base):\n    __tablename__ = \"zz\"\n\n    id: Mapped[int] = mapped_column(primary_key=True, server_default=text(\"no such (\"))\n";
        app.write("app/models.py", &(app.read("app/models.py") + broken));
        app.shed(["create", "app", "--from-models"]).any_stderr().fails(5);
        assert!(app.db.tables().is_empty(), "{:?}", app.db.tables());
    }
}

#[test]
fn up_creates_what_is_missing_and_migrates() {
    for app in [App::sqlite(), without_database()] {
        let place = place(&app);
        app.shed(["up", "app", "--wait"])
            .stderr(format!(
                "app.main: {place} created\napp.main: {place}\napp.main: upgraded to a1, a1\napp.main: upgraded to a2, a2\n\
                 app.main: upgraded to a3, a3\napp.main: now at a3 (head)\n"
            ))
            .ok();
        assert_eq!(app.db.revisions(), ["a3"]);
        app.shed(["up", "app"]).stderr(format!("app.main: {place}\napp.main: now at a3 (head)\n")).ok();
    }
}

#[test]
fn up_takes_a_revision_and_a_dry_run_creates_nothing() {
    let app = App::sqlite();
    app.shed(["up", "app", "--dry-run"]).stdout_has("CREATE TABLE person").any_stderr().ok();
    assert!(!app.db.exists());
    app.shed(["up", "app", "a1"]).any_stderr().ok();
    assert_eq!(app.db.revisions(), ["a1"]);
}

#[test]
fn a_missing_database_counts_as_up_and_sqlite_always_does() {
    for app in [App::sqlite(), App::postgres(), without_database()] {
        app.shed(["wait", "app"]).stdout(format!("app.main: {} is up\n", place(&app))).ok();
    }
}

#[test]
fn a_wait_ends_at_its_timeout_with_the_last_reason() {
    let app = with_host(App::sqlite(), "/nowhere");
    let waiting = "app.main: waiting for postgres /nowhere:5432/x: No such file or directory\n";
    app.shed(["wait", "app", "--timeout", "300ms", "--interval", "100ms"])
        .stderr(format!(
            "{waiting}error: app.main: postgres /nowhere:5432/x did not answer within 0.3 s: No such file or directory\n\
             help: is the server running, and are host and port right? --timeout waits longer\n"
        ))
        .fails(4);
}

#[test]
fn a_wrong_password_ends_the_wait_at_once() {
    let app = App::with(Repo::new(), cluster().database_with_password("right"));
    let text = app.read("shed.yaml").replace("right", "wrong");
    app.write("shed.yaml", &text);
    app.shed(["wait", "app"]).stderr_has("password authentication failed").fails(4);
    app.write("shed.yaml", &text.replace("wrong", "right"));
    app.shed(["wait", "app"]).any_stdout().ok();
}

#[test]
fn ctrl_c_ends_a_wait() {
    let app = with_host(App::sqlite(), "/nowhere");
    let mut call = app.shed(["wait", "app"]).any_stderr();
    let mut child = call.start();
    // It has caught signals once it says that it waits.
    let mut first = [0; 9];
    std::io::Read::read_exact(child.stderr.as_mut().unwrap(), &mut first).unwrap();
    std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert_eq!(call.finish(child).code, 130);
}

fn with_host(app: App, host: &str) -> App {
    let entry = json!({ "type": "postgres", "db_name": "x", "connection": { "host": host, "user": "me" } });
    app.write("shed.yaml", &app.read("shed.yaml").replace(&app.db.settings(), &entry.to_string()));
    app
}

#[test]
fn databases_reached_by_the_same_migrations_give_the_same_schema() {
    let dumps = || {
        let app = App::postgres().migrated("head");
        app.db.execute("insert into person values (1, 'Ada')");
        app.shed(["dump", "app"]).any_stdout().ok().stdout
    };
    let text = dumps();
    assert_eq!(text, dumps());
    for absent in ["restrict", "Dumped", "CREATE SCHEMA", "transaction_timeout", "OWNER TO", "Ada", "\n\n\n\n"] {
        assert!(!text.contains(absent), "{absent}: {text}");
    }
    assert!(text.ends_with("INSERT INTO public.alembic_version (version_num) VALUES\n    ('a3');\n"), "{text}");
}

#[test]
fn a_schema_is_loadable_into_an_empty_database_and_comes_out_the_same() {
    for app in [App::sqlite(), App::postgres()] {
        let (app, copy) = with_copy(app.migrated("head"));
        app.db.execute("insert into person (id, name) values (1, 'Ada')");
        app.shed(["dump", "app.main", "-o", "s.sql"]).dir(app.path("")).any_stdout().ok();
        app.shed(["load", "app.copy", "s.sql", "--yes"]).dir(app.path("")).any_stdout().any_stderr().ok();
        assert_eq!(copy.revisions(), ["a3"]);
        assert_eq!(copy.rows("select count(*) from person"), "0\n");
        assert_eq!(copy.tables(), app.db.tables());
        let again = app.shed(["dump", "app.copy"]).any_stdout().ok().stdout;
        assert_eq!(again, app.read("s.sql"));
    }
}

#[test]
fn rows_come_along_in_every_format() {
    for form in ["plain", "custom", "directory"] {
        let (app, copy) = with_copy(App::postgres().migrated("head"));
        app.db.execute("insert into person (id, name) values (1, 'A''da\\x')");
        let file = app.path("all.dump").display().to_string();
        app.shed(["dump", "app.main", "--data", "-F", form, "-o", &file]).any_stdout().ok();
        app.shed(["load", "app.copy", &file, "--yes"]).any_stdout().any_stderr().ok();
        assert_eq!(copy.rows("select * from person"), "1|A'da\\x|\n");
        assert_eq!(copy.revisions(), ["a3"]);
        assert_eq!(app.files("").iter().filter(|file| file.starts_with(".shed-")).count(), 0);
    }
    let (app, copy) = with_copy(App::sqlite().migrated("head"));
    app.db.execute("insert into person (id, name) values (1, 'A''da')");
    let file = app.path("all.dump").display().to_string();
    app.shed(["dump", "app.main", "--data", "-o", &file]).any_stdout().ok();
    app.shed(["load", "app.copy", &file, "--yes"]).any_stdout().any_stderr().ok();
    assert_eq!(copy.rows("select * from person"), "1|A'da|\n");
}

#[test]
fn a_schema_in_postgresqls_own_formats_keeps_the_version_table_s_rows_alone() {
    let (app, copy) = with_copy(App::postgres().migrated("head"));
    app.db.execute("insert into person (id, name) values (1, 'Ada')");
    let file = app.path("schema.dump").display().to_string();
    app.shed(["dump", "app.main", "-F", "custom", "-o", &file]).any_stdout().ok();
    app.shed(["load", "app.copy", &file, "--yes"]).any_stdout().any_stderr().ok();
    assert_eq!((copy.revisions(), copy.rows("select count(*) from person")), (vec!["a3".to_owned()], "0\n".into()));
}

#[test]
fn postgresqls_formats_are_refused_for_sqlite_and_on_stdout() {
    let app = App::sqlite().migrated("head");
    app.shed(["dump", "app", "-F", "custom", "-o", "/tmp/x"])
        .stderr_has("custom and directory are PostgreSQL's")
        .fails(2);
    let app = App::postgres();
    app.shed(["dump", "app", "-F", "custom"]).stderr_has("-o FILE").fails(2);
}

#[test]
fn a_stale_schema_file_is_exit_1_with_a_diff_and_a_missing_one_is_said() {
    for app in [App::sqlite(), App::postgres()] {
        let app = app.migrated("a2");
        app.shed(["dump", "app", "--check"])
            .any_stdout()
            .stderr_has("app.main: $REPO/schema.sql is not there")
            .fails(1);
        app.shed(["dump", "app", "-o", "schema.sql"]).dir(app.path("")).any_stdout().ok();
        app.shed(["dump", "--check", "app"]).stdout("app.main: $REPO/schema.sql is up to date\n").ok();
        let app = app.migrated("head");
        let said = app.shed(["dump", "app", "--check"]).any_stdout().any_stderr().fails(1);
        assert!(said.stdout.starts_with("--- $REPO/schema.sql\n+++ app.main\n@@ "), "{said:?}");
        assert!(said.stdout.contains("('a3')"), "{said:?}");
        let said = app.shed(["dump", "app", "--check", "--format", "json"]).any_stdout().any_stderr().fails(1);
        assert_eq!((&json_of(&said)["up_to_date"], &json_of(&said)["missing"]), (&json!(false), &json!(false)));
    }
}

#[test]
fn the_schema_file_is_written_after_migrating_when_it_changed() {
    for app in [App::sqlite(), App::postgres()] {
        let app = app.keys("dump_after_migrate: true\nschema_file: db/schema.sql");
        std::fs::create_dir(app.path("db")).unwrap();
        app.shed(["migrate", "app"]).stderr_has("app.main: $REPO/db/schema.sql written\n").ok();
        assert!(app.read("db/schema.sql").contains("'a3'"));
        let said = app.shed(["migrate", "app"]).any_stderr().ok();
        assert!(!said.stderr.contains("written"), "{said:?}");
        app.shed(["downgrade", "app", "a2", "--yes"]).stderr_has("app.main: $REPO/db/schema.sql written\n").ok();
        app.shed(["dump", "app", "--check"]).any_stdout().ok();
        app.remove("db");
        app.shed(["migrate", "app"]).stderr_has("app.main is migrated, but its schema file was not written").fails(3);
        assert_eq!(app.db.revisions(), ["a3"]);
    }
}

#[test]
fn a_copy_leaves_the_repository_s_schema_file_alone() {
    let app = App::sqlite().keys("dump_after_migrate: true");
    let url = format!("sqlite:///{}", app.path("other.db").display());
    app.shed(["migrate", "app", "--database-url", &url]).any_stderr().ok();
    assert!(!app.path("schema.sql").exists());
}

#[test]
fn two_projects_with_one_schema_file_are_told_so() {
    let app = App::sqlite().migrated("head");
    let text = app.read("shed.yaml");
    app.write(
        "shed.yaml",
        &(text
            + "  other:\n    versions: other\n    db:\n      main: { type: sqlite, connection: { db_path: o.db } }\n"),
    );
    app.shed(["dump", "app", "--check"]).stderr_has("is the schema file of app.main and of other.main").fails(2);
    app.shed(["load", "app.main", "--yes"]).stderr_has("is the schema file of app.main and of other.main").fails(2);
}

#[test]
fn what_stands_after_two_dashes_is_pg_dump_s() {
    let app = App::postgres().migrated("head");
    let said = app.shed(["dump", "app", "--", "--schema-only", "--table=person"]).any_stdout().ok();
    assert!(said.stdout.contains("CREATE TABLE public.person") && !said.stdout.contains("pet"), "{said:?}");
    app.shed(["dump", "app", "--", "--no-such-flag"]).stderr_has("no-such-flag").fails(1);
    App::sqlite().shed(["dump", "app", "--", "-s"]).stderr_has("pg_dump").fails(2);
}

#[test]
fn a_database_that_is_not_there_cannot_be_dumped_opened_or_dropped() {
    for app in [App::sqlite(), without_database()] {
        for command in [vec!["dump", "app"], vec!["shell", "app"], vec!["drop", "app", "--yes"]] {
            app.shed(command).stderr_has("is not there").fails(4);
        }
        assert!(!app.db.exists());
        app.shed(["drop", "app", "--if-exists"]).stdout(format!("app.main: {} is not there\n", place(&app))).ok();
    }
}

#[test]
fn drop_asks_and_says_what_it_dropped() {
    for app in [App::sqlite(), App::postgres()] {
        let app = app.migrated("head");
        app.shed(["drop", "app"]).stderr_has("--yes").fails(2);
        app.shed_on_terminal(["drop", "app"], &[("[y/N]", "n\n")]).any_stdout().fails(2);
        app.shed(["drop", "app", "--dry-run"]).stdout(format!("app.main: {} would be dropped\n", place(&app))).ok();
        assert!(app.db.exists());
        app.shed(["drop", "app", "--yes"]).stdout(format!("app.main: {} dropped\n", place(&app))).ok();
        assert!(!app.db.exists());
    }
}

#[test]
fn drop_refuses_other_sessions_and_names_them() {
    let app = App::postgres();
    let mut session = std::process::Command::new(crate::cluster::programs().join("psql"))
        .args(["-X", "-q", "-A", "-t", "-U", "shed", "-d", &app.db.name(), "-h"])
        .arg(&cluster().host)
        .env("PGAPPNAME", "somebody")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(session.stdin.as_mut().unwrap(), b"select 1;\n").unwrap();
    std::io::Read::read_exact(session.stdout.as_mut().unwrap(), &mut [0; 2]).unwrap();
    app.shed(["drop", "app", "--yes"]).stderr_has("1 other session is in it").stderr_has("somebody").fails(2);
    assert!(app.db.exists());
    app.shed(["drop", "app", "--yes", "--force"]).any_stdout().ok();
    assert!(!app.db.exists());
    session.kill().unwrap();
    session.wait().unwrap();
}

#[test]
fn drop_and_load_infer_nothing_and_take_no_url_and_no_pattern() {
    let app = App::sqlite().migrated("head");
    let url = app.db.url();
    for command in ["drop", "load"] {
        app.shed([command]).stderr_has("<TARGET>").fails(2);
        app.shed([command, "app.*", "--yes"]).stderr_has("pattern").fails(2);
        app.shed([command, &url, "--yes"]).stderr_has("not a database URL").fails(2);
        app.shed([command, "app", "--yes"]).env("SHED_DATABASE_URL", &url).stderr_has("SHED_DATABASE_URL").fails(2);
    }
    assert_eq!(app.db.revisions(), ["a3"]);
}

#[test]
fn a_protected_database_is_not_dropped_loaded_or_created_without_its_name() {
    for app in [App::sqlite(), App::postgres()] {
        let app = with_keys(app.migrated("head"), json!({ "protected": true }));
        app.write("f.sql", "");
        let file = app.path("f.sql").display().to_string();
        for command in [
            vec!["drop", "app"],
            vec!["load", "app", &file],
            vec!["create", "app", "--from-models", "--force"],
            vec!["up", "app"],
        ] {
            app.shed(command.iter().copied().chain(["--yes"])).stderr_has("app.main is protected").fails(2);
        }
        assert_eq!(app.db.revisions(), ["a3"]);
        app.shed(["drop", "app", "--yes", "--yes-i-mean", "app.main"]).any_stdout().ok();
        assert!(!app.db.exists());
    }
}

#[test]
fn load_refuses_a_database_that_is_not_empty() {
    for app in [App::sqlite(), App::postgres()] {
        app.db.execute("create table mine (i integer)");
        app.write("schema.sql", "create table t (i integer);\n");
        app.shed(["load", "app", "--yes"])
            .stderr_has("is not empty")
            .stderr_has("shed drop app.main")
            .stderr_has("shed clone")
            .fails(2);
        assert_eq!(app.db.tables(), ["mine"]);
    }
}

#[test]
fn a_file_that_fails_leaves_nothing_and_its_line_is_named() {
    for app in [App::sqlite(), App::postgres(), without_database()] {
        let existed = app.db.exists();
        app.write("schema.sql", "create table t (i integer);\n\ninsert into nowhere values (1);\n");
        app.shed(["load", "app", "--yes"]).stderr_has("nowhere").stderr_has("3").fails(5);
        assert_eq!(app.db.exists(), existed, "{}", app.db.name());
        if existed {
            assert!(app.db.tables().is_empty());
        }
    }
}

#[test]
fn a_file_that_commits_by_itself_is_found_out() {
    let app = App::postgres();
    app.write("schema.sql", "create table t (i integer);\ncommit;\ninsert into nowhere values (1);\n");
    app.shed(["load", "app", "--yes"]).stderr_has("nowhere").stderr_has("COMMIT").fails(5);
    assert_eq!(app.db.tables(), ["t"]);
}

#[test]
fn a_file_that_is_no_dump_is_refused() {
    let app = App::sqlite();
    app.shed(["load", "app", "nowhere.sql", "--yes"]).stderr_has("nowhere.sql").fails(2);
    app.write("x.db", "SQLite format 3\0 and more");
    app.shed(["load", "app", app.path("x.db").to_str().unwrap(), "--yes"]).stderr_has("not a dump").fails(2);
    assert!(!app.db.exists());
}

#[test]
fn a_shell_runs_a_statement_and_passes_its_exit_code_on() {
    for app in [App::sqlite(), App::postgres()] {
        let app = app.migrated("head");
        let said = app.shed(["shell", "app", "-c", "select version_num from alembic_version"]).any_stdout().ok();
        assert!(said.stdout.contains("a3"), "{said:?}");
        let said = app.shed(["shell", "app", "-c", "select * from nowhere"]).any_stderr().run();
        assert!(said.code != 0 && said.stderr.contains("nowhere"), "{said:?}");
    }
}

#[test]
fn a_shell_has_the_terminal_and_says_that_a_database_is_protected() {
    for (app, prompt, end) in [(App::sqlite(), "sqlite> ", ".quit\n"), (App::postgres(), "=# ", "\\q\n")] {
        let app = with_keys(app.migrated("head"), json!({ "protected": true }));
        let said =
            app.shed_on_terminal(["shell", "app"], &[(prompt, "select 'typed' || 'here';\n"), ("typedhere", end)]);
        let said = said.env("PSQL_PAGER", "").any_stdout().any_stderr().run();
        assert!(said.stdout.contains("typedhere"), "{said:?}");
        assert!((said.stderr.clone() + &said.stdout).contains("app.main: protected"), "{said:?}");
    }
}

#[test]
fn a_copy_on_a_development_server_is_dropped_by_its_name() {
    let app = App::sqlite();
    let development = "development:\n  db:\n    scratch: { type: sqlite, connection: { db_path: dev } }\n";
    app.write("shed.yaml", &(development.to_owned() + &app.read("shed.yaml")));
    app.shed(["migrate", "--on", "development.scratch/try", "--create"]).any_stderr().ok();
    assert!(app.path("dev/try.db").exists());
    app.shed(["drop", "development.scratch", "--yes"]).stderr_has("development.scratch/NAME").fails(2);
    app.shed(["drop", "development.scratch/try", "--yes"])
        .stdout("development.scratch/try: sqlite $REPO/dev/try.db dropped\n")
        .ok();
    assert!(!app.path("dev/try.db").exists());
}

#[test]
fn a_database_on_a_development_server_is_made_by_its_name_whatever_projects_there_are() {
    let app = App::sqlite();
    let development = "development:\n  db:\n    scratch: { type: sqlite, connection: { db_path: dev } }\n";
    app.write("shed.yaml", &format!("{development}{}  other: {{ versions: others }}\n", app.read("shed.yaml")));
    for said in ["created", "is there already"] {
        app.shed(["create", "development.scratch/try"])
            .stdout(format!("development.scratch/try: sqlite $REPO/dev/try.db {said}\n"))
            .ok();
    }
    app.shed(["clone", "app.main", "development.scratch/nothing", "--yes"]).stderr_has("shed create app.main").fails(4);
    app.shed(["clone", "development.scratch/none", "app.main", "--yes"])
        .stderr_has("help: shed create development.scratch/none\n")
        .fails(4);
}

#[test]
fn a_protected_database_is_protected_under_its_name_on_a_development_server_too() {
    let app = with_keys(App::sqlite().migrated("head"), json!({ "protected": true }));
    let development = "development:\n  db:\n    scratch: { type: sqlite, connection: { db_path: data } }\n";
    app.write("shed.yaml", &(development.to_owned() + &app.read("shed.yaml")));
    app.write("f.sql", "");
    let file = app.path("f.sql").display().to_string();
    for command in [vec!["drop", "development.scratch/app"], vec!["load", "development.scratch/app", &file]] {
        app.shed(command.iter().copied().chain(["--yes"])).stderr_has("app.main is protected").fails(2);
    }
    assert_eq!(app.db.revisions(), ["a3"]);
}

#[test]
fn two_engines_that_would_write_one_schema_file_are_told_before_migrating() {
    let app = App::sqlite().keys("dump_after_migrate: true");
    let other = json!({ "type": "postgres", "db_name": "x", "connection": { "host": "/nowhere" } });
    let text = app.read("shed.yaml").replace("      main: {", "      main: {\"default\": true, ");
    app.write("shed.yaml", &format!("{text}      prod: {other}\n"));
    app.shed(["migrate", "app"]).stderr_has("is the schema file of app.main and of app.prod").fails(2);
    assert!(!app.db.exists());
}

#[test]
fn every_head_and_a_version_table_elsewhere_come_along_sorted() {
    let app = App::postgres().keys("version_table: \"odd name\"\nversion_table_schema: \"it's\"").two_heads();
    app.shed(["migrate", "app", "heads"]).any_stderr().ok();
    let text = app.shed(["dump", "app"]).any_stdout().ok().stdout;
    let rows = "INSERT INTO \"it's\".\"odd name\" (version_num) VALUES\n    ('a3'),\n    ('b1');\n";
    assert!(text.ends_with(rows), "{text}");
    let (app, copy) = with_copy(app);
    app.write("s.sql", &text);
    app.shed(["load", "app.copy", app.path("s.sql").to_str().unwrap(), "--yes"])
        .stdout_has("loaded, at a3, b1")
        .any_stderr()
        .ok();
    assert_eq!(copy.rows("select version_num from \"it's\".\"odd name\" order by 1"), "a3\nb1\n");
}

#[test]
fn what_a_schema_can_hold_comes_through_a_dump_unchanged() {
    let (app, copy) = with_copy(App::postgres());
    app.db.execute(
        "create schema audit; create type mood as enum ('ok', 'bad'); create sequence s start 7; \
         create table audit.log (id bigint generated always as identity primary key, m mood default 'ok', n int default nextval('s'), check (n > 0)); \
         create index on audit.log (n) where n > 5; create view v as select m from audit.log; create materialized view mv as select 1 as one; \
         create function f() returns trigger language plpgsql as $$\nbegin\n\n\n-- Dumped by pg_dump version 1\nreturn new;\nend\n$$; \
         create trigger t before insert on audit.log for each row execute function f(); comment on schema public is 'mine'; \
         create table part (d date) partition by range (d); create table part_1 partition of part for values from ('2020-01-01') to ('2021-01-01')",
    );
    app.db.execute("insert into audit.log (m) values ('bad')");
    let file = app.path("s.sql").display().to_string();
    app.shed(["dump", "app.main", "-o", &file]).any_stdout().ok();
    app.shed(["load", "app.copy", &file, "--yes"]).any_stdout().any_stderr().ok();
    assert_eq!(copy.rows("select count(*) from audit.log"), "0\n");
    let again = app.shed(["dump", "app.copy"]).any_stdout().ok().stdout;
    assert_eq!(again, app.read("s.sql"));
    let said = app.shed(["dump", "app.main", "--data", "--format", "json"]).any_stdout().ok();
    assert!(json_of(&said)["sql"].as_str().unwrap().contains("COPY audit.log"), "{said:?}");
}

#[test]
fn whoever_holds_the_lock_keeps_others_from_making_loading_and_dropping() {
    let app = App::sqlite().keys("lock: { timeout: 100ms }");
    app.shed(["create", "app"]).any_stdout().ok();
    app.write("schema.sql", "create table t (i integer);\n");
    let lock = std::fs::File::create(app.path("data/app.db.shed-lock")).unwrap();
    lock.lock().unwrap();
    for command in [vec!["create", "app", "--from-models"], vec!["load", "app"], vec!["drop", "app"]] {
        app.shed(command.iter().copied().chain(["--yes"])).any_stdout().stderr_has("the lock on").fails(6);
    }
    assert!(app.db.exists() && app.db.tables().is_empty());
    drop(lock);
    app.shed(["load", "app", "--yes"]).any_stdout().ok();
    assert_eq!(app.db.tables(), ["t"]);
}
