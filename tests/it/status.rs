//! `shed status`: applied and pending, of one database and of many, and what it never does.

use serde_json::{Value, json};

use crate::app::App;
use crate::cluster::cluster;
use crate::repo::Repo;

#[test]
fn one_target_lists_its_revisions_and_counts_them() {
    for app in App::everywhere() {
        app.shed(["status", "app"]).stdout("[ ] a1  a1\n[ ] a2  a2\n[ ] a3  a3 (head)\n0 applied, 3 pending\n").ok();
        assert!(app.db.tables().is_empty());
        let app = app.migrated("a2");
        app.shed(["status"]).stdout("[X] a1  a1\n[X] a2  a2\n[ ] a3  a3 (head)\n2 applied, 1 pending\n").ok();
        let app = app.migrated("head");
        app.shed(["status"]).stdout("[X] a1  a1\n[X] a2  a2\n[X] a3  a3 (head)\n3 applied, 0 pending\n").ok();
    }
}

#[test]
fn a_database_that_is_not_there_is_empty_on_sqlite_and_an_error_on_postgres() {
    let app = App::sqlite();
    app.shed(["status", "app", "--format", "json"]).stdout_has("\"missing\": true").ok();
    assert!(!app.path("data").exists());
    let entry = format!("{{ type: postgres, db_name: nowhere, connection: {{ host: {}, user: shed }} }}", host());
    let repo = revisions(
        "versions",
        Repo::new().settings(&format!("projects:\n  p: {{ versions: versions, db: {{ d: {entry} }} }}\n")),
    );
    let missing = format!(
        "error: p.d: postgres {}:5432/nowhere cannot be read: database \"nowhere\" does not exist\nhelp: `shed create` makes it\n",
        host()
    );
    repo.shed(["status", "p"]).stderr(missing).fails(4);
}

#[test]
fn no_python_is_started_where_the_revisions_are_plain() {
    let postgres = format!("{{ type: postgres, db_name: postgres, connection: {{ host: {}, user: shed }} }}", host());
    let databases = format!("{{ file: {{ connection: {{ db_path: x.db }} }}, there: {postgres} }}");
    let repo = Repo::new()
        .settings(&format!("projects:\n  p: {{ versions: versions, python: ./python, db: {databases} }}\n"))
        .file("python", "#!/bin/sh\ntouch \"${0%/*}/started\"\nexit 9\n");
    let repo = revisions("versions", repo);
    std::fs::set_permissions(repo.path("python"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    repo.shed(["status", "p.file"]).any_stdout().any_stderr().ok();
    repo.shed(["status", "p.*"]).any_stdout().any_stderr().ok();
    assert!(!repo.path("started").exists(), "the project's Python was started");
    // Where the revisions are not plain it is needed: the test would see it.
    repo.write("versions/made.py", "revision = 'x' + '1'\ndown_revision = None\n");
    repo.shed(["status", "p.file"]).stderr_has("error: p.file: Python ended with code 9\n").fails(5);
    assert!(repo.path("started").exists());
}

#[test]
fn the_exit_code_tells_of_pending_revisions_when_asked_and_quiet_says_nothing() {
    let app = App::sqlite().migrated("a2");
    app.shed(["status", "--exit-code"]).any_stdout().fails(1);
    app.shed(["status", "-q"]).fails(1);
    app.shed(["-q", "status", "--all", "--format", "json"]).fails(1);
    let app = app.migrated("head");
    app.shed(["status", "--exit-code"]).any_stdout().ok();
    app.shed(["status", "--quiet"]).ok();
}

#[test]
fn json_has_every_revision_of_the_one_target() {
    for app in App::on_both_alembics() {
        let app = app.migrated("a2").two_heads();
        let said = app.shed(["status", "app", "--format", "json"]).any_stdout().ok();
        let said: Value = serde_json::from_str(&said.stdout).unwrap();
        let line = |id: &str, applied: bool, is_head: bool| json!({"revision": id, "message": id, "applied": applied, "is_head": is_head});
        let mut lines: Vec<Value> = said["revisions"].as_array().unwrap().clone();
        lines.sort_by_key(|line| line["revision"].to_string());
        assert_eq!(
            lines,
            [line("a1", true, false), line("a2", true, false), line("a3", false, true), line("b1", false, true)]
        );
        let mut rest = said.clone();
        rest.as_object_mut().unwrap().remove("revisions");
        assert_eq!(
            rest,
            json!({"target": "app.main", "project": "app", "database": "main", "place": "sqlite $REPO/data/app.db",
                "protected": false, "missing": false, "current": ["a2"], "heads": ["a3", "b1"], "applied": 2, "pending": 2,
                "unknown": [], "edited": [], "broken_off": null})
        );
    }
}

#[test]
fn several_targets_are_a_table_of_80_columns_and_an_unreachable_one_is_a_row() {
    let (behind, gone) = (cluster().database(), "{ url: 'postgresql://me@/x?host=/nowhere' }");
    let unknown = cluster().database();
    unknown.execute("create table alembic_version (version_num text); insert into alembic_version values ('zzz')");
    let repo = revisions("one", Repo::new());
    let repo = revisions("two", repo).revision("two", "b2", "a1", "pass", "pass").settings(&format!(
        "projects:\n  one:\n    versions: one\n    db:\n      file: {{ connection: {{ db_path: one.db }} }}\n      \
         live: {}\n      gone: {{ connection: {gone} }}\n  two:\n    versions: two\n    db:\n      prod: {}\n      \
         file: {{ connection: {{ db_path: two.db }} }}\n",
        behind.settings(),
        unknown.settings_with(json!({"protected": true}))
    ));
    repo.shed(["migrate", "one.file"]).any_stdout().any_stderr().ok();
    repo.shed(["migrate", "one.live", "a1"]).any_stdout().any_stderr().ok();
    let table = "\
target    current  head   pending
one.file  a2       a2           0
one.live  a1       a2           1
one.gone  ?        ?            ?  unreachable
two.prod  zzz      a2 +1        ?  unknown revision zzz, 2 heads, protected
two.file  -        a2 +1        3  2 heads, no file yet
3 of 5 behind, 1 could not be read
";
    let unreachable = "error: one.gone: postgres /nowhere:5432/x cannot be read: No such file or directory\n\
                       help: is the server running, and are host and port right?\n";
    repo.shed(["status"]).stdout(table).stderr(unreachable).fails(4);
    assert!(table.lines().all(|line| line.chars().count() <= 80));
    repo.shed(["status", "one.file", "one.live", "--exit-code"])
        .stdout("target    current  head  pending\none.file  a2       a2          0\none.live  a1       a2          1\n1 of 2 behind\n")
        .fails(1);
    let said = repo.shed(["status", "--all", "--format", "json"]).any_stdout().stderr(unreachable).fails(4);
    let said: Value = serde_json::from_str(&said.stdout).unwrap();
    let each =
        |field: &str| said["results"].as_array().unwrap().iter().map(|one| one[field].clone()).collect::<Value>();
    assert_eq!(each("pending"), json!([0, 1, null, null, 3]));
    assert_eq!(each("unknown"), json!([[], [], null, ["zzz"], []]));
    assert_eq!((&said["results"][2]["error"]["code"], &said["results"][2]["target"]), (&json!(4), &json!("one.gone")));
}

#[test]
fn one_database_of_a_server_that_cannot_be_read_keeps_no_other_from_its_answer() {
    let mut databases: Vec<_> = (0..12).map(|_| cluster().database()).collect();
    let strange = crate::database::Database::postgres(cluster(), "it's\\x$y".into(), "shed", None);
    cluster().psql("postgres", "create database \"it's\\x$y\"");
    databases.push(strange);
    let entries: String = databases
        .iter()
        .enumerate()
        .map(|(at, db)| format!("      d{at}: {}\n", db.settings().replace('$', "$$")))
        .collect();
    let repo = revisions("v", Repo::new()).settings(&format!("projects:\n  p:\n    versions: v\n    db:\n{entries}"));
    for at in [0, 5, 11, 12] {
        databases[at].execute(
            "create table alembic_version (version_num varchar(32)); insert into alembic_version values ('a1')",
        );
    }
    databases[3].execute("create role nobody_reads; create schema s; create table alembic_version (version_num int[])");
    cluster().psql("postgres", &format!("alter database {} with allow_connections false", databases[7].name()));
    let said = repo.shed(["status", "p.*", "--format", "json"]).any_stdout().any_stderr().fails(4);
    cluster().psql("postgres", &format!("alter database {} with allow_connections true", databases[7].name()));
    databases[3].execute("drop role nobody_reads");
    let said: Value = serde_json::from_str(&said.stdout).unwrap();
    let pending = said["results"].as_array().unwrap().iter().map(|one| one["pending"].clone()).collect::<Value>();
    assert_eq!(pending, json!([1, 2, 2, 2, 2, 1, 2, null, 2, 2, 2, 1, 1]));
    let closed = said["results"][7]["error"]["message"].as_str().unwrap();
    assert!(closed.ends_with("is not currently accepting connections"), "{closed}");
}

#[test]
fn version_tables_of_any_name_and_in_any_schema_are_found() {
    let table = "version_num varchar(32)); insert into";
    let database = cluster().database();
    database.execute(&format!(
        "create schema \"Ten ant\"; create table \"Ten ant\".alembic_version ({table} \"Ten ant\".alembic_version values ('a1'); \
         create table \"My 'v\" ({table} \"My 'v\" values ('a2'); create schema v; create table v.alembic_version ({table} v.alembic_version values ('gone')"
    ));
    let file = Repo::new();
    let keys = [
        (json!({"schema": "Ten ant"}), "1 applied, 1 pending\n"),
        (json!({"version_table": "My 'v"}), "2 applied, 0 pending\n"),
        (
            json!({"version_table_schema": "v"}),
            "[?] gone  held by the database, and in no file\n0 applied, ? pending\n",
        ),
        (json!({"schema_translate_map": {"x": "y"}, "version_table": "My 'v"}), "2 applied, 0 pending\n"),
        (json!({"on_connect": ["set search_path = \"Ten ant\"", "select 1"]}), "1 applied, 1 pending\n"),
        (json!({}), "0 applied, 2 pending\n"),
    ];
    let repo = revisions("v", file);
    for (more, expected) in keys {
        let entry = database.settings_with(more.clone());
        repo.write("shed.yaml", &format!("projects:\n  p: {{ versions: v, db: {{ d: {entry} }} }}\n"));
        let said = repo.shed(["status", "p"]).any_stdout().ok();
        assert!(said.stdout.ends_with(expected), "{more}: {}", said.stdout);
    }
}

#[test]
fn an_attached_file_holds_the_version_table() {
    let repo = revisions("v", Repo::new());
    let (main, other) = (repo.sqlite("main.db"), repo.sqlite("other.db"));
    main.execute("create table x (id integer)");
    other.execute("create table alembic_version (version_num text); insert into alembic_version values ('a1')");
    let attach = format!("attach '{}' as other", other.name());
    let entry = main.settings_with(json!({"on_connect": [attach], "version_table_schema": "other"}));
    let repo = repo.settings(&format!("projects:\n  p: {{ versions: v, db: {{ d: {entry} }} }}\n"));
    repo.shed(["status", "p"]).stdout("[X] a1  a1\n[ ] a2  a2 (head)\n1 applied, 1 pending\n").ok();
}

#[test]
fn files_leave_only_the_targets_of_their_projects() {
    let repo = revisions("one/versions", Repo::new());
    let repo = revisions("two/versions", repo).file("README.md", "").file("two/models.py", "");
    let projects = ["one", "two"].map(|name| {
        format!("  {name}: {{ module: {name}/models.py, db: {{ main: {{ connection: {{ db_path: {name}.db }} }}, prod: {{ connection: {{ db_path: p{name}.db }} }} }} }}\n")
    });
    let repo = repo.settings(&format!("projects:\n{}", projects.concat()));
    let names = |words: &[&str]| {
        let said = repo.shed(["status"]).args(words).dir(repo.path("")).any_stdout().any_stderr().ok();
        let names = said
            .stdout
            .lines()
            .filter(|line| line.contains('.'))
            .map(|line| line.split_whitespace().next().unwrap().to_owned());
        names.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names(&["two/versions/a1_.py"]), "two.main two.prod");
    assert_eq!(names(&["*.main", "two/models.py", "README.md"]), "two.main");
    assert_eq!(names(&["README.md"]), "");
    assert_eq!(names(&["shed.yaml"]), "one.main one.prod two.main two.prod");
    assert_eq!(names(&["one/versions/deleted.py", "two/versions/a2_.py", "*.prod"]), "one.prod two.prod");
    repo.shed(["status", "thre"]).stderr_has("error: no project is named `thre`").fails(2);
}

#[test]
fn a_run_that_was_broken_off_is_told_of() {
    let app = App::sqlite().migrated("a2");
    let entry = json!({"version": 1, "run": "r", "target": "app.main", "command": "migrate", "since": 1,
        "process": {"host": "elsewhere", "boot": "b", "pid": 1, "started": 1},
        "deed": {"kind": "migrate", "heads": ["a1"], "backup": null, "events": "/nowhere", "rolls_back": true}});
    app.write("data/app.db.shed-journal", &entry.to_string());
    app.shed(["status", "app", "--format", "json"]).stdout_has("was broken off").ok();
    app.shed(["status", "app.*"]).stdout_has("broken off: shed recover").ok();
}

/// Two revisions, a1 and a2.
fn revisions(folder: &str, repo: Repo) -> Repo {
    repo.revision(folder, "a1", "", "pass", "pass").revision(folder, "a2", "a1", "pass", "pass")
}

fn host() -> String {
    cluster().host.display().to_string()
}
