//! Backups that are cut, flipped, foreign; sources that are damaged.

use super::*;

fn backup(folder: &Folder) -> (File, PathBuf) {
    let database = folder.database("x.db", &format!("pragma journal_mode=wal; {}", many(2000)));
    let path = folder.path("b");
    quietly(|watch| database.back_up(&path, watch)).unwrap();
    (database, path)
}

#[test]
fn a_backup_is_one_private_file_that_fills_an_empty_database() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let (database, path) = backup(&folder);
    assert_eq!(folder.names(), ["b", "x.db"]);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    quietly(|watch| database.verify_backup(&path, watch)).unwrap();
    run(&folder.path("x.db"), "delete from t");
    quietly(|watch| replace(&database, false, watch, &mut |aside| aside.fill_from_backup(&path, watch))).unwrap();
    assert_eq!(ask(&folder.path("x.db"), "select count(*) from t"), "2000");
    assert_eq!(folder.names(), ["b", "x.db"]);
    let again = quietly(|watch| database.back_up(&path, watch)).unwrap_err();
    assert!(again.to_string().contains("File exists"), "{again}");
}

#[test]
fn a_backup_that_is_cut_or_broken_or_of_another_kind_is_refused() {
    let folder = Folder::new();
    let (database, path) = backup(&folder);
    let whole = std::fs::read(&path).unwrap();
    let refused = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        let error = watched(|watch| database.verify_backup(&path, watch)).0.unwrap_err();
        assert_eq!(error.code(), 5, "{error}");
        error.to_string().replace(&path.display().to_string(), "b")
    };
    assert_eq!(refused(&[]), "b is not a whole SQLite database: it ends within its first page");
    assert_eq!(
        refused(b"PGDMP".repeat(100).as_slice()),
        "b is not a whole SQLite database: its first bytes are not SQLite's"
    );
    for share in [30, 60, 99] {
        let cut = whole.len() * share / 100;
        let said = refused(&whole[..cut]);
        assert_eq!(said, format!("b is not a whole SQLite database: it has {cut} bytes, and says {}", whole.len()));
    }
    let mut flipped = whole.clone();
    flipped[4096..4100].copy_from_slice(&[0xff; 4]); // the head of the second page
    assert!(refused(&flipped).starts_with("b is damaged"), "{}", refused(&flipped));
}

#[test]
fn a_damaged_source_is_told_and_the_target_stays() {
    let folder = Folder::new();
    folder.database("x.db", &many(2000));
    let mut bytes = std::fs::read(folder.path("x.db")).unwrap();
    bytes[8192..12288].fill(0xaa);
    std::fs::write(folder.path("x.db"), bytes).unwrap();
    let target = folder.database("target.db", "create table old(x)");
    let error = clone(&file(&folder.path("x.db")), &target, &Copying::default()).unwrap_err();
    assert_eq!(error.code(), 5);
    assert!(error.to_string().contains("is damaged"), "{error}");
    std::fs::write(folder.path("x.db"), "hello ".repeat(1000)).unwrap();
    let error = clone(&file(&folder.path("x.db")), &target, &Copying::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{} is not a SQLite database, or it is encrypted", folder.path("x.db").display())
    );
    assert_eq!(folder.names(), ["target.db", "x.db"]);
    assert_eq!(ask(&folder.path("target.db"), "select name from sqlite_schema"), "old");
}

#[test]
fn rows_that_break_a_rule_of_their_table_are_copied_with_a_word() {
    let folder = Folder::new();
    let sql = "create table t(x); insert into t values(null); pragma writable_schema=on;\
        update sqlite_schema set sql = 'create table t(x not null)'";
    let source = folder.database("x.db", sql);
    let target = folder.database("target.db", "");
    let (result, told) =
        watched(|watch| replace(&target, false, watch, &mut |aside| pour(&source, aside, &Copying::default(), watch)));
    result.unwrap();
    let aside = folder.path("target.db.shed-new-run_1");
    assert_eq!(told, [format!("{} is whole, but: NULL value in t.x", aside.display())]);
    assert_eq!(ask(&folder.path("target.db"), "select count(*) from t"), "1");
}
