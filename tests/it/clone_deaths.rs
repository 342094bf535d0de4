//! `shed clone` killed at every step, and killed again while it recovers: the old or the new content, never half, nothing left.

use crate::clone::{fill_source, fill_target, left_beside, repo};
use crate::cluster::cluster;
use crate::database::Database;
use crate::repo::Repo;

/// The steps of a clone, in order; from `swap-renamed` on the content is the new one.
const STEPS: [&str; 15] = [
    "swap-journal",
    "swap-made",
    "copy-pipe",
    "copy-dump",
    "copy-rows",
    "copy-restore",
    "clone-copied",
    "clone-after",
    "swap-filled",
    "swap-closed",
    "swap-left",
    "swap-renamed",
    "recover-alone",
    "recover-retired",
    "swap-cleared",
];
const RECOVERY: [&str; 4] = ["recover-alone", "recover-opened", "recover-dropped", "recover-retired"];

fn is_new(step: &str) -> bool {
    STEPS.iter().position(|other| *other == step) >= STEPS.iter().position(|other| *other == "swap-renamed")
}

/// The way of copying that comes by this step.
fn jobs(step: &str) -> &'static str {
    if ["copy-dump", "copy-rows", "copy-restore"].contains(&step) { "2" } else { "1" }
}

fn clone(repo: &Repo, jobs: &str, failpoint: &str) -> crate::call::Output {
    repo.shed(["clone", "p.a", "p.b", "--yes", "--jobs", jobs]).env("SHED_FAILPOINT", failpoint).run()
}

/// Lets the next run recover, and then do nothing.
fn recover(repo: &Repo) -> String {
    let said = clone(repo, "1", "swap-journal:error");
    assert_eq!(said.code, 5, "{said:?}");
    assert!(said.stderr.contains("failpoint swap-journal"), "{said:?}");
    said.stderr
}

fn settled(repo: &Repo, target: &Database, new: bool, step: &str) {
    let tables = if new { vec!["alembic_version", "invoice"] } else { vec!["old_one"] };
    assert_eq!(target.tables(), tables, "{step}");
    assert_eq!(left_beside(cluster(), target), "", "{step}");
    let journals = std::fs::read_dir(repo.beside("state/v1/journal")).into_iter().flatten().count();
    assert_eq!(journals, 0, "{step}");
}

fn pair() -> (Database, Database, Repo) {
    let (source, target) = (cluster().database(), cluster().database());
    fill_source(&source);
    fill_target(&target);
    let repo = repo(&source, &target);
    (source, target, repo)
}

fn reset(target: &Database) {
    target.execute("drop table if exists invoice, alembic_version, old_one");
    fill_target(target);
}

#[test]
fn killed_at_every_step_it_is_the_old_or_the_new_database() {
    let (_source, target, repo) = pair();
    for step in STEPS {
        let said = clone(&repo, jobs(step), &format!("{step}:abort"));
        assert_eq!(said.code, 137, "{step}: {said:?}");
        recover(&repo);
        settled(&repo, &target, is_new(step), step);
        reset(&target);
    }
}

#[test]
fn an_error_at_every_step_puts_everything_back() {
    let (_source, target, repo) = pair();
    for step in STEPS {
        let said = clone(&repo, jobs(step), &format!("{step}:error"));
        let new = is_new(step);
        assert!(said.code == 5 || new, "{step}: {said:?}");
        recover(&repo);
        settled(&repo, &target, new, step);
        reset(&target);
    }
}

#[test]
fn while_indexes_are_built_nothing_is_half_either() {
    let (source, target, repo) = pair();
    for table in ["one", "two"] {
        source.execute(&format!("create table {table} (id int primary key, word text); insert into {table} select g, repeat('x', 200) from generate_series(1, 25000) g"));
    }
    for (how, code) in [("abort", 137), ("error", 5)] {
        assert_eq!(clone(&repo, "2", &format!("copy-index:{how}")).code, code);
        recover(&repo);
        settled(&repo, &target, false, how);
    }
    repo.shed(["clone", "p.a", "p.b", "--yes", "--jobs", "2"]).stdout_has("row counts verified").ok();
    assert_eq!(target.rows("select count(*) from pg_indexes where indexname in ('one_pkey', 'two_pkey')"), "2\n");
}

#[test]
fn a_recovery_can_be_killed_too() {
    let (_source, target, repo) = pair();
    for step in ["swap-journal", "swap-filled", "swap-closed", "swap-renamed"] {
        for again in RECOVERY {
            assert_eq!(clone(&repo, "1", &format!("{step}:abort")).code, 137, "{step}");
            let said = clone(&repo, "1", &format!("{again}:abort,swap-journal:error"));
            assert!([137, 5].contains(&said.code), "{step} {again}: {said:?}");
            recover(&repo);
            settled(&repo, &target, is_new(step), &format!("{step}, then {again}"));
            reset(&target);
        }
    }
}

#[test]
fn without_its_journal_a_dead_run_is_known_by_its_mark() {
    let (_source, target, repo) = pair();
    for step in ["swap-made", "swap-filled", "swap-closed", "swap-renamed"] {
        assert_eq!(clone(&repo, "1", &format!("{step}:abort")).code, 137);
        std::fs::remove_dir_all(repo.beside("state")).unwrap();
        let said = recover(&repo);
        assert!(said.contains("left by a run that was broken off, is removed"), "{step}: {said}");
        settled(&repo, &target, is_new(step), step);
        reset(&target);
    }
}

#[test]
fn a_target_that_was_not_there_is_there_whole_or_not_at_all() {
    let source = cluster().database();
    fill_source(&source);
    let (repo, name) = (repo(&source, &source), format!("{}_fresh", source.name()));
    let target = format!("development.here/{name}");
    let there = || cluster().psql("postgres", &format!("select datname from pg_database where datname like '{name}%'"));
    for step in ["swap-journal", "swap-filled", "swap-left", "swap-renamed", "recover-retired"] {
        let kill = format!("{step}:abort");
        assert_eq!(repo.shed(["clone", "p.a", &target]).env("SHED_FAILPOINT", kill).run().code, 137);
        repo.shed(["clone", "p.a", &target, "--yes"]).env("SHED_FAILPOINT", "swap-journal:error").any_stderr().fails(5);
        assert_eq!(there(), if is_new(step) { format!("{name}\n") } else { String::new() }, "{step}");
        if is_new(step) {
            assert_eq!(cluster().psql(&name, "select count(*) from invoice"), "1000\n");
            cluster().psql("postgres", &format!("drop database {name}"));
        }
    }
}
