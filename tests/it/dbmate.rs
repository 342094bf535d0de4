//! dbmate and shed on one database: each agrees with what the other did.

use crate::call::Call;
use crate::database::Database;
use crate::repo::{Repo, environment};
use crate::sql_app::SqlApp;

/// The real dbmate on the app's database.
fn dbmate(app: &SqlApp, args: &[&str]) -> Call {
    app.call(environment("dbmate").join("bin/dbmate"))
        .args(["--url", &url(&app.db), "--migrations-dir"])
        .arg(app.path("migrations"))
        .args(["--no-dump-schema"])
        .args(args)
}

fn url(db: &Database) -> String {
    match db.name() {
        file if file.starts_with('/') => format!("sqlite:{file}"),
        name => format!("postgres://shed@/{name}?socket={}&sslmode=disable", crate::cluster::cluster().host.display()),
    }
}

/// What `status` of both says, which is the same.
fn status(app: &SqlApp) -> String {
    let ours = app.shed(["status", "app"]).any_stdout().ok().stdout;
    let theirs = dbmate(app, &["status"]).any_stdout().any_stderr().ok().stdout;
    assert_eq!(ours, theirs);
    ours
}

#[test]
fn a_database_of_dbmates_is_taken_as_it_is_and_given_back() {
    for app in SqlApp::on_both_engines() {
        std::fs::create_dir_all(app.path("data")).unwrap();
        app.tables(&["20240101_a", "20240103_c"]);
        dbmate(&app, &["up"]).any_stdout().any_stderr().ok();
        assert_eq!(status(&app), "[X] 20240101_a.sql\n[X] 20240103_c.sql\n\nApplied: 2\nPending: 0\n");
        app.shed(["current"]).stdout("20240103 (head)\n").ok();
        let before = app.held();
        let said = app.shed(["migrate"]).any_stderr().ok();
        assert!(!said.stderr.contains("upgraded") && app.held() == before);
        // Late ones, by turns.
        app.tables(&["20240102_b"]);
        assert!(status(&app).contains("[ ] 20240102_b.sql\n"));
        app.migrate();
        status(&app);
        app.tables(&["20231231_z"]);
        dbmate(&app, &["migrate"]).any_stdout().any_stderr().ok();
        status(&app);
        app.shed(["rollback", "app", "--yes"]).stderr_has("downgraded 20240103 to 20240102, c").ok();
        status(&app);
        dbmate(&app, &["rollback"]).any_stdout().any_stderr().ok();
        assert_eq!(
            status(&app),
            "[X] 20231231_z.sql\n[X] 20240101_a.sql\n[ ] 20240102_b.sql\n[ ] 20240103_c.sql\n\nApplied: 2\nPending: 2\n"
        );
        assert_eq!(app.held(), ["a", "schema_migrations", "z"]);
    }
}

#[test]
fn a_database_of_shed_is_taken_by_dbmate_as_it_is() {
    for app in SqlApp::on_both_engines() {
        app.tables(&["1_a", "2_b"]);
        app.migrate();
        status(&app);
        app.tables(&["3_c"]);
        dbmate(&app, &["up"]).any_stdout().any_stderr().ok();
        status(&app);
        for _ in 0..3 {
            dbmate(&app, &["rollback"]).any_stdout().any_stderr().ok();
        }
        assert_eq!(app.held(), ["schema_migrations"]);
        app.shed(["rollback", "app", "--yes"]).stderr_has("can't rollback: no migrations have been applied").fails(2);
    }
}

#[test]
fn both_refuse_the_same_order_with_strict_and_read_the_same_files() {
    let app = SqlApp::sqlite();
    std::fs::create_dir_all(app.path("data")).unwrap();
    app.tables(&["1_a", "3_c"]);
    app.migrate();
    app.tables(&["2_b"]);
    let refusal = "migration `2` is out of order with already applied migrations, the version number has to be higher \
                   than the applied migration `3` in --strict mode";
    dbmate(&app, &["migrate", "--strict"]).any_stdout().stderr_has(refusal).fails(2);
    app.shed(["migrate", "--strict"]).stderr_has(refusal).fails(2);
    // What one refuses, the other does.
    for text in [
        "-- migrate:up\n",
        "-- migrate:down\n-- migrate:up\n",
        "select 1;\n-- migrate:up\n-- migrate:down\n",
        "-- migrate:up\n-- migrate:down\n-- migrate:down\n",
        " -- migrate:up\n-- migrate:down\n",
    ] {
        app.write("migrations/2_b.sql", text);
        dbmate(&app, &["migrate"]).any_stdout().any_stderr().fails(2);
        app.shed(["migrate"]).any_stderr().fails(2);
    }
    for text in
        ["--migrate:up\n--migrate:down", "-- why\n\n--   migrate:up a:b c\n--\tmigrate:down transaction:false\n"]
    {
        app.write("migrations/2_b.sql", text);
        dbmate(&app, &["migrate"]).any_stdout().any_stderr().ok();
        app.db.execute("delete from schema_migrations where version = '2'");
        app.migrate();
        app.db.execute("delete from schema_migrations where version = '2'");
    }
}

#[test]
fn a_folder_of_dbmates_is_adopted_with_its_database() {
    let repo = Repo::named("blog")
        .file("db/migrations/1_a.sql", "-- migrate:up\ncreate table a (id integer);\n-- migrate:down\ndrop table a;\n")
        .file(".env", "DATABASE_URL=sqlite:db/blog.sqlite3\n");
    let dbmate = |command: &str| {
        let call =
            repo.call(environment("dbmate").join("bin/dbmate")).dir(repo.path("")).args(["--no-dump-schema", command]);
        call.any_stdout().any_stderr().ok().stdout
    };
    dbmate("up");
    repo.write(
        "db/migrations/2_b.sql",
        "-- migrate:up\ncreate table b (id integer);\n-- migrate:down\ndrop table b;\n",
    );
    repo.shed(["adopt", "."]).dir(repo.path("")).any_stdout().any_stderr().ok();
    repo.shed(["current"]).stdout("1\n").ok();
    let said = repo.shed(["status"]).any_stdout().ok().stdout;
    assert_eq!(
        (said.as_str(), said.clone()),
        ("[X] 1_a.sql\n[ ] 2_b.sql\n\nApplied: 1\nPending: 1\n", dbmate("status"))
    );
    repo.shed(["migrate"]).any_stderr().ok();
    assert_eq!(dbmate("status"), "[X] 1_a.sql\n[X] 2_b.sql\n\nApplied: 2\nPending: 0\n");
}
