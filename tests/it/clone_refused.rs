//! `shed clone` that must not, or cannot: nothing is changed, and it says why.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::clone::{fill_source, fill_target, left_beside, repo, settings};
use crate::cluster::cluster;
use crate::database::Database;
use crate::repo::Repo;
use crate::sessions::{Session, has_lock, wait_for_a_reader};

fn pair() -> (Database, Database, Repo) {
    let (source, target) = (cluster().database(), cluster().database());
    fill_source(&source);
    fill_target(&target);
    let repo = repo(&source, &target);
    (source, target, repo)
}

fn unchanged(target: &Database) {
    assert_eq!((target.tables(), left_beside(cluster(), target)), (vec!["old_one".into()], String::new()));
    let open = format!("select datallowconn from pg_database where datname = '{}'", target.name());
    assert_eq!(cluster().psql("postgres", &open), "t\n");
}

#[test]
fn content_needs_a_yes_and_a_protected_target_its_name() {
    let (source, target, repo) = pair();
    repo.shed(["clone", "p.a", "p.b"]).stderr_has("a yes is needed: replace everything in p.b").fails(2);
    repo.write("shed.yaml", &settings(&source.settings(), &target.settings_with(json!({ "protected": true }))));
    repo.shed(["clone", "p.a", "p.b", "--yes"]).stderr_has("p.b is protected").fails(2);
    unchanged(&target);
    repo.shed(["clone", "p.a", "p.b", "--yes", "--yes-i-mean", "p.b"]).any_stdout().ok();
    assert_eq!(target.tables(), ["alembic_version", "invoice"]);
}

#[test]
fn a_database_is_not_copied_onto_itself_under_another_name() {
    let (source, _, repo) = pair();
    let link = repo.path("socket");
    std::os::unix::fs::symlink(&cluster().host, &link).unwrap();
    let other = json!({ "type": "postgres", "db_name": source.name(), "connection": { "host": link, "user": "shed" } });
    repo.write("shed.yaml", &settings(&source.settings(), &other.to_string()));
    for target in ["p.a", "p.b"] {
        repo.shed(["clone", "p.a", target, "--yes"]).stderr_has("are one database").fails(2);
    }
    assert_eq!(source.tables(), ["alembic_version", "invoice"]);
}

#[test]
fn what_is_no_target_or_of_another_type_is_refused_before_anything_starts() {
    let (_source, target, repo) = pair();
    repo.shed(["clone", "p.a", "development.folder/x", "--yes"])
        .stderr("error: p.a is postgres and development.folder/x is sqlite\nhelp: a copy is made between databases of one type\n")
        .fails(2);
    repo.shed(["clone", "p.a", "p.nope"]).stderr_has("no database is named `p.nope`").fails(2);
    repo.shed(["clone", "p.a", "p.*"]).stderr_has("clone takes one target, not the pattern").fails(2);
    repo.shed(["clone", "postgresql://x/y", "p.b"]).stderr_has("not a database URL").fails(2);
    repo.shed(["clone", "p.a", "p.b", "--yes", "--after", "nowhere.sql"]).stderr_has("there is no file").fails(2);
    unchanged(&target);
    assert!(!repo.path("dev").exists());
}

#[test]
fn a_source_that_is_not_there_and_a_name_that_is_too_long_are_told() {
    let (source, target, repo) = pair();
    let named = |name: &str| {
        json!({ "type": "postgres", "db_name": name, "connection": { "host": cluster().host, "user": "shed" } })
            .to_string()
    };
    repo.write("shed.yaml", &settings(&named("nowhere"), &target.settings()));
    repo.shed(["clone", "p.a", "p.b", "--yes"]).stderr_has("nowhere is not there").fails(4);
    repo.write("shed.yaml", &settings(&source.settings(), &named(&"x".repeat(64))));
    repo.shed(["clone", "p.a", "p.b", "--yes"]).stderr_has("has 64 bytes").fails(2);
    repo.write("shed.yaml", &settings(&source.settings(), &named("template1")));
    repo.shed(["clone", "p.a", "p.b", "--yes"]).stderr_has("it is neither replaced nor dropped").fails(2);
    repo.shed(["drop", "p.b", "--yes"]).stderr_has("it is neither replaced nor dropped").fails(2);
    unchanged(&target);
}

#[test]
fn a_name_with_quotes_and_one_of_63_bytes_are_names() {
    let source = cluster().database();
    fill_source(&source);
    for name in ["it's_\"odd\"=1\\ü", &"ü".repeat(31)] {
        let quoted = name.replace('"', "\"\"");
        let conninfo = format!("dbname='{}'", name.replace('\\', "\\\\").replace('\'', "\\'"));
        cluster().psql("postgres", &format!("create database \"{quoted}\""));
        let target = json!({ "type": "postgres", "db_name": name.replace('$', "$$"), "connection": { "host": cluster().host, "user": "shed" } });
        let repo = Repo::new().settings(&settings(&source.settings(), &target.to_string()));
        for jobs in ["1", "2"] {
            repo.shed(["clone", "p.a", "p.b", "--yes", "--jobs", jobs]).stdout_has("1001 rows").ok();
        }
        assert_eq!(cluster().psql(&conninfo, "select count(*) from invoice"), "1000\n");
        assert_eq!(cluster().psql("postgres", "select datname from pg_database where datname ~ 'odd.*shed|üshed'"), "");
        cluster().psql("postgres", &format!("drop database \"{quoted}\""));
    }
}

#[test]
fn sessions_in_the_target_are_named_and_ended_only_by_force() {
    let (source, target, repo) = pair();
    let (mut ours, mut source_s) = (Session::open(&target), Session::open(&source));
    repo.shed(["clone", "p.a", "p.b", "--yes"]).stderr_has("is in use").stderr_has("(somebody of shed)").fails(5);
    assert!(!ours.is_ended());
    unchanged(&target);
    repo.shed(["clone", "p.a", "p.b", "--yes", "--force"]).any_stdout().ok();
    assert!(ours.is_ended() && !source_s.is_ended());
    assert_eq!(target.tables(), ["alembic_version", "invoice"]);
}

#[test]
fn a_session_that_comes_while_the_copy_is_made_opens_the_target_again() {
    let (_source, target, repo) = pair();
    let mut call = repo.shed(["clone", "p.a", "p.b", "--yes"]).env("SHED_FAILPOINT", "swap-filled:sleep");
    let child = call.start();
    wait(|| !left_beside(cluster(), &target).is_empty());
    let _session = Session::open(&target);
    let said = call.finish(child);
    assert!(said.code == 5 && said.stderr.contains("is in use"), "{said:?}");
    unchanged(&target);
}

#[test]
fn an_old_pg_dump_is_passed_over_for_one_that_is_new_enough() {
    let (_source, target, repo) = pair();
    for name in ["pg_dump", "pg_restore"] {
        repo.program(&format!("bin/{name}"), "#!/bin/sh\necho \"pg_dump (PostgreSQL) 9.6.1\"\n");
    }
    let path = crate::call::path_with(&[repo.path("bin")]);
    repo.shed(["clone", "p.a", "p.b", "--yes"]).env("PATH", path).any_stdout().ok();
    assert_eq!(target.tables(), ["alembic_version", "invoice"]);
}

#[test]
fn a_source_that_goes_away_half_way_leaves_the_target_as_it_was() {
    let (source, target, repo) = pair();
    source.execute("insert into invoice (total) select 1 from generate_series(1, 1000000)");
    for jobs in ["1", "2"] {
        let mut call = repo.shed(["clone", "p.a", "p.b", "--yes", "--jobs", jobs]);
        let child = call.start();
        let end = format!(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = '{}' and query ilike 'copy%'",
            source.name()
        );
        wait(|| cluster().psql("postgres", &end) != "0\n");
        let said = call.finish(child);
        assert!(
            said.code == 5
                && ["pg_dump: error:", "terminating connection", "server closed the connection"]
                    .iter()
                    .any(|word| said.stderr.contains(word)),
            "{said:?}"
        );
        unchanged(&target);
    }
}

#[test]
fn an_interruption_puts_everything_back() {
    let (source, target, repo) = pair();
    source.execute("insert into invoice (total) select 1 from generate_series(1, 1000000)");
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let mut call = repo.shed(["clone", "p.a", "p.b", "--yes"]);
        let child = call.start();
        let copies = format!(
            "select count(*) from pg_stat_activity where datname = '{}' and query ilike 'copy%'",
            source.name()
        );
        wait(|| cluster().psql("postgres", &copies) != "0\n");
        std::process::Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        let said = call.finish(child);
        assert_eq!(said.code, code, "{said:?}");
        unchanged(&target);
    }
}

#[test]
fn a_wait_for_a_table_that_others_hold_locked_can_be_interrupted() {
    let (source, target, repo) = pair();
    let _session = Session::locking(&source, "invoice");
    let mut call = repo.shed(["clone", "p.a", "p.b", "--yes"]);
    let child = call.start();
    wait_for_a_reader(&source, "invoice");
    std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let said = call.finish(child);
    // Had it waited for the lock, that would have timed out: another error, with another code.
    assert_eq!(said.code, 130, "{said:?}");
    assert!(has_lock(&source, "invoice", "mode = 'AccessExclusiveLock' and granted"));
    unchanged(&target);
}

#[test]
fn a_role_without_rights_is_told_so() {
    let source = cluster().database();
    fill_source(&source);
    let (target, user) = (cluster().database(), format!("{}_stranger", source.name()));
    fill_target(&target);
    cluster().psql("postgres", &format!("create role {user} login createdb; grant pg_read_all_data to {user}"));
    let as_stranger =
        json!({ "type": "postgres", "db_name": target.name(), "connection": { "host": cluster().host, "user": user } });
    let repo = Repo::new().settings(&settings(&source.settings(), &as_stranger.to_string()));
    repo.shed(["clone", "p.a", "p.b", "--yes"]).stderr_has("belongs to shed, whose rights we do not have").fails(5);
    cluster().psql("postgres", &format!("alter role {user} nocreatedb"));
    repo.shed(["clone", "p.a", "p.b", "--yes"]).stderr_has("must be owner of").fails(5);
    unchanged(&target);
    cluster().psql("postgres", &format!("drop role {user}"));
}

#[test]
fn a_folder_without_programs_is_a_wish_that_cannot_be_met() {
    let (source, target, repo) = pair();
    let wish = json!({ "pg_bin": repo.path("nothing") });
    repo.write("shed.yaml", &settings(&source.settings_with(wish.clone()), &target.settings_with(wish)));
    repo.shed(["clone", "p.a", "p.b", "--yes"]).any_stdout().ok();
    assert_eq!(target.tables(), ["alembic_version", "invoice"]);
}

fn wait(seen: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !seen() {
        assert!(Instant::now() < until, "it did not come");
        std::thread::sleep(Duration::from_millis(2));
    }
}
