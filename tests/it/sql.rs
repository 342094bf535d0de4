//! `format: sql`: files run as they are, recorded in schema_migrations, and every command on them.

use serde_json::Value;

use crate::sql_app::SqlApp;

const USERS: &str = "create table users(id integer primary key, name text default '50%; ''x''');\n\
                     insert into users(id, name) values (1, '100% %s %(x)s');";

#[test]
fn migrate_runs_each_file_as_it_is_and_records_it_in_a_row_of_its_own() {
    for app in SqlApp::everywhere() {
        let app = app.sql("1_users", USERS, "drop table users;").sql("2_posts", "create table posts(id integer)", "");
        let place = format!("app.main: {}\n", place(&app));
        let told = format!(
            "{place}app.main: upgraded to 1, users\napp.main: upgraded to 2, posts\napp.main: now at 2 (head)\n"
        );
        app.shed(["migrate"]).stderr(told).ok();
        assert_eq!(app.held(), ["posts", "schema_migrations", "users"]);
        assert_eq!(app.db.rows("select name from users").trim(), "100% %s %(x)s");
        assert_eq!(app.versions(), "1 2");
        app.shed(["migrate"]).stderr(format!("{place}app.main: now at 2 (head)\n")).ok();
        app.shed(["current"]).stdout("2 (head)\n").ok();
    }
}

fn place(app: &SqlApp) -> String {
    match app.db.name() {
        file if file.starts_with('/') => "sqlite $REPO/data/app.db".to_owned(),
        _ => "postgres [..]".to_owned(),
    }
}

#[test]
fn status_is_dbmates() {
    for app in SqlApp::on_both_engines() {
        let app = app.sql("20240101_a", "create table a(id integer);", "").sql("20240102_b", "", "");
        app.shed(["status"])
            .stdout("[ ] 20240101_a.sql\n[ ] 20240102_b.sql\n\nApplied: 0\nPending: 2\n")
            .any_stderr()
            .ok();
        assert!(app.held().is_empty(), "looking made a table");
        app.shed(["migrate", "app", "20240101"]).any_stderr().ok();
        let half = "[X] 20240101_a.sql\n[ ] 20240102_b.sql\n\nApplied: 1\nPending: 1\n";
        app.shed(["status"]).stdout(half).ok();
        app.shed(["status", "--exit-code"]).stdout(half).fails(1);
        app.shed(["status", "--quiet"]).fails(1);
        app.migrate();
        app.shed(["status", "--exit-code"]).any_stdout().ok();
        app.shed(["status", "--quiet"]).ok();
        let said: Value =
            serde_json::from_str(&app.shed(["status", "--format", "json"]).any_stdout().ok().stdout).unwrap();
        assert_eq!(said["revisions"][1]["file"], "20240102_b.sql");
        assert_eq!((&said["current"][0], &said["pending"]), (&"20240102".into(), &0.into()));
    }
}

#[test]
fn questions_about_files_are_answered_without_python() {
    let app = SqlApp::sqlite().sql("1_a", "", "").sql("2_more_of_it", "", "");
    app.keys("python: ./nowhere");
    app.shed(["history"]).stdout("1 -> 2 (head), more of it\n<base> -> 1, a\n").ok();
    app.shed(["heads"]).stdout("2 (head)\n").ok();
    app.shed(["branches"]).ok();
    app.shed(["show", "1"]).stdout("Rev: 1\nParent: <base>\nPath: $REPO/migrations/1_a.sql\n\n    a\n\n").ok();
    app.shed(["status"]).any_stdout().any_stderr().ok();
}

#[test]
fn rollback_takes_back_the_file_with_the_highest_name() {
    for app in SqlApp::everywhere() {
        app.tables(&["1_a", "3_c"]);
        app.migrate();
        app.tables(&["2_b"]);
        app.migrate();
        app.shed(["rollback", "app", "--yes"]).stderr_has("downgraded 3 to 2, c").ok();
        assert_eq!(app.versions(), "1 2");
        app.shed(["redo", "app", "--yes"]).stderr_has("downgraded 2 to 1, b").ok();
        app.shed(["downgrade", "app", "base", "--yes"]).any_stderr().ok();
        assert_eq!((app.held(), app.versions().as_str()), (vec!["schema_migrations".to_owned()], ""));
        app.shed(["rollback", "app", "--yes"]).stderr_has("can't rollback: no migrations have been applied").fails(2);
    }
}

#[test]
fn an_empty_down_block_is_fine() {
    for app in SqlApp::on_both_engines() {
        let app = app.sql("1_a", "create table a(id integer);", "-- nothing to undo /* here */\n");
        app.migrate();
        app.shed(["rollback", "app", "--yes"]).any_stderr().ok();
        assert_eq!((app.held().contains(&"a".to_owned()), app.versions().as_str()), (true, ""));
    }
}

#[test]
fn several_pairs_in_one_file_are_one_transaction_and_one_row() {
    let pair = |table: &str| {
        format!("-- migrate:up\ncreate table {table}(id integer);\n-- migrate:down\ndrop table {table};\n")
    };
    for app in SqlApp::on_both_engines() {
        app.write("migrations/1_ab.sql", &(pair("a") + &pair("b")));
        app.migrate();
        assert_eq!((app.held().len(), app.versions().as_str()), (3, "1"));
        // What was made last goes first.
        app.write(
            "migrations/2_v.sql",
            "-- migrate:up\ncreate view v as select 1 as x;\n-- migrate:down\ndrop view v;\n\
                   -- migrate:up\ncreate view w as select x from v;\n-- migrate:down\ndrop view w;\n",
        );
        app.migrate();
        app.shed(["downgrade", "app", "base", "--yes"]).any_stderr().ok();
        assert_eq!((app.held(), app.versions().as_str()), (vec!["schema_migrations".to_owned()], ""));
        app.write("migrations/1_ab.sql", &(pair("a") + &pair("b") + &pair("a")));
        app.shed(["migrate", "app"]).stderr_has("at $REPO/migrations/1_ab.sql:10\n").fails(5);
        assert_eq!((app.held(), app.versions().as_str()), (vec!["schema_migrations".to_owned()], ""));
    }
}

#[test]
fn stamp_writes_rows_and_runs_nothing() {
    for app in SqlApp::everywhere() {
        app.tables(&["1_a", "2_b", "3_c"]);
        app.shed(["stamp", "app", "2"]).any_stderr().ok();
        assert_eq!((app.held(), app.versions().as_str()), (vec!["schema_migrations".to_owned()], "1 2"));
        app.shed(["stamp", "app", "head"]).any_stderr().ok();
        assert_eq!(app.versions(), "1 2 3");
        app.db.execute("insert into schema_migrations values ('77')");
        app.shed(["stamp", "app", "1"]).any_stderr().ok();
        assert_eq!(app.versions(), "1 77");
        app.shed(["stamp", "app", "--purge", "2"]).any_stderr().ok();
        assert_eq!(app.versions(), "1 2");
        app.shed(["stamp", "app", "base"]).any_stderr().ok();
        assert_eq!(app.versions(), "");
    }
}

#[test]
fn applied_versions_without_a_file_are_left_alone_with_a_word() {
    for app in SqlApp::on_both_engines() {
        app.tables(&["1_a"]);
        app.migrate();
        app.db.execute("insert into schema_migrations values ('0'), ('9')");
        app.tables(&["2_b"]);
        app.shed(["migrate", "app"])
            .stderr_has("warning: app.main: the database holds 0, 9, and there is no such file: left as it is\n")
            .ok();
        assert_eq!(app.versions(), "0 1 2 9");
        app.shed(["current"]).stdout("2 (head)\n").ok();
        let unknown = "[?] 0  held by the database, and in no file\n[?] 9  held by the database, and in no file\n";
        app.shed(["status"]).stdout(format!("[X] 1_a.sql\n[X] 2_b.sql\n{unknown}\nApplied: 2\nPending: 0\n")).ok();
    }
}

#[test]
fn the_sql_of_a_run_is_printed_with_its_rows() {
    let app = SqlApp::postgres().sql("1_a", "create table a(x text default '%');", "drop table a");
    app.tables(&["2_b"]);
    let create = "CREATE TABLE IF NOT EXISTS schema_migrations (\n    version VARCHAR NOT NULL, \n    PRIMARY KEY (version)\n);\n\n";
    let first = "-- Running upgrade  -> 1\n\n-- migrate:up\ncreate table a(x text default '%');\n\n\
                 INSERT INTO schema_migrations (version) VALUES ('1');\n\n";
    let second = "-- Running upgrade 1 -> 2\n\n-- migrate:up\ncreate table b(id integer);\n\n\
                  INSERT INTO schema_migrations (version) VALUES ('2');\n\n";
    let all = format!("BEGIN;\n\n{create}{first}COMMIT;\n\nBEGIN;\n\n{second}COMMIT;\n\n");
    app.shed(["migrate", "app", "--sql"]).stdout(all.clone()).ok();
    app.shed(["migrate", "app", "--dry-run"]).stdout(all).ok();
    assert!(app.held().is_empty());
    app.shed(["migrate", "app", "1"]).any_stderr().ok();
    app.shed(["migrate", "app", "--dry-run"]).stdout(format!("BEGIN;\n\n{second}COMMIT;\n\n")).ok();
    app.shed(["downgrade", "app", "1:base", "--sql"])
        .stdout(
            "BEGIN;\n\n-- Running downgrade 1 -> \n\n-- migrate:down\ndrop table a\n;\n\n\
             DELETE FROM schema_migrations WHERE schema_migrations.version = '1';\n\nCOMMIT;\n\n",
        )
        .ok();
    app.shed(["downgrade", "app", "-1", "--dry-run"]).stdout_has("WHERE schema_migrations.version = '1';").ok();
}

#[test]
fn the_table_may_have_another_name_and_schema() {
    let app = SqlApp::postgres();
    app.keys("version_table: applied\nversion_table_schema: meta");
    app.tables(&["1_a"]);
    app.migrate();
    assert_eq!(app.db.rows("select version from meta.applied").trim(), "1");
    app.shed(["status", "--exit-code"]).any_stdout().ok();
    app.shed(["current"]).stdout("1 (head)\n").ok();
}

#[test]
fn windows_line_ends_and_a_mark_are_taken() {
    for app in SqlApp::on_both_engines() {
        app.write(
            "migrations/1_a.sql",
            "\u{feff}-- migrate:up\r\ncreate table a(\r\n  x text default 'a\r\nb');\r\ninsert into a default values;\r\n\r\n-- migrate:down\r\ndrop table a;\r\n",
        );
        app.migrate();
        assert_eq!(app.db.rows("select length(x) from a").trim(), "4");
        app.shed(["downgrade", "app", "base", "--yes"]).any_stderr().ok();
    }
}

#[test]
fn a_file_of_fifty_megabytes_is_run() {
    let line = format!("insert into a values ('{}');\n", "it''s; ".repeat(7_000));
    let many = line.repeat(1_070);
    assert!(many.len() > 50 << 20);
    for app in SqlApp::on_both_engines() {
        app.add("1_a", &format!("create table a(x text);\n{many}"), "drop table a;");
        app.shed(["migrate", "app", "--no-backup"]).any_stderr().ok();
        assert_eq!(app.db.rows("select count(*), max(length(x)) from a").trim(), "1070|42000");
    }
}

#[test]
fn models_are_not_imported_where_sql_is_only_run() {
    let app = SqlApp::sqlite();
    app.keys("module: broken.py\nversions: migrations");
    app.write("broken.py", "raise RuntimeError('imported')\n");
    app.tables(&["1_a"]);
    app.migrate();
    assert_eq!(app.versions(), "1");
}

#[test]
fn alembic_itself_can_be_called() {
    let app = SqlApp::sqlite();
    app.tables(&["1_a", "2_b"]);
    app.shed(["alembic", "app", "--", "upgrade", "1"]).any_stderr().ok();
    assert_eq!(app.versions(), "1");
    app.shed(["alembic", "app", "--", "history"]).stdout("1 -> 2 (head), b\n<base> -> 1, a\n").any_stderr().ok();
}
