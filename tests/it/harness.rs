//! The harness itself: what is compared, the terminal, the databases.

use crate::call::matches;
use crate::cluster::cluster;
use crate::repo::{NEW, OLD, Repo, environment};

#[test]
fn text_is_compared_whole_with_room_for_what_differs() {
    assert!(matches("", ""));
    assert!(matches("a [..] c\n", "a b b c\n"));
    assert!(matches("a\n...\nz\n", "a\nb\nc\nz\n"));
    assert!(matches("...\n", ""));
    assert!(!matches("a\n", "a\nb\n"));
    assert!(!matches("a [..] c\n", "a b\n c\n"));
}

#[test]
fn a_program_on_a_terminal_is_answered() {
    let repo = Repo::new();
    let script = "test -t 0 && test -t 1 && printf 'name? ' && read name && echo \"hello $name\"; exit 3";
    let said = repo
        .sh(script)
        .on_terminal(&repo.python(), &[("name? ", "billing\n")])
        .stdout("name? billing\nhello billing\n")
        .fails(3);
    assert_eq!(said.stderr, "");
}

#[test]
fn the_caller_s_variables_do_not_reach_a_run() {
    let repo = Repo::new();
    repo.sh("env | grep -E '^(SHED_|PG|ALEMBIC_|PYTHON|CI=)' | cut -d= -f1 | sort")
        .stdout("SHED_SETTINGS\nSHED_STATE_DIR\n")
        .ok();
}

#[test]
fn the_environments_hold_the_newest_and_the_oldest_alembic() {
    for (name, version) in [(NEW, "1.20.1\n"), (OLD, "1.13.0\n")] {
        let repo = Repo::new().on(name);
        repo.call(environment(name).join("bin/python"))
            .args(["-c", "import alembic; print(alembic.__version__)"])
            .stdout(version)
            .ok();
    }
}

#[test]
fn both_engines_answer_alike() {
    let repo = Repo::new();
    for database in [repo.sqlite("data/x.db"), cluster().database()] {
        assert!(database.tables().is_empty());
        database.execute("create table invoice (id integer, total integer)");
        database.execute("insert into invoice values (1, 2)");
        assert_eq!(database.rows("select * from invoice"), "1|2\n");
        assert_eq!(
            (database.tables(), database.columns("invoice")),
            (vec!["invoice".into()], vec!["id".into(), "total".into()])
        );
        assert!(database.exists() && database.revisions().is_empty());
    }
}

#[test]
fn a_password_is_asked_for_where_it_should_be() {
    let (repo, database) = (Repo::new(), cluster().database_with_password("p@ss %20/:#?'\"\\ ü"));
    let psql = || {
        let call = repo.call(crate::cluster::programs().join("psql")).args(["-w", "-X", "-A", "-t", "-c", "select 1"]);
        call.env("PGHOST", &cluster().host).env("PGUSER", database.name()).env("PGDATABASE", database.name())
    };
    psql().stderr_has("no password supplied").fails(2);
    psql().env("PGPASSWORD", "wrong").stderr_has("password authentication failed").fails(2);
    psql().env("PGPASSWORD", "p@ss %20/:#?'\"\\ ü").stdout("1\n").ok();
}
