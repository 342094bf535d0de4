//! Migrations that fail in every way there is (F12): rolled back or put back, and shed returns.

use rustix::process::Signal;

use crate::oracle::content;
use crate::processes::{self, soon};
use crate::repo::revision_text;
use crate::scene::{Mode, Scene};

const BLOCK: &str = "with op.get_context().autocommit_block():\n    op.execute('insert into pet (id) values (901)')\n    op.execute('create table outside (id integer)')\n";

/// How it fails, the lines that do it, and the exit code.
const WAYS: [(&str, &str, i32); 9] = [
    ("ddl", "op.execute('create table more (id integer)')\nop.execute('drop table nowhere')", 5),
    ("data", "op.execute(\"insert into pet (id, owner_id) values (1, 1)\")", 5),
    ("autocommit_block", "BLOCKop.execute('drop table nowhere')", 5),
    ("exit", "op.execute('delete from pet')\nimport os\nos._exit(3)", 5),
    ("exit after a block", "BLOCKimport os\nos._exit(0)", 5),
    (
        "segmentation fault",
        "BLOCKop.execute('delete from pet')\nimport os, signal\nos.kill(os.getpid(), signal.SIGSEGV)",
        5,
    ),
    ("sys.exit", "op.execute('delete from pet')\nimport sys\nsys.exit(0)", 5),
    (
        "a process that keeps the pipe",
        "BLOCKimport os, time\nif os.fork() == 0:\n    time.sleep(400)\n    os._exit(0)\nop.execute('drop table nowhere')",
        5,
    ),
    (
        "a process that outlives the worker",
        "BLOCKimport os, time\nif os.fork() == 0:\n    time.sleep(400)\n    os._exit(0)\nos._exit(1)",
        5,
    ),
];

/// A second revision that does this.
fn fails_by(scene: &Scene, lines: &str) {
    scene.write("versions/a2_.py", &revision_text("a2", "a1", &lines.replace("BLOCK", BLOCK), "pass"));
}

#[test]
fn however_a_migration_fails_the_old_content_is_back() {
    for scene in Scene::both() {
        scene.mode(Mode::Block);
        let good = scene.read("versions/a2_.py");
        for (way, lines, code) in WAYS {
            scene.reset(false);
            fails_by(&scene, lines);
            let said = scene.migrate(Mode::Whole).run();
            assert_eq!(said.code, code, "{way}, {}: {said:?}", scene.engine());
            assert!(content(&scene.main) == scene.states[0], "{way}, {}: {said:?}", scene.engine());
            scene.write("versions/a2_.py", &good);
            // A process that the migration started holds nothing that the next run needs.
            let said = scene.migrate(Mode::Whole).run();
            assert_eq!(said.code, 0, "{way}, {}, the next run: {said:?}", scene.engine());
            assert!(content(&scene.main) == scene.states[3], "{way}");
            processes::kill(processes::of(&scene));
            assert_eq!(scene.leftovers(), Vec::<String>::new(), "{way}");
        }
    }
}

#[test]
fn a_migration_that_hangs_is_ended_by_a_signal_and_put_back() {
    for scene in Scene::both() {
        scene.mode(Mode::Block);
        let mark = scene.path("hangs");
        for deaf in ["", "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"] {
            scene.reset(false);
            fails_by(&scene, &format!("BLOCK{deaf}import time\nopen({mark:?}, 'w').close()\ntime.sleep(600)"));
            let mut call = scene.migrate(Mode::Whole);
            let child = call.start();
            assert!(soon(|| mark.exists()), "it did not begin");
            processes::send(Signal::TERM, child.id());
            let said = call.finish(child);
            assert_eq!((said.code, content(&scene.main) == scene.states[0]), (143, true), "{said:?}");
            std::fs::remove_file(&mark).unwrap();
            assert_eq!(scene.leftovers(), Vec::<String>::new());
        }
    }
}

#[test]
fn a_commit_that_fails_after_a_block_is_put_back() {
    let scene = Scene::postgres();
    scene.mode(Mode::Block);
    scene.reset(false);
    scene.main.execute("alter table pet alter constraint pet_owner deferrable initially deferred");
    let before = content(&scene.main);
    fails_by(&scene, "BLOCKop.execute('insert into pet (id, owner_id) values (777, 777)')");
    let said = scene.shed(["migrate", "app.main", "a2"]).any_stderr().fails(5);
    assert!(content(&scene.main) == before, "{said:?}");
    assert_eq!(scene.leftovers(), Vec::<String>::new());
}

#[test]
fn a_death_in_the_last_commit_after_a_block_is_put_back() {
    let scene = Scene::postgres();
    scene.mode(Mode::Block);
    scene.reset(false);
    let slow = "create function slow() returns trigger language plpgsql as $$ begin perform pg_sleep(3); return new; end $$; \
                create constraint trigger slow after insert on pet deferrable initially deferred for each row when (new.id = 555) execute function slow()";
    scene.main.execute(slow);
    let before = content(&scene.main);
    fails_by(&scene, "BLOCKop.execute('insert into pet (id, owner_id) values (555, 1)')");
    let mut call = scene.shed(["migrate", "app.main", "a2"]);
    let child = call.start();
    let sleeps =
        format!("select 1 from pg_stat_activity where datname = '{}' and wait_event = 'PgSleep'", scene.main.name());
    assert!(soon(|| !crate::cluster::cluster().psql("postgres", &sleeps).is_empty()), "it did not commit");
    processes::kill([child.id()].into_iter().chain(processes::of(&scene)));
    call.finish(child);
    // The dead client's commit may be ended by the server all the same: then it is whole.
    crate::cluster::cluster().psql(
        "postgres",
        &format!("select pg_terminate_backend(pid) from pg_stat_activity where datname = '{}'", scene.main.name()),
    );
    let said = scene.recover("app.main");
    assert_eq!((said.code, content(&scene.main) == before), (0, true), "{said:?}");
    assert_eq!(scene.main.revisions(), ["a1"]);
    scene.shed(["migrate", "app.main", "a2"]).any_stderr().ok();
    assert_eq!((scene.main.revisions(), scene.leftovers()), (vec!["a2".to_owned()], vec![]));
}
