//! Copies and backups: of one moment, beside writers, never touching the source.

use super::*;

const ALL: Copying = Copying { schema_only: false, exclude_table_data: Vec::new(), template: false, jobs: None };

/// Two rows of a pair are written in one transaction: a copy holds both or none.
fn whole_pairs(path: &Path) {
    assert_eq!(ask(path, "pragma quick_check"), "ok");
    assert_eq!(ask(path, "select count(*) from (select pair from beat group by pair having count(*) <> 2)"), "0");
}

#[test]
fn a_copy_beside_a_busy_writer_is_of_one_moment() {
    for mode in ["wal", "delete"] {
        let folder = Folder::new();
        let mut source = folder.database("source.db", &format!("pragma journal_mode={mode}; {}", many(12_000)));
        source.options.clear(); // waits as long as usual
        let target = folder.database("target.db", "");
        let writer = Writer::start(&source.path().unwrap());
        let (result, told) =
            watched(|watch| replace(&target, false, watch, &mut |aside| pour(&source, aside, &ALL, watch)));
        result.unwrap();
        assert!(writer.stop() >= 5);
        assert!(told.iter().all(|note| note.ends_with("they wait until the copy is made")), "{told:?}");
        assert!(mode == "delete" || told.is_empty(), "{told:?}");
        whole_pairs(&target.path().unwrap());
        assert_eq!(ask(&target.path().unwrap(), "select count(*) from t"), "12000");
        assert_eq!(ask(&target.path().unwrap(), "pragma journal_mode"), mode);
    }
}

#[test]
fn nothing_is_left_beside_a_new_copy_and_the_source_is_as_it_was() {
    let folder = Folder::new();
    let source = folder.database("source.db", &many(100));
    let before = std::fs::read(source.path().unwrap()).unwrap();
    clone(&source, &folder.database("target.db", ""), &ALL).unwrap();
    assert_eq!(folder.names(), ["source.db", "target.db"]);
    assert_eq!(std::fs::read(source.path().unwrap()).unwrap(), before);
    assert_eq!(source.row_counts().unwrap(), folder.database("target.db", "").row_counts().unwrap());
}

#[test]
fn a_source_that_is_not_there_is_not_made() {
    let folder = Folder::new();
    let error = clone(&folder.database("no.db", ""), &folder.database("target.db", ""), &ALL).unwrap_err();
    assert_eq!(
        (error.code(), error.to_string().lines().next().unwrap()),
        (4, &*format!("{} is not there", folder.path("no.db").display()))
    );
    assert_eq!(folder.names(), [""; 0]);
}

#[test]
fn a_database_is_not_copied_onto_itself_or_into_one_that_holds_something() {
    let folder = Folder::new();
    let source = folder.database("source.db", &many(10));
    std::os::unix::fs::symlink("source.db", folder.path("link.db")).unwrap();
    let onto = |target: &str| quietly(|watch| source.copy_into(&file(&folder.path(target)), &ALL, watch)).unwrap_err();
    assert_eq!(onto("link.db").code(), 2);
    let other = folder.database("other.db", &many(10));
    assert_eq!(onto("other.db").code(), 5);
    assert_eq!(ask(&other.path().unwrap(), "select count(*) from t"), "10");
}

#[test]
fn a_source_under_an_exclusive_lock_is_awaited_and_then_an_error_that_names_its_holder() {
    let folder = Folder::new();
    let source = folder.database("source.db", &many(10));
    let mut other = Other::start(&source.path().unwrap(), &["begin exclusive"]);
    let error = clone(&source, &folder.database("target.db", ""), &ALL).unwrap_err();
    assert_eq!(error.code(), 4);
    let said = error.to_string();
    assert!(said.starts_with(&format!("{} is locked by process ", folder.path("source.db").display())), "{said}");
    assert!(said.contains("(python3"), "{said}");
    assert_eq!(other.ask("commit"), "[]");
    clone(&source, &folder.database("target.db", ""), &ALL).unwrap();
}

#[test]
fn a_source_whose_transaction_was_broken_off_is_left_alone() {
    let folder = Folder::new();
    let source = folder.database("source.db", &many(3000));
    let other = Other::start(
        &source.path().unwrap(),
        &["pragma cache_size=10", "pragma synchronous=off", "begin", "update t set body = 'x'"],
    );
    drop(other); // killed
    let before = (std::fs::read(folder.path("source.db")).unwrap(), folder.names());
    let error = clone(&source, &folder.database("target.db", ""), &ALL).unwrap_err();
    assert_eq!(error.code(), 4);
    assert!(error.to_string().contains("holds a transaction that was broken off"), "{error}");
    assert_eq!((std::fs::read(folder.path("source.db")).unwrap(), folder.names()), before);
    // A database of our own is put right first.
    quietly(|watch| source.back_up(&folder.path("backup"), watch)).unwrap();
    assert_eq!(ask(&folder.path("backup"), "select count(*) from t where body = 'x'"), "0");
}

#[test]
fn the_schema_alone_keeps_the_revision() {
    let folder = Folder::new();
    let sql = "create table t(id integer primary key autoincrement, x); create table log(x);\
        create trigger gone after delete on t begin insert into log values(old.id); end;\
        create table alembic_version(version_num text); insert into alembic_version values('a1');\
        create virtual table words using fts5(x); insert into words values('one');\
        create virtual table outer_words using fts5(x, content='t', content_rowid='id');\
        insert into t(x) values('secret'); insert into log values(1); insert into outer_words(outer_words) values('rebuild'); analyze;";
    for mode in ["wal", "delete"] {
        let source = folder.database(&format!("{mode}.db"), &format!("pragma journal_mode={mode};{sql}"));
        let target = folder.database(&format!("{mode}_copy.db"), "");
        clone(&source, &target, &Copying { schema_only: true, ..ALL }).unwrap();
        let path = target.path().unwrap();
        let counts = "select (select count(*) from t) || (select count(*) from log) || (select count(*) from words) \
            || (select count(*) from outer_words('secret')) || (select count(*) from sqlite_sequence)";
        assert_eq!(ask(&path, counts), "00000");
        assert_eq!(target.heads("alembic_version").unwrap().unwrap(), ["a1"]);
        assert_eq!(ask(&path, "pragma journal_mode"), mode);
        assert!(!String::from_utf8_lossy(&std::fs::read(&path).unwrap()).contains("secret"));
        assert_eq!(ask(&source.path().unwrap(), "select count(*) from log"), "1");
    }
}

#[test]
fn rows_of_the_named_tables_stay_behind_and_a_name_that_fits_nothing_is_told() {
    let folder = Folder::new();
    let source = folder.database(
        "source.db",
        "create table Audit_Log(x); create table audit_more(x); create table kept(x);\
         insert into Audit_Log values(1); insert into audit_more values(1); insert into kept values(1);",
    );
    let target = folder.database("target.db", "");
    let copying = Copying { exclude_table_data: vec!["audit_*".into(), "nothing".into()], ..ALL };
    let (result, told) =
        watched(|watch| replace(&target, false, watch, &mut |aside| pour(&source, aside, &copying, watch)));
    result.unwrap();
    assert_eq!(told, ["no table matches nothing"]);
    assert_eq!(target.row_counts().unwrap(), [("Audit_Log".into(), 0), ("audit_more".into(), 0), ("kept".into(), 1)]);
}

#[test]
fn looking_makes_nothing_and_a_database_that_is_not_there_is_empty() {
    let folder = Folder::new();
    let missing = folder.database("no.db", "");
    assert!(missing.is_empty().unwrap());
    assert_eq!(
        (missing.size().unwrap(), missing.heads("v").unwrap(), missing.row_counts().unwrap()),
        (0, None, vec![])
    );
    assert_eq!(folder.names(), [""; 0]);
    missing.create().unwrap();
    assert!(missing.is_empty().unwrap());
    let full = folder
        .database("x.db", "create table \"a\"\"b\"(x); create table v(version_num); insert into v values('b'),('a');");
    assert!(!full.is_empty().unwrap());
    assert_eq!(full.heads("v").unwrap().unwrap(), ["a", "b"]);
    assert_eq!(full.heads("other").unwrap(), None);
    assert_eq!(full.row_counts().unwrap(), [("a\"b".into(), 0), ("v".into(), 2)]);
    assert_eq!(full.size().unwrap(), 12288);
}
