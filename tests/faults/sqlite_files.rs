//! SQLite's own files beside a database, and others who read and write it meanwhile (F13): the content is exact.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusqlite::Connection;

use crate::oracle::{Tally, content};
use crate::random::{Random, rounds, seed};
use crate::scene::{Mode, Scene};

/// Writes into the database and dies: what it committed is in a log, or what it did not commit is in the file.
fn dies_writing(scene: &Scene, file: &Path, wal: bool) {
    let (mode, unfinished) = if wal {
        ("wal", "")
    } else {
        (
            "delete",
            "c.execute('begin immediate'); c.execute(\"update person set name = 'half' || id || hex(zeroblob(3000))\")\n",
        )
    };
    let code = format!(
        "import os, sqlite3\nc = sqlite3.connect({:?}, isolation_level=None)\nc.execute('pragma journal_mode={mode}')\nc.execute('pragma cache_size=1')\n\
         c.execute('pragma wal_autocheckpoint=0')\nc.execute(\"insert into person (id, name) values (9999, 'Ada of the log')\")\n{unfinished}os._exit(0)\n",
        file.display().to_string()
    );
    assert!(Command::new(scene.python()).args(["-c", &code]).status().unwrap().success());
    let partner = format!("{}{}", file.display(), if wal { "-wal" } else { "-journal" });
    assert!(std::fs::metadata(partner).unwrap().len() > 0);
}

#[test]
fn what_a_dead_writer_left_is_read_before_anything_else() {
    let scene = Scene::sqlite();
    scene.mode(Mode::Block);
    for wal in [true, false] {
        for fails in [false, true] {
            scene.reset(false);
            dies_writing(&scene, &scene.path("data/main.db"), wal);
            let old = content_of_copy(&scene, "main");
            let good = scene.read("versions/a3_.py");
            if fails {
                scene.write(
                    "versions/a3_.py",
                    &good.replace(
                        "    op.execute('insert into toy (id) values (2)')",
                        "    op.execute('drop table nowhere')",
                    ),
                );
            }
            let said = scene.migrate(Mode::Block).run();
            assert_eq!(said.code, if fails { 5 } else { 0 }, "{said:?}");
            scene.write("versions/a3_.py", &good);
            assert_eq!(scene.main.rows("select count(*), max(name) from person"), "301|Ada of the log\n");
            if fails {
                assert!(content(&scene.main) == old, "wal: {wal}");
            }
        }
        // A clone reads such a source, and is put over such a target.
        scene.reset_clone(false);
        dies_writing(&scene, &scene.path("data/main.db"), wal);
        let source = content_of_copy(&scene, "main");
        std::fs::copy(scene.path("kept/0"), scene.path("data/other.db")).unwrap();
        dies_writing(&scene, &scene.path("data/other.db"), wal);
        scene.clone().ok();
        assert_eq!((content(&scene.other) == source, content(&scene.main) == source), (true, true), "wal: {wal}");
    }
}

/// Asked of a copy with its log or journal, so that asking changes nothing.
fn content_of_copy(scene: &Scene, name: &str) -> String {
    std::fs::create_dir_all(scene.path("copies")).unwrap();
    for ending in ["", "-wal", "-journal"] {
        let _ = std::fs::remove_file(scene.path(&format!("copies/{name}.db{ending}")));
        let _ = std::fs::copy(
            scene.path(&format!("data/{name}.db{ending}")),
            scene.path(&format!("copies/{name}.db{ending}")),
        );
    }
    content(&scene.sqlite(&format!("copies/{name}.db")))
}

/// Writes pairs that belong together until it is told to stop; how many it has committed.
fn write_pairs(file: &Path, from: i64, stop: &AtomicBool) -> i64 {
    let connection = Connection::open(file).unwrap();
    connection.busy_timeout(Duration::from_secs(20)).unwrap();
    let mut count = 0;
    while !stop.load(Ordering::SeqCst) {
        let id = from + count;
        let sql = format!(
            "begin immediate; insert into person (id, name) values ({id}, 'Ada of {id}'); insert into pet (id, owner_id) values ({id}, {id}); commit"
        );
        match connection.execute_batch(&sql) {
            Ok(()) => count += 1,
            Err(_) => drop(connection.execute_batch("rollback")),
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    count
}

fn read_on(file: &Path, stop: &AtomicBool) {
    let connection = Connection::open(file).unwrap();
    connection.busy_timeout(Duration::from_secs(20)).unwrap();
    while !stop.load(Ordering::SeqCst) {
        let pairs =
            "select (select count(*) from person where id >= 10000) - (select count(*) from pet where id >= 10000)";
        if let Ok(difference) = connection.query_row(pairs, [], |row| row.get::<_, i64>(0)) {
            assert_eq!(difference, 0, "a reader saw half a transaction");
        }
        std::thread::sleep(Duration::from_millis(3));
    }
}

#[test]
fn readers_and_writers_meanwhile_lose_nothing_and_see_nothing_half() {
    let scene = Scene::sqlite();
    let (mut random, mut tally) = (Random::of("writers"), Tally::of("others write meanwhile, sqlite"));
    scene.mode(Mode::Whole);
    for round in 0..rounds(8) {
        let (wal, clones) = (random.coin(), round % 2 == 0);
        tally.begin();
        if clones {
            scene.reset_clone(false)
        } else {
            scene.reset(false)
        }
        scene.main.rows(if wal { "pragma journal_mode=wal" } else { "pragma journal_mode=delete" });
        let (file, stop) = (scene.path("data/main.db"), AtomicBool::new(false));
        let (written, said) = std::thread::scope(|scope| {
            let writers = [10_000, 50_000].map(|from| {
                scope.spawn({
                    let (file, stop) = (&file, &stop);
                    move || write_pairs(file, from, stop)
                })
            });
            scope.spawn(|| read_on(&file, &stop));
            std::thread::sleep(Duration::from_millis(u64::try_from(random.below(60)).unwrap()));
            let said = if clones { scene.clone().run() } else { scene.migrate(Mode::Whole).run() };
            stop.store(true, Ordering::SeqCst);
            (writers.map(|writer| writer.join().unwrap()).into_iter().sum::<i64>(), said)
        });
        let how = format!("round {round}, wal: {wal}, clones: {clones}, seed {}: {said:?}", seed());
        tally.runs(&how, &said);
        tally.struck += usize::from(written > 0);
        let pairs =
            "select (select count(*) from person where id >= 10000), (select count(*) from pet where id >= 10000)";
        assert_eq!(scene.main.rows(pairs), format!("{written}|{written}\n"), "{how}");
        assert_eq!(scene.main.rows("pragma integrity_check"), "ok\n");
        if clones {
            let copied = scene.other.rows(pairs);
            let (persons, pets) = copied.trim().split_once('|').unwrap();
            assert!(persons == pets && persons.parse::<i64>().unwrap() <= written, "{how}: {copied}");
            assert_eq!(scene.other.rows("pragma integrity_check"), "ok\n");
        } else {
            assert_eq!(scene.main.revisions(), ["a4"]);
        }
        tally.left(&how, scene.leftovers());
    }
    tally.end();
}
