//! `format: sql` on PostgreSQL: blocks as one, blocks outside of a transaction, each driver, clones, an adopted database.

use serde_json::json;

use crate::sql_app::SqlApp;

const ROUTINES: &str = r#"create function f(a int) returns text language plpgsql as $body$
begin
  return 'it''s; ' || a::text || $$ ; $$; -- a comment; with one
end
$body$;
/* a comment; /* within */ another; */
create function g() returns int begin atomic select 1; select case when true then 2 end; end;
create table t(a text default E'\';');
insert into t values (f(1) || ' 50% %s');
create rule r as on insert to t where new.a = 'x' do also (insert into t values ('y'); insert into t values ('z'));
"#;

#[test]
fn a_block_goes_as_one_with_each_driver() {
    for driver in ["psycopg", "psycopg2", "pg8000", "asyncpg"] {
        let app = SqlApp::postgres();
        app.keys_with("", &app.db.settings_with(json!({ "driver": driver })));
        app.add("1_f", ROUTINES, "drop table t;\ndrop function f;\ndrop function g;\n");
        app.migrate();
        assert_eq!(app.db.rows("select a from t").trim(), "it's; 1 ;  50% %s", "{driver}");
        app.shed(["downgrade", "app", "base", "--yes"]).any_stderr().ok();
        assert_eq!(app.held(), ["schema_migrations"]);
        app.add("1_f", "create table t(a text);\ninsert into t values (1)\n  , (nothing);", "");
        app.shed(["migrate", "app"]).stderr_has("  at $REPO/migrations/1_f.sql:4\n").fails(5);
        assert_eq!(app.held(), ["schema_migrations"], "{driver}");
    }
}

#[test]
fn outside_of_a_transaction_each_statement_stands_for_itself_with_each_driver() {
    let up = "-- migrate:up transaction:false\ncreate index concurrently one on t(a);\n\n-- another; one\n\
              create index concurrently two on t(a) where a <> ';';\n-- migrate:down transaction:false\n\
              drop index concurrently one;\ndrop index concurrently two;\n";
    for driver in ["psycopg", "psycopg2", "pg8000", "asyncpg"] {
        let app = SqlApp::postgres();
        app.keys_with("", &app.db.settings_with(json!({ "driver": driver })));
        app.add("1_t", "create table t(a text);", "drop table t;");
        app.write("migrations/2_i.sql", up);
        app.write(
            "migrations/3_f.sql",
            &format!("-- migrate:up transaction:false\n{ROUTINES}-- migrate:down\n")
                .replace("table t(", "table u(")
                .replace("into t ", "into u ")
                .replace("to t ", "to u "),
        );
        app.migrate();
        let indexes = "select count(*) from pg_index where indisvalid and indrelid = 't'::regclass";
        assert_eq!((app.db.rows(indexes).trim(), app.versions().as_str()), ("2", "1 2 3"), "{driver}");
        app.shed(["rollback", "app", "2", "--yes"]).any_stderr().ok();
        assert_eq!((app.db.rows(indexes).trim(), app.versions().as_str()), ("0", "1"), "{driver}");
    }
}

#[test]
fn outside_of_a_transaction_a_failure_leaves_what_came_before_it_and_no_row() {
    for app in [SqlApp::sqlite(), SqlApp::postgres()] {
        app.add("1_t", "create table t(a text);", "drop table t;");
        app.migrate();
        app.write(
            "migrations/2_i.sql",
            "-- migrate:up transaction:false\ncreate table u(a text);\nselect * from nowhere;\n-- migrate:down\n",
        );
        app.shed(["migrate", "app", "--no-backup"]).stderr_has("  at $REPO/migrations/2_i.sql:3\n").fails(5);
        assert_eq!(app.versions(), "1");
        assert!(app.held().contains(&"u".to_owned()));
    }
    // With a backup it is put back.
    let app = SqlApp::sqlite();
    app.add("1_t", "create table t(a text);", "drop table t;");
    app.migrate();
    app.write(
        "migrations/2_i.sql",
        "-- migrate:up transaction:false\ncreate table u(a text);\nselect * from nowhere;\n-- migrate:down\n",
    );
    app.shed(["migrate", "app"]).stderr_has("the backup was put back: the database is at 1 as before").fails(5);
    assert_eq!((app.held(), app.versions().as_str()), (vec!["schema_migrations".to_owned(), "t".to_owned()], "1"));
}

#[test]
fn sqlite_is_vacuumed_outside_of_a_transaction() {
    let app = SqlApp::sqlite();
    app.write("migrations/1_v.sql", "-- migrate:up transaction:false\nvacuum;\n-- migrate:down\n");
    app.migrate();
    assert_eq!(app.versions(), "1");
}

#[test]
fn a_value_added_to_a_type_can_be_used_by_the_next_file() {
    let app = SqlApp::postgres();
    app.add("1_t", "create type k as enum ('a');\ncreate table t(x k);", "");
    app.add("2_b", "alter type k add value 'b';", "");
    app.add("3_c", "insert into t values ('b');", "");
    app.migrate();
    assert_eq!(app.versions(), "1 2 3");
}

#[test]
fn a_clone_keeps_the_rows_and_goes_on_from_them() {
    let app = SqlApp::postgres();
    let other = crate::cluster::cluster().database();
    app.write(
        "shed.yaml",
        &format!(
            "projects:\n  app:\n    format: sql\n    db:\n      main: {}\n      copy: {}\n",
            app.db.settings(),
            other.settings()
        ),
    );
    app.tables(&["1_a", "3_c"]);
    app.shed(["migrate", "app.main"]).any_stderr().ok();
    app.shed(["clone", "app.main", "app.copy", "--schema-only", "--yes"]).any_stdout().any_stderr().ok();
    app.tables(&["2_b"]);
    app.shed(["migrate", "app.copy"]).stderr_has("app.copy: upgraded to 2, b\n").ok();
    assert_eq!(other.rows("select string_agg(version, ' ' order by version) from schema_migrations").trim(), "1 2 3");
}

#[test]
fn a_reader_that_may_make_nothing_can_ask() {
    let app = SqlApp::postgres();
    app.tables(&["1_a", "2_b"]);
    app.shed(["migrate", "app", "1"]).any_stderr().ok();
    // Neither tables, not even temporary ones, nor anything else.
    app.db.execute(&format!("alter database \"{}\" set default_transaction_read_only = on", app.db.name()));
    app.shed(["current"]).stdout("1\n").ok();
    app.shed(["status"]).stdout_has("Pending: 1").ok();
    app.shed(["migrate", "app", "--dry-run"]).stdout_has("-- Running upgrade 1 -> 2").ok();
}
