//! `shed clone` between PostgreSQL databases: the copy is whole, the target keeps what is its own.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::cluster::{Cluster, cluster, second_cluster};
use crate::database::Database;
use crate::repo::Repo;

/// A repository whose project `p` has these two databases, `a` and `b`.
pub fn repo(source: &Database, target: &Database) -> Repo {
    Repo::new().settings(&settings(&source.settings(), &target.settings()))
}

pub fn settings(source: &str, target: &str) -> String {
    let server = json!({ "type": "postgres", "connection": { "host": cluster().host, "user": "shed" } });
    format!(
        "development:\n  db:\n    here: {server}\n    folder: {{ type: sqlite, connection: {{ db_path: dev }} }}\n\
         projects:\n  p:\n    versions: versions\n    db:\n      a: {source}\n      b: {target}\n"
    )
}

/// What a clone should bring along.
pub fn fill_source(database: &Database) {
    database.execute(
        "create table alembic_version (version_num varchar(32) primary key); insert into alembic_version values ('a1'); \
         create table invoice (id bigint generated always as identity primary key, total integer not null, \
         double integer generated always as (total * 2) stored); \
         insert into invoice (total) select g from generate_series(1, 1000) g",
    );
}

/// What it should replace.
pub fn fill_target(database: &Database) {
    database.execute("create table old_one (id integer); insert into old_one values (1)");
}

/// Databases that a clone of this one left beside it.
pub fn left_beside(cluster: &Cluster, database: &Database) -> String {
    let sql = format!("select datname from pg_database where datname like '{}\\_\\_shed\\_%'", database.name());
    cluster.psql("postgres", &sql)
}

fn pair() -> (Database, Database) {
    let (source, target) = (cluster().database(), cluster().database());
    fill_source(&source);
    fill_target(&target);
    (source, target)
}

#[test]
fn the_copy_is_whole_and_the_old_content_is_gone() {
    let (source, target) = pair();
    source.execute(
        "create extension citext; create schema \"odd \"\"name\"; create table \"odd \"\"name\".t (name citext); \
         insert into \"odd \"\"name\".t values ('A'); create sequence counter; select nextval('counter'), nextval('counter'); \
         create view large as select * from invoice where total > 500; select lo_from_bytea(4711, 'bytes'); \
         create type colour as enum ('red'); create function twice(i int) returns int language sql as 'select i * 2'; \
         comment on table invoice is 'it''s commented'; create index on invoice (total)",
    );
    let repo = repo(&source, &target);
    repo.shed(["clone", "p.a", "p.b", "--yes"])
        .stdout(format!(
            "p.a copied to p.b (postgres {}:5432/{}): 3 tables, 1002 rows, [..] MB, [..] s, row counts verified\n",
            cluster().host.display(),
            target.name()
        ))
        .ok();
    assert_eq!(target.tables(), ["alembic_version", "invoice", "t"]);
    assert_eq!(target.revisions(), ["a1"]);
    for sql in [
        "select * from invoice order by id",
        "select * from \"odd \"\"name\".t where name = 'a'",
        "select last_value, is_called from counter",
        "select count(*) from large",
        "select convert_from(lo_get(4711), 'UTF8')",
        "select 'red'::colour, twice(4), obj_description('invoice'::regclass)",
        "select indexname from pg_indexes where tablename = 'invoice' order by 1",
    ] {
        assert_eq!(target.rows(sql), source.rows(sql), "{sql}");
    }
    target.execute("insert into invoice (total) values (7)");
    assert_eq!(target.rows("select max(id), max(double) from invoice"), "1001|2000\n");
    assert_eq!(left_beside(cluster(), &target), "");
}

#[test]
fn owner_grants_settings_and_comment_stay_the_target_s() {
    let (source, target) = pair();
    let (name, reader) = (target.name(), format!("{}_reader", target.name()));
    let owner = format!("{name}_owner \"x\"");
    let quoted = format!("\"{}\"", owner.replace('"', "\"\""));
    let on_server = |sql: &str| cluster().psql("postgres", sql);
    on_server(&format!(
        "create role {reader}; create role {quoted}; alter database {name} owner to {quoted}; revoke all on database {name} from public; \
         grant connect on database {name} to {reader} with grant option; alter database {name} set search_path = \"$user\", 'it''s', public; \
         alter database {name} set work_mem = '7MB'; alter database {name} set application_name = ''; \
         alter role {reader} in database {name} set statement_timeout = '5s'; alter database {name} set temp_tablespaces = ''; \
         comment on database {name} is 'it''s ours'; alter database {name} connection limit 17"
    ));
    let told = || {
        on_server(&format!(
            "select pg_get_userbyid(datdba), datconnlimit, datallowconn, shobj_description(oid, 'pg_database'), \
             (select string_agg(x::text, ' ' order by x::text) from aclexplode(datacl) x), \
             (select string_agg(setrole || ' ' || setconfig::text, ' ' order by setrole) from pg_db_role_setting where setdatabase = d.oid) \
             from pg_database d where datname = '{name}'"
        ))
    };
    let before = told();
    assert!(before.contains("it's ours") && before.contains("|17|t|"), "{before}");
    repo(&source, &target).shed(["clone", "p.a", "p.b", "--yes"]).any_stdout().ok();
    assert_eq!(told(), before);
    assert_eq!(target.tables(), ["alembic_version", "invoice"]);
    cluster().psql("postgres", &format!("alter database {name} owner to shed; drop owned by {reader}, {quoted}; alter role {reader} in database {name} reset all; drop role {reader}, {quoted}"));
}

#[test]
fn another_server_gets_the_copy_without_owners() {
    let source = cluster().database_with_password("p%ss word");
    fill_source(&source);
    cluster().psql(&source.name(), &format!("alter table invoice owner to \"{}\"", source.name()));
    let target = second_cluster().database();
    let repo = repo(&source, &target);
    cluster().psql(&source.name(), &format!("alter table alembic_version owner to \"{}\"", source.name()));
    repo.shed(["clone", "p.a", "p.b"])
        .stdout_has("2 tables, 1001 rows")
        .stderr_has("owners and privileges are not copied")
        .ok();
    assert_eq!(
        target.rows(
            "select count(*), pg_get_userbyid(relowner) from invoice, pg_class where relname = 'invoice' group by 2"
        ),
        "1000|shed\n"
    );
    assert_eq!(left_beside(second_cluster(), &target), "");
}

#[test]
fn a_source_in_use_is_copied_at_one_moment_and_not_disturbed() {
    let (source, target) = pair();
    source.execute(
        "create table here (n int); create table there (n int); insert into here values (1000000); insert into there values (0); \
         insert into invoice (total) select 1 from generate_series(1, 50000); \
         create table large (filler text); insert into large select repeat('x', 200) from generate_series(1, 40000)",
    );
    let repo = repo(&source, &target);
    let step = "set lock_timeout = '2s'; begin; update here set n = n - 1; update there set n = n + 1; \
                insert into invoice (total) values (5); insert into large values (''); commit";
    for jobs in ["1", "2"] {
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                let mut times = 0;
                while !done.load(Ordering::SeqCst) {
                    source.execute(step);
                    times += 1;
                }
                times
            });
            let said = repo.shed(["clone", "p.a", "p.b", "--yes", "--jobs", jobs]).any_stdout().any_stderr().run();
            done.store(true, Ordering::SeqCst);
            assert_eq!((said.code, said.stdout.contains("row counts verified")), (0, true), "{said:?}");
            assert!(writer.join().unwrap() > 1);
        });
        assert_eq!(target.rows("select here.n + there.n from here, there"), "1000000\n");
        let exact = "select (select count(*) from invoice) - 51000 = there.n and (select count(*) from large) - 40000 = there.n from there";
        assert_eq!(target.rows(exact), "t\n");
    }
}

#[test]
fn a_schema_comes_with_its_revision_and_rows_can_be_left_out() {
    let (source, target) = pair();
    let repo = repo(&source, &target);
    repo.shed(["clone", "p.a", "p.b", "--yes", "--schema-only"])
        .stdout_has("2 tables, 1 rows")
        .stderr("p.b: rows were left out, so that only tables were compared\n")
        .ok();
    assert_eq!((target.revisions(), target.rows("select count(*) from invoice")), (vec!["a1".into()], "0\n".into()));
    repo.shed(["clone", "p.a", "p.b", "--yes", "--exclude-table-data", "inv*"]).any_stdout().any_stderr().ok();
    assert_eq!((target.revisions(), target.rows("select count(*) from invoice")), (vec!["a1".into()], "0\n".into()));
}

#[test]
fn what_is_masked_is_masked_before_anybody_sees_it() {
    let (source, target) = pair();
    let repo = repo(&source, &target)
        .file("mask.sql", "update invoice set total = 0; create table masked (i int);")
        .file("broken.sql", "update invoice set total = 0; update nothing set x = 1;");
    repo.shed(["clone", "p.a", "p.b", "--yes", "--after"])
        .arg(repo.path("broken.sql"))
        .stderr_has("relation \"nothing\" does not exist")
        .fails(5);
    assert_eq!((target.tables(), left_beside(cluster(), &target)), (vec!["old_one".into()], String::new()));
    repo.shed(["clone", "p.a", "p.b", "--yes", "--after"]).arg(repo.path("mask.sql")).any_stdout().ok();
    assert_eq!(
        (target.rows("select sum(total) from invoice"), source.rows("select sum(total) > 0 from invoice")),
        ("0\n".into(), "t\n".into())
    );
}

#[test]
fn a_copy_on_a_development_server_is_named_after_its_source() {
    let source = cluster().database();
    fill_source(&source);
    let (repo, copy) = (repo(&source, &source), format!("{}_copy", source.name()));
    let name = format!("development.here/{copy}");
    let said = repo.shed(["clone", "p.a", &name, "--format", "json"]).any_stdout().ok();
    let report: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!((&report["target"], &report["rows"], &report["verified"]), (&json!(name), &json!(1001), &json!(true)));
    // A source that is ours, and that nobody is connected to, is a template.
    repo.shed(["clone", &name, &format!("development.here/{copy}_2")]).stdout_has("1001 rows").ok();
    assert_eq!(cluster().psql(&format!("{copy}_2"), "select count(*) from invoice"), "1000\n");
    // No name is given: the default one.
    repo.shed(["clone", "p.a", "development.here", "--dry-run"]).stdout_has("copied to development.here/p_a").ok();
    repo.shed_on_terminal(["clone", "p.a", "development.here"], &[("[p_a]", &format!("{copy}_3\n"))]).any_stdout().ok();
    assert_eq!(cluster().psql(&format!("{copy}_3"), "select count(*) from invoice"), "1000\n");
    for ending in ["", "_2", "_3"] {
        cluster().psql("postgres", &format!("drop database {copy}{ending}"));
    }
}

#[test]
fn a_template_is_refused_while_others_are_connected_to_it() {
    let (source, target) = pair();
    let repo = repo(&source, &target);
    repo.shed(["clone", "p.a", "p.b", "--yes", "--template"]).stdout_has("row counts verified").ok();
    assert_eq!(target.tables(), ["alembic_version", "invoice"]);
    target.execute("drop table invoice");
    let _session = crate::sessions::Session::open(&source);
    repo.shed(["clone", "p.a", "p.b", "--yes", "--template"])
        .stderr_has("could not be the template: others are connected to it\n  process ")
        .fails(5);
    assert_eq!((target.tables(), left_beside(cluster(), &target)), (vec!["alembic_version".into()], String::new()));
}

#[test]
fn a_dry_run_tells_sizes_and_commands_and_changes_nothing() {
    let source = cluster().database_with_password("hunter22");
    fill_source(&source);
    source.execute(&format!("grant pg_read_all_data to \"{}\"", source.name()));
    let target = cluster().database();
    fill_target(&target);
    let said = repo(&source, &target)
        .shed(["clone", "p.a", "p.b", "--dry-run"])
        .stdout_has("pg_dump -w --lock-wait-timeout=60000")
        .ok();
    assert!(said.stdout.contains("2 tables, 1001 rows") && !said.stdout.contains("hunter22"), "{}", said.stdout);
    assert_eq!(target.tables(), ["old_one"]);
}

#[test]
fn without_the_right_to_make_databases_one_transaction_does_it() {
    let source = cluster().database();
    fill_source(&source);
    source.execute("select lo_from_bytea(815, 'bytes'); create schema more; create table more.t (i int); create type mood as enum ('ok')");
    let target = cluster().database_with_password("secret word");
    let user = target.name();
    cluster().psql(&user, &format!(
        "set role \"{user}\"; create table old_one (id int primary key); create view v as select * from old_one; create schema gone; \
         create table gone.t (id int references old_one); create function f() returns int language sql as 'select 1'; \
         create type mood as enum ('bad'); create sequence s; select lo_from_bytea(4, 'old'); create domain d as int"
    ));
    let repo = repo(&source, &target).file("broken.sql", "select 1/0;");
    repo.shed(["clone", "p.a", "p.b", "--yes", "--after"])
        .arg(repo.path("broken.sql"))
        .stderr_has("division by zero")
        .fails(5);
    repo.shed(["clone", "p.a", "p.b", "--yes", "--template"])
        .any_stdout()
        .stderr_has("the role may not create databases")
        .fails(5);
    assert_eq!(target.tables(), ["old_one", "t"]);
    repo.shed(["clone", "p.a", "p.b", "--yes"])
        .stdout_has("row counts verified")
        .stderr_has("replaced in place, in one transaction: the role may not create databases")
        .ok();
    assert_eq!(target.tables(), ["alembic_version", "invoice", "t"]);
    assert_eq!(
        target.rows(
            "select convert_from(lo_get(815), 'UTF8'), 'ok'::mood, (select count(*) from pg_largeobject_metadata)"
        ),
        "bytes|ok|1\n"
    );
    assert_eq!(
        target.rows(
            "select to_regproc('f'), to_regclass('s'), to_regclass('v'), to_regnamespace('gone'), to_regtype('d')"
        ),
        "||||\n"
    );
    assert_eq!(target.rows("select count(*) from pg_class c join pg_roles r on r.oid = c.relowner where relname = 'invoice' and rolname = current_database()"), "1\n");
}

#[test]
fn a_role_that_may_make_databases_needs_no_more() {
    let source = cluster().database();
    fill_source(&source);
    source.execute("create extension citext; create table names (name citext); select lo_from_bytea(816, 'bytes')");
    let target = cluster().database_with_password("secret word");
    let user = target.name();
    cluster().psql("postgres", &format!("alter role \"{user}\" createdb; grant pg_read_all_data to \"{user}\""));
    cluster().psql(&source.name(), &format!("grant select on large object 816 to \"{user}\""));
    let from = json!({ "type": "postgres", "db_name": source.name(), "connection":
        { "host": cluster().host, "user": user, "password": "secret word" } });
    let repo = Repo::new().settings(&settings(&from.to_string(), &target.settings()));
    for jobs in ["1", "2"] {
        repo.shed(["clone", "p.a", "p.b", "--yes", "--jobs", jobs])
            .stdout_has("3 tables, 1001 rows")
            .stderr_has("owners and privileges are not copied")
            .ok();
        let owners =
            "select distinct pg_get_userbyid(relowner) from pg_class where relnamespace = 'public'::regnamespace";
        assert_eq!(target.rows(owners), format!("{user}\n"));
        assert_eq!(target.rows("select convert_from(lo_get(816), 'UTF8')"), "bytes\n");
    }
    let owner = format!(
        "select pg_get_userbyid(datdba), shobj_description(oid, 'pg_database') from pg_database where datname = '{user}'"
    );
    assert_eq!(cluster().psql("postgres", &owner), format!("{user}|\n"));
    cluster().psql(&source.name(), &format!("drop owned by \"{user}\""));
}

#[test]
fn nobody_else_can_look_into_a_copy_that_is_being_made() {
    let (source, target) = pair();
    let (repo, role) = (repo(&source, &target), format!("{}_other", target.name()));
    cluster().psql("postgres", &format!("create role {role}"));
    let may = "select count(*) filter (where has_database_privilege('ROLE', datname, 'connect')) || ' of ' || count(*) \
               from pg_database where datname like 'NAME\\_\\_shed%'";
    let may = may.replace("ROLE", &role).replace("NAME", &target.name());
    let may_enter = format!("select has_database_privilege('{role}', '{}', 'connect')", target.name());
    for flags in [vec!["--jobs", "1"], vec!["--template"]] {
        let said =
            repo.shed(["clone", "p.a", "p.b", "--yes"]).args(&flags).env("SHED_FAILPOINT", "clone-copied:abort").run();
        assert_eq!((said.code, cluster().psql("postgres", &may)), (137, "0 of 1\n".into()));
        repo.shed(["clone", "p.a", "p.b", "--yes"]).args(&flags).any_stdout().any_stderr().ok();
        assert_eq!(
            (cluster().psql("postgres", &may_enter), left_beside(cluster(), &target)),
            ("t\n".into(), String::new())
        );
    }
    cluster().psql("postgres", &format!("drop role {role}"));
}

#[test]
fn large_tables_of_every_kind_arrive_as_they_are() {
    let (source, target) = pair();
    source.execute(
        "create type mood as enum ('ok', 'so so'); create schema \"Odd, name\"; \
         create table \"Odd, name\".\"T \"\"1\" (id bigint generated always as identity primary key, \"a b\" text, n numeric, at timestamptz, \
         d date, i interval, f float8, j jsonb, x uuid, b bytea, words text[], r int4range, ip inet, \
         twice numeric generated always as (n * 2) stored, gone int); \
         alter table \"Odd, name\".\"T \"\"1\" drop column gone; \
         insert into \"Odd, name\".\"T \"\"1\" (\"a b\", n, at, d, i, f, j, x, b, words, r, ip) \
         select repeat('ü', g % 90), g / 7.0, now() + g * interval '1 s', current_date + g % 900, g * interval '1 min', g / 3.0::float8, \
         jsonb_build_object('k', g), gen_random_uuid(), decode(md5(g::text), 'hex'), array[g::text, null, ''], int4range(g, g + 5), \
         '10.0.0.1' from generate_series(1, 40000) g; \
         create table moods (id int, mood mood, filler text); insert into moods select g, 'so so', repeat('x', 200) from generate_series(1, 40000) g; \
         create table parted (id int, filler text) partition by range (id); create table part_1 partition of parted for values from (0) to (90000); \
         insert into parted select g, repeat('y', 200) from generate_series(1, 40000) g; \
         create view \"Odd, name\".v as select count(*) from moods",
    );
    let repo = repo(&source, &target);
    let said = repo.shed(["clone", "p.a", "p.b", "--jobs", "2", "--dry-run"]).any_stdout().ok();
    assert_eq!(
        (said.stdout.matches("format binary, freeze").count(), said.stdout.matches("--table=").count()),
        (2, 1),
        "{}",
        said.stdout
    );
    repo.shed(["clone", "p.a", "p.b", "--yes", "--jobs", "2"])
        .stdout_has("121001 rows")
        .stdout_has("row counts verified")
        .ok();
    for table in ["\"Odd, name\".\"T \"\"1\"", "moods", "part_1", "parted", "invoice", "\"Odd, name\".v"] {
        let sum = format!("select count(*), md5(string_agg(t::text, '' order by t::text)) from {table} t");
        assert_eq!(target.rows(&sum), source.rows(&sum), "{table}");
    }
    target.execute("insert into \"Odd, name\".\"T \"\"1\" (n) values (3)");
    assert_eq!(target.rows("select id, twice from \"Odd, name\".\"T \"\"1\" where n = 3 and f is null"), "40001|6\n");
}

#[test]
fn indexes_and_keys_of_many_large_tables_arrive_with_all_that_hangs_on_them() {
    let (source, target) = pair();
    for (table, other) in [("one", "three"), ("\"two; x\"", "one"), ("three", "three")] {
        let name = table.trim_matches('"');
        source.execute(&format!(
            "create table {table} (id int primary key, other int, word text, at timestamp, unique (word, id), exclude using btree (id with =)); \
             insert into {table} select g, g, md5(g::text) || repeat('x', 100), now() from generate_series(1, 30000) g; \
             create index \"{name} at\" on {table} (at desc) include (other) where other > 5; create index \"{name} up\" on {table} (upper(word)); \
             comment on index \"{name} at\" is 'of {name}'; alter table {table} cluster on \"{name} up\"; \
             alter table {table} replica identity full; alter index \"{name} up\" alter column 1 set statistics 5; \
             create statistics \"{name} both\" on other, word from {table}"
        ));
        source.execute(&format!("do $$ begin if to_regclass('{other}') is not null then alter table {table} add foreign key (other) references {other}; end if; end $$"));
    }
    source.execute("create table parted (id int, word text, primary key (id)) partition by range (id); create index on parted (word); \
        create table part_1 partition of parted for values from (0) to (90000); insert into parted select g, repeat('y', 120) from generate_series(1, 30000) g");
    let repo = repo(&source, &target);
    let said = repo.shed(["clone", "p.a", "p.b", "--jobs", "2", "--dry-run"]).any_stdout().ok();
    assert_eq!(said.stdout.matches(" -L ").count(), 5, "{}", said.stdout);
    repo.shed(["clone", "p.a", "p.b", "--yes", "--jobs", "2"]).stdout_has("row counts verified").any_stderr().ok();
    let schema = |of: &str| repo.shed(["dump", of]).any_stderr().any_stdout().ok().stdout;
    let whole = schema("p.a");
    assert_eq!(schema("p.b"), whole);
    let hanging =
        ["CLUSTER ON", "COMMENT ON INDEX", "FOREIGN KEY", "EXCLUDE USING", "ATTACH PARTITION", "CREATE STATISTICS"];
    assert!(hanging.iter().all(|word| whole.contains(word)), "{whole}");
}

#[test]
fn of_many_tables_the_largest_go_through_pipes_of_their_own() {
    let (source, target) = pair();
    source.execute(
        "create table aaa (word text); insert into aaa select repeat('x', 200) from generate_series(1, 40000); \
         do $$ begin for i in 1..210 loop execute format('create table small_%s (i int)', i); end loop; end $$",
    );
    repo(&source, &target)
        .shed(["clone", "p.a", "p.b", "--jobs", "2", "--dry-run"])
        .stdout_has("copy \"public\".\"aaa\" (word) to pstdout (format binary)")
        .ok();
}
