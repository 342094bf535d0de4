//! Where the maintenance database is of no use: the role may not connect to it, or it is the target itself.

use serde_json::json;

use crate::cluster::{own_cluster, second_cluster};
use crate::repo::Repo;
use crate::sessions::{Session, wait_for_a_reader};

fn repo(source: &str, target: &str) -> Repo {
    Repo::new()
        .settings(&format!("projects:\n  p:\n    versions: versions\n    db:\n      a: {source}\n      b: {target}\n"))
        .revision("versions", "a1", "", "op.create_table('t', sa.Column('id', sa.Integer))", "op.drop_table('t')")
}

#[test]
fn a_role_that_may_connect_to_its_own_databases_alone_does_all_but_make_and_drop_them() {
    let cluster = second_cluster();
    let (source, target) = (cluster.database_with_password("secret word"), cluster.database());
    let role = source.name();
    for place in ["postgres", "template1"] {
        cluster.psql(place, &format!("revoke connect on database {place} from public"));
    }
    cluster.psql("postgres", &format!("alter database \"{}\" owner to \"{role}\"", target.name()));
    source.execute(
        "create table wide (i int); insert into wide select generate_series(1, 10); grant select on wide to public",
    );
    let as_role = json!({ "type": "postgres", "db_name": target.name(), "lock": { "timeout": "1s" },
        "connection": { "host": cluster.host, "user": role, "password": "secret word" } })
    .to_string();
    let repo = repo(&source.settings(), &as_role);

    repo.shed(["migrate", "p.b", "--backup"]).any_stderr().ok();
    repo.shed(["status", "p.b"]).any_stdout().ok();
    target.execute("insert into t values (7)");
    repo.shed(["backup", "p.b"]).any_stdout().ok();
    target.execute("delete from t");
    repo.shed(["restore", "p.b", "--yes"])
        .any_stderr()
        .stdout_has("replaced in place, in one transaction: the role may not create databases")
        .ok();
    assert_eq!(target.rows("select * from t"), "7\n");
    repo.shed(["dump", "p.b"]).stdout_has("CREATE TABLE public.t").ok();
    repo.shed(["drop", "p.b", "--yes"]).stderr_has("permission denied for database").fails(4);

    cluster.psql("postgres", &format!("alter role \"{role}\" createdb"));
    repo.shed(["clone", "p.a", "p.b", "--yes"])
        .stdout_has("row counts verified")
        .stderr_has("replaced in place, in one transaction: the role may not connect to the database postgres")
        .ok();
    assert_eq!(target.rows("select count(*) from wide"), "10\n");

    // Somebody else swaps it: the lock on its name, which keeps others out, cannot be asked for.
    cluster.psql("template1", "grant connect on database template1 to public");
    let open =
        |is: bool| cluster.psql("postgres", &format!("alter database \"{}\" allow_connections {is}", target.name()));
    open(false);
    repo.shed(["clone", "p.a", "p.b", "--yes"]).stderr_has("waiting for the lock, held by another process").fails(6);
    open(true);
    assert_eq!(target.rows("select count(*) from wide"), "10\n");
}

#[test]
fn the_maintenance_database_is_a_target_as_any_other_and_stands_in_nobody_s_way() {
    let cluster = own_cluster();
    let source = cluster.database();
    source.execute("create table wide (i int); insert into wide select generate_series(1, 10)");
    let target =
        json!({ "type": "postgres", "db_name": "postgres", "connection": { "host": cluster.host, "user": "shed" } });
    let repo = repo(&source.settings(), &target.to_string());
    repo.shed(["migrate", "p.b", "--backup"]).any_stderr().ok();
    assert_eq!(cluster.psql("postgres", "select version_num from alembic_version"), "a1\n");

    let session = Session::locking(&source, "wide");
    let mut call = repo.shed(["clone", "p.a", "p.b", "--yes"]);
    let child = call.start();
    wait_for_a_reader(&source, "wide");
    // It fails where anybody is in template1.
    cluster.psql(&source.name(), "create database others");
    drop(session);
    let said = call.finish(child);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.stderr.contains("in one transaction: others reach the server through this database"), "{said:?}");
    assert_eq!(cluster.psql("postgres", "select count(*), to_regclass('t') from wide"), "10|\n");

    repo.shed(["restore", "p.b", "--yes"]).any_stdout().any_stderr().ok();
    repo.shed(["drop", "p.b", "--yes"]).stdout_has("dropped").ok();
    repo.shed(["create", "p.b"]).stdout_has("created").ok();
    assert_eq!(cluster.psql("postgres", "select count(*) from pg_tables where schemaname = 'public'"), "0\n");
}
