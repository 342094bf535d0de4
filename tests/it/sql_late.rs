//! `format: sql`: files that are merged late, out of order, broken in the middle.

use crate::sql_app::SqlApp;

#[test]
fn a_file_merged_late_is_run_exactly_once_several_times_over() {
    for app in SqlApp::everywhere() {
        app.tables(&["20_b", "40_d"]);
        app.migrate();
        // Below all, between, above all; each would fail the second time.
        for (late, told) in
            [("30_c", "30, c"), ("10_a", "10, a"), ("50_e", "50, e"), ("35_f", "35, f"), ("05_g", "05, g")]
        {
            app.tables(&[late]);
            let said = app.shed(["migrate", "app"]).any_stderr().ok();
            let applied: Vec<&str> = said.stderr.lines().filter(|line| line.contains("upgraded")).collect();
            assert_eq!(applied, [format!("app.main: upgraded to {told}")]);
            app.shed(["status", "--exit-code"]).any_stdout().ok();
            let head = if late < "50" && !app.path("migrations/50_e.sql").exists() { "40" } else { "50" };
            app.shed(["current"]).stdout(format!("{head} (head)\n")).ok();
            let again = app.shed(["migrate", "app"]).any_stderr().ok();
            assert!(!again.stderr.contains("upgraded"), "{}", again.stderr);
        }
        assert_eq!(app.versions(), "05 10 20 30 35 40 50");
        app.shed(["downgrade", "app", "base", "--yes"]).any_stderr().ok();
        assert_eq!(app.held(), ["schema_migrations"]);
    }
}

#[test]
fn while_a_late_file_is_pending_the_database_is_not_at_its_head() {
    for app in SqlApp::on_both_engines() {
        app.tables(&["1_a", "3_c"]);
        app.migrate();
        app.tables(&["2_b"]);
        app.shed(["current"]).stdout("3\n").ok();
        app.shed(["current", "--check-heads"]).stderr_has("Database is not on all head revisions").fails(1);
        app.shed(["current", "--format", "json"]).stdout_has("\"is_head\": false").ok();
        app.shed(["status"]).stdout("[X] 1_a.sql\n[ ] 2_b.sql\n[X] 3_c.sql\n\nApplied: 2\nPending: 1\n").ok();
        app.shed(["migrate", "app", "--dry-run"]).stdout_has("-- Running upgrade 3 -> 2\n").ok();
        // What is above it goes first.
        app.shed(["rollback", "app", "--yes"]).stderr_has("downgraded 3 to 1, c").ok();
        assert_eq!(app.versions(), "1");
    }
}

#[test]
fn strict_refuses_a_late_file_before_anything_is_touched() {
    for app in SqlApp::everywhere() {
        app.shed(["migrate", "app", "--strict"]).any_stderr().ok();
        app.tables(&["1_a", "3_c"]);
        app.shed(["migrate", "app", "--strict"]).any_stderr().ok();
        app.tables(&["2_b", "4_d"]);
        let refusal = "migration `2` is out of order with already applied migrations, the version number has to be \
                       higher than the applied migration `3` in --strict mode";
        for command in ["migrate", "up", "upgrade"] {
            app.shed([command, "app", "--strict"]).stderr_has(refusal).fails(2);
        }
        app.shed(["migrate", "app", "--strict", "--dry-run"]).stderr_has(refusal).fails(2);
        assert_eq!((app.versions().as_str(), app.held().len()), ("1 3", 3));
        app.migrate();
        app.shed(["migrate", "app", "--strict"]).any_stderr().ok();
        assert_eq!(app.versions(), "1 2 3 4");
    }
}

#[test]
fn invalid_sql_in_the_middle_leaves_nothing_of_its_file() {
    for app in SqlApp::everywhere() {
        app.tables(&["1_a", "4_d"]);
        app.add("3_c", "create table c(id integer);\ninsert into c values (1);\ninsert into nowhere values (1);\ncreate table e(id integer);", "");
        app.shed(["migrate", "app"])
            .stderr_has("  at $REPO/migrations/3_c.sql:4\n  SQL: insert into nowhere values (1)")
            .stderr_has("  the database is at 1\n")
            .fails(5);
        assert_eq!((app.versions().as_str(), app.held()), ("1", vec!["a".to_owned(), "schema_migrations".to_owned()]));
        // Between two that are applied, and late.
        app.add("3_c", "create table c(id integer);", "");
        app.migrate();
        app.add("2_b", "create table b(id integer);\nsyntax error;\n", "");
        app.shed(["migrate", "app"]).stderr_has("  at $REPO/migrations/2_b.sql:3\n").stderr_has("at 4\n").fails(5);
        assert_eq!(app.versions(), "1 3 4");
        assert!(!app.held().contains(&"b".to_owned()));
        app.add("2_b", "create table b(id integer);", "drop table nowhere;");
        app.migrate();
        // The same on the way down.
        app.add("4_d", "", "drop table d;\nselect * from nowhere;");
        app.shed(["rollback", "app", "--yes"]).stderr_has("  at $REPO/migrations/4_d.sql:6\n").fails(5);
        assert_eq!(app.versions(), "1 2 3 4");
        assert!(app.held().contains(&"d".to_owned()));
    }
}

#[test]
fn a_file_that_breaks_the_rules_is_refused_before_anything_is_run() {
    let cases = [
        ("-- migrate:up\n", "2_b.sql: has no `-- migrate:down` line"),
        ("create table b(id integer);\n", "2_b.sql: has no `-- migrate:up` line"),
        ("-- migrate:down\n-- migrate:up\n", "2_b.sql:1: `-- migrate:down` stands before `-- migrate:up`"),
        ("\nselect 1;\n-- migrate:up\n-- migrate:down\n", "2_b.sql:2: a statement before `-- migrate:up`"),
        (
            "-- migrate:up\n-- migrate:down\n-- migrate:down\n",
            "2_b.sql:3: a second `-- migrate:down` without a `-- migrate:up` before it",
        ),
    ];
    let app = SqlApp::sqlite();
    app.tables(&["1_a"]);
    for (text, told) in cases {
        app.write("migrations/2_b.sql", text);
        app.shed(["migrate", "app"]).stderr_has(format!("error: app.main: $REPO/migrations/{told}")).fails(2);
        assert!(!app.held().contains(&"a".to_owned()));
    }
    // What is not run may be as it is.
    app.shed(["migrate", "app", "1"]).any_stderr().ok();
    app.shed(["status"]).any_stdout().ok();
}

#[test]
fn two_files_with_one_version_are_refused_by_every_command() {
    let app = SqlApp::sqlite();
    app.tables(&["1_a", "1_b"]);
    let told = "error: two files have the version 1: $REPO/migrations/1_a.sql and $REPO/migrations/1_b.sql\n\
                help: rename one of them: the version is the digits in front of the name\n";
    for command in ["migrate", "history", "heads"] {
        app.shed([command, "app"]).stderr(told).fails(2);
    }
    app.shed(["status", "app"]).stderr_has("two files have the version 1").fails(2);
}

#[test]
fn files_without_digits_are_no_migrations() {
    let app = SqlApp::sqlite();
    app.tables(&["1_a"]);
    app.write("migrations/seed.sql", "nonsense");
    app.write("migrations/README.md", "nonsense");
    app.shed(["history"]).stdout("<base> -> 1 (head), a\n").ok();
    app.migrate();
}

#[test]
fn options_that_mean_nothing_are_ignored_with_a_word() {
    let app = SqlApp::sqlite();
    app.write("migrations/1_a.sql", "-- migrate:up transactions:false\ncreate table a(id integer);\n-- migrate:down\n");
    app.shed(["migrate", "app"])
        .stderr_has(
            "warning: app.main: $REPO/migrations/1_a.sql:1: `transactions:false` is no option and is ignored; \
             the only one is `transaction:false`\n",
        )
        .ok();
}

#[test]
fn env_py_and_sql_files_do_not_go_together() {
    let app = SqlApp::sqlite();
    app.keys("env_py: env.py");
    app.tables(&["1_a"]);
    app.shed(["migrate", "app"]).stderr_has("`format: sql` and `env_py` ($REPO/env.py) do not go together").fails(2);
}

#[test]
fn several_databases_are_migrated_at_once() {
    let app = SqlApp::sqlite();
    let database =
        |name: &str| format!("      {name}: {{ type: sqlite, connection: {{ db_path: data/{name}.db }} }}\n");
    app.write(
        "shed.yaml",
        &format!("projects:\n  app:\n    format: sql\n    db:\n{}", ["a", "b", "c"].map(database).concat()),
    );
    app.tables(&["1_x", "3_z"]);
    app.shed(["migrate", "app.a"]).any_stderr().ok();
    app.tables(&["2_y"]);
    app.shed(["migrate", "app.*", "--jobs", "3"]).any_stdout().any_stderr().ok();
    for name in ["a", "b", "c"] {
        let rows = app.sqlite(&format!("data/{name}.db")).rows("select group_concat(version) from schema_migrations");
        assert_eq!(rows.trim().split(',').count(), 3, "{name}");
    }
    app.shed(["status", "--all", "--exit-code"]).any_stdout().ok();
}

#[test]
fn of_several_at_once_one_runs_each_file() {
    for app in SqlApp::on_both_engines() {
        app.tables(&["1_a", "3_c"]);
        app.migrate();
        app.tables(&["2_b", "4_d"]);
        let mut calls: Vec<_> = (0..3).map(|_| app.shed(["migrate", "app"]).any_stderr()).collect();
        let children: Vec<_> = calls.iter_mut().map(|call| call.start()).collect();
        let ends: Vec<_> = calls.iter().zip(children).map(|(call, child)| call.finish(child)).collect();
        let applied =
            ends.iter().flat_map(|end| end.stderr.lines()).filter(|line| line.contains("upgraded to")).count();
        assert!(ends.iter().all(|end| end.code == 0), "{}", ends[0].stderr);
        assert_eq!((applied, app.versions().as_str()), (2, "1 2 3 4"));
    }
}

#[test]
fn a_file_that_was_edited_after_it_was_applied_is_told() {
    for app in SqlApp::on_both_engines() {
        app.tables(&["1_a", "2_b"]);
        app.migrate();
        app.add("1_a", "create table other(id integer);", "");
        app.shed(["status"])
            .stdout("[X] 1_a.sql  edited since it was applied\n[X] 2_b.sql\n\nApplied: 2\nPending: 0\n")
            .stderr("warning: app.main: 1: edited after it was applied, so that other databases get something else\n")
            .ok();
        app.tables(&["3_c"]);
        app.migrate();
        assert_eq!(app.held(), ["a", "b", "c", "schema_migrations"]);
    }
}
