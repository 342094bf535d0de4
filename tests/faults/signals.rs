//! INT, TERM and HUP, once to three times, in every phase of a migration (F11).

use std::time::Duration;

use rustix::process::Signal;

use crate::oracle::content;
use crate::processes::{self, soon};
use crate::random::{Random, rounds, seed};
use crate::scene::{Mode, Scene};

const SIGNALS: [(Signal, i32); 3] = [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)];
/// The failpoint at which shed sleeps, and whether the migration fails after it has committed something.
const PHASES: [(&str, bool); 7] = [
    ("migrate-locked", false),
    ("backup-mid", false),
    ("migrate-backed-up", false),
    ("migrate-journal-written", false),
    ("migrate-run-ended", false),
    ("migrate-run-ended", true),
    ("migrate-restore", true),
];

#[test]
fn a_signal_in_any_phase_leaves_the_old_or_the_new_content_and_nothing_else() {
    let mut random = Random::of("signals");
    let scenes = Scene::both();
    let log = |scene: &Scene| scene.beside("points");
    for round in 0..rounds(16) {
        let scene = &scenes[round % 2];
        let ((signal, code), (phase, fails), times) =
            (*random.one_of(&SIGNALS), PHASES[round / 2 % PHASES.len()], 1 + random.below(3));
        let how = format!("{phase}, fails: {fails}, {signal:?} {times} times, {}, seed {}", scene.engine(), seed());
        scene.mode(Mode::Block);
        scene.reset(false);
        let _ = std::fs::remove_file(log(scene));
        let good = scene.read("versions/a3_.py");
        if fails {
            scene.write(
                "versions/a3_.py",
                &format!("{}    op.execute('drop table nowhere')\n", good.split("\n\ndef downgrade").next().unwrap()),
            );
        }
        let mut call = scene
            .migrate(Mode::Block)
            .env("SHED_FAILPOINT", format!("{phase}:sleep"))
            .env("SHED_FAILPOINT_LOG", log(scene));
        let child = call.start();
        let reached = || std::fs::read_to_string(log(scene)).is_ok_and(|text| text.lines().any(|line| line == phase));
        assert!(soon(reached), "{how}: not reached");
        for _ in 0..times {
            std::thread::sleep(Duration::from_millis(u64::try_from(random.below(200)).unwrap()));
            processes::send(signal, child.id());
        }
        let said = call.finish(child);
        let expected: &[i32] = if fails {
            &[5, code]
        } else if phase == "migrate-run-ended" {
            &[0, code]
        } else {
            &[code]
        };
        assert!(expected.contains(&said.code), "{how}: {said:?}");
        assert_eq!(scene.beside("tmp").read_dir().unwrap().count(), 0, "{how}: a temporary directory is left");
        let held = content(&scene.main);
        assert!(scene.allowed(Mode::Block).contains(&held.as_str()), "{how}: {said:?}");
        assert!(!fails || held != scene.states[3], "{how}");
        scene.write("versions/a3_.py", &good);
        let said = scene.migrate(Mode::Block).run();
        assert_eq!((said.code, content(&scene.main) == scene.states[3]), (0, true), "{how}: {said:?}");
        assert_eq!(scene.leftovers(), Vec::<String>::new(), "{how}");
    }
}
