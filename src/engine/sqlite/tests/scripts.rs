//! Files of SQL: all or nothing.

use super::*;

fn tried(sql: &str) -> (Result<()>, String) {
    let folder = Folder::new();
    let database = folder.database("x.db", "create table t(x); create table u(x); insert into t values(1)");
    std::fs::write(folder.path("f.sql"), sql).unwrap();
    let result = quietly(|watch| database.run_file(&folder.path("f.sql"), watch));
    (result, ask(&folder.path("x.db"), "select group_concat(x) from t"))
}

fn refused(sql: &str) -> String {
    let (result, rows) = tried(sql);
    let error = result.unwrap_err();
    assert_eq!((error.code(), rows.as_str()), (5, "1"), "{error}");
    let said = error.to_string();
    said[said.find("f.sql").unwrap()..].to_owned()
}

#[test]
fn a_file_runs_whole_with_triggers_and_a_bracket_of_its_own() {
    for sql in [
        "insert into t values(2); select x from t; insert into t values(3)",
        "\u{feff}-- dump\nPRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\ninsert into t values(2); insert into t values(3);\nCOMMIT;\n",
        "begin; savepoint a; insert into t values(9); rollback to a; release a; insert into t values(2),(3); end",
        "create trigger g after insert on u begin insert into t values(2); insert into t values(new.x); end; insert into u values(3);",
    ] {
        let (result, rows) = tried(sql);
        result.unwrap();
        assert_eq!(rows, "1,2,3", "{sql}");
    }
}

#[test]
fn a_file_that_fails_changes_nothing_and_says_where() {
    let said = refused("insert into t values(2);\n\ninsert into\n nowhere values(3);");
    assert_eq!(said, "f.sql, line 3: no such table: nowhere\n  insert into\nhelp: nothing was changed");
    assert!(refused("insert into t values(2); .tables").contains("near \".\": syntax error"));
    assert!(refused("insert into t values(2); vacuum;").contains("cannot VACUUM from within a transaction"));
    assert!(
        refused("insert into t values(2); create unique index i on t(x); insert or rollback into t values(2);")
            .contains("UNIQUE")
    );
}

#[test]
fn a_file_that_would_end_the_transaction_is_refused() {
    for sql in [
        "insert into t values(2); commit; insert into t values(3);",
        "begin; insert into t values(2); commit; insert into t values(3);",
        "insert into t values(2); begin; insert into t values(3); commit;",
        "begin; insert into t values(2); rollback;",
        "begin; insert into t values(2); commit; begin; commit;",
    ] {
        assert!(refused(sql).contains("one transaction, and this would end it"), "{sql}");
    }
    assert!(
        refused("insert into t values(2); attach ':memory:' as m;").contains("another database cannot be attached")
    );
    let (cut, rows) = tried("begin; insert into t values(2);");
    assert!(cut.unwrap_err().to_string().contains("begins a transaction and does not commit it"));
    assert_eq!(rows, "1");
}
