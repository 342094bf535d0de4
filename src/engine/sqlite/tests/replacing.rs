//! Replacing: the target is the old or the new content, for everybody who has it open.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use crate::engine::journal::{Deed, Entry};
use crate::error::Error;

use super::*;

const ALL: Copying = Copying { schema_only: false, exclude_table_data: Vec::new(), template: false, jobs: None };

fn inode(path: &Path) -> u64 {
    std::fs::metadata(path).unwrap().ino()
}

#[test]
fn every_journal_mode_and_page_size_goes_into_every_other_and_the_target_keeps_its_own() {
    for from in ["wal", "delete"] {
        for to in ["wal", "delete"] {
            let sizes: &[(u32, u32)] = if from == to { &[(1024, 8192), (8192, 1024)] } else { &[(4096, 4096)] };
            for (from_size, to_size) in sizes {
                let folder = Folder::new();
                let sql = format!("pragma page_size={from_size}; pragma journal_mode={from}; {}", many(2000));
                let source = folder.database("source.db", &sql);
                let sql = format!(
                    "pragma page_size={to_size}; pragma journal_mode={to}; create table old(x); {}",
                    many_in("o1", 500)
                );
                let target = folder.database("target.db", &sql);
                let (path, before) = (target.path().unwrap(), inode(&target.path().unwrap()));
                let mut other = Other::start(&path, &["select count(*) from old"]);
                clone(&source, &target, &ALL).unwrap();
                let case = format!("{from} {from_size} into {to} {to_size}");
                assert_eq!(other.ask("select count(*) from t"), "[(2000,)]", "{case}");
                assert_eq!(other.ask("insert into t(body) values('after')"), "[]", "{case}");
                drop(other);
                assert_eq!(inode(&path), before, "{case}");
                assert_eq!(ask(&path, "pragma journal_mode"), to, "{case}");
                assert_eq!(ask(&path, "select count(*) from t"), "2001", "{case}");
                assert_eq!(ask(&path, "select count(*) from sqlite_schema where name = 'old'"), "0", "{case}");
                assert_eq!(ask(&path, "pragma integrity_check"), "ok", "{case}");
                assert_eq!(folder.names(), ["source.db", "target.db"], "{case}");
            }
        }
    }
}

#[test]
fn a_reader_in_rollback_mode_is_named_and_nothing_is_changed() {
    let folder = Folder::new();
    let source = folder.database("source.db", &many(10));
    let target = folder.database("target.db", "create table old(x); insert into old values(1)");
    let mut other = Other::start(&target.path().unwrap(), &["begin", "select * from old"]);
    let error = clone(&source, &target, &ALL).unwrap_err();
    assert_eq!(error.code(), 5);
    assert!(error.to_string().contains("is in use by process "), "{error}");
    assert_eq!(other.ask("select * from old"), "[(1,)]");
    assert_eq!(other.ask("commit"), "[]");
    assert_eq!(folder.names(), ["source.db", "target.db"]);
    clone(&source, &target, &ALL).unwrap();
    assert_eq!(other.ask("select count(*) from t"), "[(10,)]");
}

#[test]
fn a_reader_in_wal_mode_keeps_what_it_reads_until_it_ends_and_a_writer_is_named() {
    let folder = Folder::new();
    let source = folder.database("source.db", &many(10));
    let target =
        folder.database("target.db", "pragma journal_mode=wal; create table old(x); insert into old values(1)");
    let mut other = Other::start(&target.path().unwrap(), &["begin", "select * from old"]);
    clone(&source, &target, &ALL).unwrap();
    assert_eq!(other.ask("select * from old"), "[(1,)]");
    assert_eq!(other.ask("commit"), "[]");
    assert_eq!(other.ask("select count(*) from t"), "[(10,)]");
    assert_eq!(other.ask("begin immediate"), "[]");
    let error = clone(&source, &target, &ALL).unwrap_err();
    assert!(error.to_string().contains("is in use by process "), "{error}");
}

#[test]
fn an_empty_target_takes_the_journal_mode_of_what_comes_and_a_new_one_is_private() {
    let folder = Folder::new();
    let source = folder.database("source.db", &format!("pragma journal_mode=wal; {}", many(10)));
    let (empty, new) = (folder.database("empty.db", ""), folder.database("deep/new.db", ""));
    empty.create().unwrap();
    for target in [&empty, &new] {
        clone(&source, target, &ALL).unwrap();
        assert_eq!(ask(&target.path().unwrap(), "pragma journal_mode"), "wal");
        assert_eq!(ask(&target.path().unwrap(), "select count(*) from t"), "10");
    }
    assert_eq!(std::fs::metadata(new.path().unwrap()).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_log_without_its_database_does_not_bring_old_content_back() {
    let folder = Folder::new();
    let source = folder.database("source.db", &many(10));
    let target = folder.database("target.db", "pragma journal_mode=wal; create table old(x)");
    let other = Other::start(&target.path().unwrap(), &["insert into old values(1)"]);
    std::mem::drop(other); // killed: its log stays
    assert_eq!(folder.names(), ["source.db", "target.db", "target.db-shm", "target.db-wal"]);
    std::fs::remove_file(folder.path("target.db")).unwrap();
    clone(&source, &target, &ALL).unwrap();
    assert_eq!(ask(&folder.path("target.db"), "select count(*) from t"), "10");
    assert_eq!(folder.names(), ["source.db", "target.db"]);
}

#[test]
fn the_old_content_is_kept_whole_where_it_is_asked_for() {
    let folder = Folder::new();
    let source = folder.database("source.db", &many(10));
    let target = folder.database("target.db", "create table old(x); insert into old values(7)");
    let replaced = quietly(|watch| replace(&target, true, watch, &mut |aside| pour(&source, aside, &ALL, watch)));
    let old = replaced.unwrap().old.unwrap();
    assert_eq!(old, folder.path("target.db.shed-old-run_1").display().to_string());
    assert_eq!(ask(Path::new(&old), "select x from old"), "7");
    let nothing = quietly(|watch| {
        replace(&folder.database("new.db", ""), true, watch, &mut |aside| pour(&source, aside, &ALL, watch))
    });
    assert_eq!(nothing.unwrap().old, None);
}

#[test]
fn what_fills_the_copy_and_fails_leaves_everything_as_it_was() {
    let folder = Folder::new();
    let target = folder.database("target.db", "create table old(x)");
    let failed = quietly(|watch| {
        replace(&target, true, watch, &mut |aside| {
            let Engine::Sqlite(aside) = aside else { unreachable!() };
            run(&aside.path()?, "create table half(x)");
            Err(Error::failed("masking failed"))
        })
    });
    assert_eq!(failed.unwrap_err().to_string(), "masking failed");
    assert_eq!(folder.names(), ["target.db"]);
    assert_eq!(ask(&target.path().unwrap(), "select name from sqlite_schema"), "old");
}

#[test]
fn a_file_that_is_no_database_is_kept_when_it_is_replaced() {
    let folder = Folder::new();
    let source = folder.database("source.db", &many(10));
    std::fs::write(folder.path("target.db"), "precious ".repeat(1000)).unwrap();
    let target = folder.database("target.db", "");
    let replaced = clone(&source, &target, &ALL).unwrap();
    assert!(replaced.remark.unwrap().contains("was no database that could be opened"));
    assert!(std::fs::read_to_string(replaced.old.unwrap()).unwrap().starts_with("precious precious"));
    assert_eq!(ask(&folder.path("target.db"), "select count(*) from t"), "10");
}

#[test]
fn the_entry_of_a_migration_stays_until_its_own_command_ends_it() {
    let folder = Folder::new();
    let source = folder.database("source.db", &many(10));
    let target = folder.database("target.db", "create table old(x)");
    let journal = Journal::at(target.journal_path().unwrap());
    let migrating = Entry {
        deed: Deed::Migrate { heads: vec![], backup: None, events: "/e".into(), rolls_back: false },
        ..entry(&folder)
    };
    journal.write(&migrating).unwrap();
    clone(&source, &target, &ALL).unwrap();
    assert_eq!(journal.read().unwrap(), Some(migrating));
    assert_eq!(journal.of_swap().read().unwrap(), None);
}

fn entry(folder: &Folder) -> Entry {
    let deed = Deed::Fill { file: folder.path("target.db"), aside: folder.path("target.db.shed-new-run_0") };
    Entry::new("run_0", "a.b", "clone", deed)
}

#[test]
fn recovery_says_which_content_is_there_and_removes_what_was_built_aside() {
    let folder = Folder::new();
    let target = folder.database("target.db", "");
    let recover = || quietly(|watch| target.recover(&entry(&folder), watch)).unwrap();
    let shown = folder.path("target.db").display().to_string();
    let aside = folder.path("target.db.shed-new-run_0");

    run(&aside, &many(1000));
    assert_eq!(recover(), format!("{shown} is not there, as before"));
    assert_eq!(folder.names(), [""; 0]);

    run(&aside, &many(1000));
    run(&folder.path("target.db"), "pragma journal_mode=wal; create table old(x)");
    assert_eq!(recover(), format!("{shown} is whole and holds the old content"));
    assert_eq!(folder.names(), ["target.db"]);

    run(&folder.path("source.db"), &many(1000));
    clone(&file(&folder.path("source.db")), &target, &ALL).unwrap();
    std::fs::copy(folder.path("source.db"), &aside).unwrap();
    assert_eq!(recover(), format!("{shown} is whole and holds the new content"));
    assert_eq!(recover(), format!("{shown} is whole: the run had ended its work on it"));
    assert_eq!(folder.names(), ["source.db", "target.db"]);
}

#[test]
fn a_write_that_died_half_way_is_rolled_back() {
    let folder = Folder::new();
    let target = folder.database("target.db", &many(3000));
    let other = Other::start(
        &folder.path("target.db"),
        &["pragma cache_size=10", "pragma synchronous=off", "begin", "update t set body = 'x'"],
    );
    drop(other); // killed
    assert!(folder.names().contains(&"target.db-journal".into()));
    run(&folder.path("target.db.shed-new-run_0"), &many(10));
    let said = quietly(|watch| target.recover(&entry(&folder), watch)).unwrap();
    assert!(said.ends_with("is whole and holds the old content"), "{said}");
    assert_eq!(folder.names(), ["target.db"]);
    assert_eq!(ask(&folder.path("target.db"), "select count(*) from t where body = 'x'"), "0");
}

#[test]
fn what_dead_runs_left_goes_with_the_next_one_and_kept_content_stays() {
    let folder = Folder::new();
    let source = folder.database("source.db", &many(10));
    for left in ["shed-new-r", "shed-new-r-journal", "shed-part-r", "shed-old-r"] {
        std::fs::write(folder.path(&format!("target.db.{left}")), "x").unwrap();
    }
    std::fs::write(folder.path("target.db2.shed-new-r"), "of another").unwrap();
    clone(&source, &folder.database("target.db", ""), &ALL).unwrap();
    assert_eq!(folder.names(), ["source.db", "target.db", "target.db.shed-old-r", "target.db2.shed-new-r"]);
}

#[test]
fn a_dropped_database_goes_with_its_log_unless_somebody_has_it_open() {
    let folder = Folder::new();
    for mode in ["wal", "delete"] {
        let database = folder.database("x.db", &format!("pragma journal_mode={mode}; create table t(x)"));
        let other = Other::start(&folder.path("x.db"), &["select * from t"]);
        let error = database.drop_database(false).unwrap_err();
        assert_eq!(error.code(), 5);
        assert!(error.to_string().contains("is in use by process "), "{error}");
        drop(other);
        database.drop_database(false).unwrap();
        assert_eq!(folder.names(), [""; 0]);
        let database = folder.database("x.db", &format!("pragma journal_mode={mode}; create table t(x)"));
        let _other = Other::start(&folder.path("x.db"), &["insert into t values(1)"]);
        database.drop_database(true).unwrap();
        assert_eq!(folder.names(), [""; 0]);
    }
    assert_eq!(folder.database("x.db", "").drop_database(true).unwrap_err().code(), 4);
    std::fs::write(folder.path("x.db"), "precious ".repeat(100)).unwrap();
    assert!(
        folder.database("x.db", "").drop_database(false).unwrap_err().to_string().contains("is not a SQLite database")
    );
    assert_eq!(folder.names(), ["x.db"]);
}
