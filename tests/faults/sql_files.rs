//! `kill -9` of a SQL file whose statements are committed one by one: the backup undoes its half (F1, F3).

use std::time::{Duration, Instant};

use crate::call::Call;
use crate::cluster::cluster;
use crate::database::Database;
use crate::oracle::{Tally, content};
use crate::processes::{self, soon};
use crate::random::{Random, rounds};
use crate::repo::Repo;

const FIRST: &str = "-- migrate:up\ncreate table person(id int, name varchar(50));\n\
    insert into person with recursive n(i) as (select 1 union all select i + 1 from n where i < 300) select i, 'Ada ' || i from n;\n\
    -- migrate:down\ndrop table person;\n";
/// Takes its time between its statements.
const SECOND: &str = "-- migrate:up transaction:false\ncreate table toy(id int);\nSLOWLY;\ncreate index toy_id on toy(id);\nSLOWLY;\n\
    update person set name = 'Ada B' where id > 100;\nSLOWLY;\ncreate index person_id on person(id);\n-- migrate:down\n";
const SLOWLY: &str = "insert into toy with recursive n(i) as (select 1 union all select i + 1 from n where i < 200000) select count(*) from n";

fn killed(repo: Repo, database: &Database) {
    let engine = if database.url().starts_with("postgres") { "postgres" } else { "sqlite" };
    let name = format!("migrate, kill, transaction:false, {engine}");
    let (mut random, mut tally) = (Random::of(&name), Tally::of(&name));
    let repo = repo.settings(&format!(
        "projects:\n  app:\n    format: sql\n    ledger: false\n    backup: {{ before_migrate: true, keep: 2 }}\n    db:\n      main: {}\n",
        database.settings()
    ));
    let migrate = || repo.shed(["migrate", "app.main"]).any_stdout().any_stderr();
    repo.write("migrations/1_person.sql", FIRST);
    migrate().ok();
    let before = content(database);
    let second = SECOND.replace("SLOWLY", SLOWLY);
    repo.write("migrations/2_toy.sql", &second);
    let begun = Instant::now();
    migrate().ok();
    let (after, usual) = (content(database), begun.elapsed());
    for round in 0..rounds(3) {
        database.execute("drop table if exists person; drop table if exists toy; delete from schema_migrations");
        repo.remove("migrations/2_toy.sql");
        migrate().ok();
        repo.write("migrations/2_toy.sql", &second);
        tally.begin();
        let moment = usual * u32::try_from(random.below(50)).unwrap() / 100;
        let code = strike(&repo, migrate(), moment, random.coin());
        let how = format!("{round}, struck after {moment:?}, exit {code}");
        let held = content(database);
        tally.struck += usize::from(held != before && held != after);
        if tally.runs(&format!("{how}, recover"), &repo.shed(["recover", "app.main"]).run()) {
            tally.content(&format!("{how}, recovered"), database, &[&before, &after]);
        }
        if tally.runs(&format!("{how}, migrate"), &migrate().run()) {
            tally.content(&format!("{how}, migrated"), database, &[&after]);
        }
        let left = if soon(|| processes::of(&repo).is_empty()) { Vec::new() } else { vec!["processes".into()] };
        tally.left(&how, left);
    }
    tally.end();
}

/// Starts it, kills shed or all of its processes so long after the journal is there, and gives the exit code: most strike
/// between the statements.
fn strike(repo: &Repo, mut call: Call, moment: Duration, all: bool) -> i32 {
    let child = call.start();
    soon(|| is_at_work(repo));
    std::thread::sleep(moment);
    let others = if all { processes::of(repo) } else { Vec::new() };
    processes::kill([child.id()].into_iter().chain(others));
    let code = call.finish(child).code;
    // A worker that was not struck ends by itself.
    soon(|| processes::of(repo).is_empty());
    code
}

/// Whether there is a journal: beside a SQLite file, of a server's database among the state.
fn is_at_work(repo: &Repo) -> bool {
    let kept = repo.beside("state/v1/journal").read_dir().is_ok_and(|mut journals| journals.next().is_some());
    kept || repo.files("data").iter().any(|file| file.contains("journal"))
}

#[test]
fn a_file_without_a_transaction_is_undone_or_done_when_it_is_killed() {
    let repo = Repo::new();
    let database = repo.sqlite("data/main.db");
    killed(repo, &database);
    killed(Repo::new(), &cluster().database());
}
