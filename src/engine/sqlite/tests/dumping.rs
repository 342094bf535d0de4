//! Dumps: the same bytes for the same database, and the same database from the bytes.

use crate::engine::verbs::Content;

use super::*;

const EVERYTHING: &str = "pragma user_version=7;
create table parent(id integer primary key autoincrement, name text);
create table child(id integer primary key, parent integer references parent(id), twice as (id * 2), note);
create table pairs(a, b, primary key (a, b)) without rowid;
create table alembic_version(version_num text primary key);
create table \"odd \"\"name\"(\"sel ect\", v);
create index child_note on child(note) where note is not null;
create view all_children as select * from child -- the view's own comment
;
create trigger parent_added after insert on parent begin update child set note = 'triggered; yes' where parent = new.id; end;
create virtual table words using fts5(body);
create virtual table notes using fts5(note, content='child', content_rowid='id');
create virtual table boxes using rtree(id, x0, x1);
insert into alembic_version values('b2'), ('a1');
insert into parent(name) values('it''s'), ('line
break'), (null);
delete from parent where id = 3;
insert into child(id, parent, note) values(1, 1, 'first'), (2, 99, x'00ff');
insert into pairs values(2, 'b'), (1, 'a');
insert into \"odd \"\"name\" values(1.0, 0.1), (1e300, 123456789.123456789), (9e999, -9e999), (-9223372036854775808, 1e15),
 (cast(x'61006200' as text), 'é'), (cast(x'ff41' as text), ''), (x'', 5e-324), (-0.0, 1.7976931348623157e308);
insert into words(rowid, body) values(5, 'hello world');
insert into notes(notes) values('rebuild');
insert into boxes values(1, 0.5, 2.25);";

fn dump(database: &File, content: Content) -> String {
    let versions = [(None, "alembic_version".to_owned())];
    String::from_utf8(quietly(|watch| database.dump_sql(content, &versions, watch)).unwrap()).unwrap()
}

fn load(folder: &Folder, name: &str, sql: &str) -> File {
    std::fs::write(folder.path("dump.sql"), sql).unwrap();
    let database = folder.database(name, "");
    database.create().unwrap();
    quietly(|watch| database.run_file(&folder.path("dump.sql"), watch)).unwrap();
    database
}

#[test]
fn the_dump_of_a_loaded_dump_is_the_same() {
    let folder = Folder::new();
    let source = folder.database("x.db", EVERYTHING);
    for content in [Content::Schema, Content::All] {
        let sql = dump(&source, content);
        let loaded = load(&folder, &format!("{content:?}.db"), &sql);
        assert_eq!(dump(&loaded, content), sql);
        assert_eq!(ask(&loaded.path().unwrap(), "pragma integrity_check"), "ok");
    }
    let path = folder.path("All.db");
    let shown = |column: &str| {
        format!("typeof({column}) || case typeof({column}) when 'text' then hex({column}) else quote({column}) end")
    };
    let odd = &format!("select group_concat({} || {}) from \"odd \"\"name\"", shown("\"sel ect\""), shown("v"));
    assert_eq!(ask(&path, odd), ask(&folder.path("x.db"), odd));
    assert_eq!(ask(&path, "select rowid from words('world')"), "5");
    assert_eq!(ask(&path, "select rowid from notes('first')"), "1");
    assert_eq!(ask(&path, "select id from boxes where x1 > 2"), "1");
    assert_eq!(ask(&path, "select seq from sqlite_sequence"), "3");
    assert_eq!(
        ask(
            &folder.path("Schema.db"),
            "select group_concat(version_num) from (select * from alembic_version order by 1)"
        ),
        "a1,b2"
    );
    assert_eq!(ask(&folder.path("Schema.db"), "select count(*) from parent"), "0");
}

#[test]
fn the_schema_is_readable_and_its_order_does_not_depend_on_history() {
    let folder = Folder::new();
    let one = folder.database("a.db", "create table b(x); create table a(x); create index i on a(x); create view v as select * from w; create view w as select * from a;");
    let other = folder.database("b.db", "create table gone(x); create table a(x); create view w as select * from a; create view v as select * from w; create table b(x); drop table gone; create index i on a(x); vacuum;");
    let expected = "-- The schema of a SQLite database, written by `shed dump`.
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE a(x);
CREATE TABLE b(x);
CREATE INDEX i on a(x);
CREATE VIEW v as select * from w;
CREATE VIEW w as select * from a;
COMMIT;
";
    assert_eq!(dump(&one, Content::Schema), expected);
    assert_eq!(dump(&other, Content::Schema), expected);
    assert_eq!(dump(&load(&folder, "c.db", expected), Content::Schema), expected);
}

#[test]
fn the_program_sqlite3_takes_a_dump_too() {
    let folder = Folder::new();
    let source = folder.database("x.db", EVERYTHING);
    let sql = dump(&source, Content::All);
    let tool = tool("sqlite3").args(["-init", "/dev/null", "-bail"]).arg(folder.path("y.db")).input(sql.clone());
    let captured = tool.capture().unwrap();
    assert_eq!(String::from_utf8_lossy(&captured.stderr), "");
    assert_eq!(dump(&folder.database("y.db", ""), Content::All), sql);
}

#[test]
fn a_text_index_without_its_text_is_told() {
    let folder = Folder::new();
    let source = folder.database(
        "x.db",
        "create virtual table w using fts5(body, content=''); insert into w(rowid, body) values(1, 'x')",
    );
    let (sql, told) = watched(|watch| source.dump_sql(Content::All, &[], watch).unwrap());
    assert_eq!(told, ["w is a full-text index without its text: its rows are not in the dump; a backup holds them"]);
    assert!(!String::from_utf8(sql).unwrap().contains("INSERT"));
}
