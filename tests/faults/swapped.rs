//! What belongs to a PostgreSQL database but is not in a dump survives clone and restore (F20).

use crate::cluster::cluster;
use crate::scene::{Mode, Scene};

fn on_server(sql: &str) -> String {
    cluster().psql("postgres", sql)
}

/// Owner, limits, comment, grants and settings of a database.
fn about(name: &str) -> String {
    on_server(&format!(
        "select pg_get_userbyid(datdba), datconnlimit, datallowconn, datistemplate, shobj_description(oid, 'pg_database'), \
         (select string_agg(x::text, ' ' order by x::text) from aclexplode(datacl) x), \
         (select string_agg(setrole || ' ' || setconfig::text, ' ' order by setrole) from pg_db_role_setting where setdatabase = d.oid) \
         from pg_database d where datname = '{name}'"
    ))
}

fn adorn(name: &str) {
    let role = format!("{name}_reader");
    on_server(&format!(
        "create role {role}; alter database {name} owner to {role}; revoke all on database {name} from public; \
         grant connect, temporary on database {name} to {role} with grant option; alter database {name} set work_mem = '7MB'; \
         alter database {name} set search_path = \"$user\", 'it''s', public; alter role {role} in database {name} set statement_timeout = '5s'; \
         comment on database {name} is 'it''s ours'; alter database {name} connection limit 17"
    ));
}

/// What pg_dump carries and a careless copy loses.
const INSIDE: &str = "create extension citext; create sequence counter; select nextval('counter') from generate_series(1, 41); \
    select setval('counter', 77, false); select lo_from_bytea(4711, 'large bytes'); comment on large object 4711 is 'a picture'; \
    create table numbered (id bigint generated always as identity (start with 500)); insert into numbered default values; \
    create table \"Odd \"\"one\" (word citext primary key); insert into \"Odd \"\"one\" values ('A'); comment on table numbered is 'it''s'";

fn inside(database: &crate::database::Database) -> String {
    [
        "select last_value, is_called from counter",
        "select convert_from(lo_get(4711), 'UTF8'), obj_description(4711, 'pg_largeobject')",
        "select extname, extversion from pg_extension order by 1",
        "select count(*), max(id) from numbered",
        "select * from \"Odd \"\"one\" where word = 'a'",
        "select obj_description('numbered'::regclass)",
        "select sequencename, last_value from pg_sequences order by 1",
    ]
    .map(|sql| database.rows(sql))
    .concat()
}

#[test]
fn what_is_not_in_a_dump_survives_clone_and_restore() {
    let scene = Scene::postgres();
    scene.mode(Mode::Whole);
    scene.reset_clone(false);
    for database in [&scene.main, &scene.other] {
        adorn(&database.name());
    }
    scene.main.execute(INSIDE);
    let (held, before) = (inside(&scene.main), about(&scene.other.name()));
    scene.clone().ok();
    assert_eq!((inside(&scene.other), about(&scene.other.name())), (held.clone(), before));
    scene.other.execute("insert into numbered default values");
    assert_eq!(scene.other.rows("select max(id), nextval('counter') from numbered"), "501|77\n");

    let before = about(&scene.main.name());
    scene.shed(["backup", "app.main"]).any_stdout().ok();
    scene
        .main
        .execute("drop sequence counter; select lo_unlink(4711); truncate numbered; drop extension citext cascade");
    scene.shed(["restore", "app.main", "--yes"]).any_stdout().any_stderr().ok();
    assert_eq!((inside(&scene.main), about(&scene.main.name())), (held, before));
    assert_eq!(scene.leftovers(), Vec::<String>::new());
    for database in [&scene.main, &scene.other] {
        let name = database.name();
        on_server(&format!("alter database {name} owner to shed; alter database {name} connection limit -1"));
        for place in [name.as_str(), "postgres"] {
            cluster().psql(place, &format!("drop owned by {name}_reader"));
        }
        on_server(&format!("drop role {name}_reader"));
    }
}
