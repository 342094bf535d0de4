//! Journals and locks that are not what they seem (F19): another clock, another process, another host, cut short, of a later version.

use serde_json::{Value, json};

use crate::call::Output;
use crate::oracle::content;
use crate::repo::Repo;
use crate::scene::{Mode, Scene};

/// Leaves a half revision and its journal behind; the journal's path.
fn half(scene: &Scene) -> std::path::PathBuf {
    scene.reset(false);
    let said = scene.migrate(Mode::Block).env("SHED_FAILPOINT", "migrate-run-ended:abort").run();
    assert_eq!(said.code, 137, "{said:?}");
    let folder = scene.beside("state/v1/journal");
    let kept = folder.read_dir().into_iter().flatten().flatten().next().map(|entry| entry.path());
    let path = if scene.is_postgres() { kept.unwrap() } else { scene.path("data/main.db.shed-journal") };
    assert!(path.exists());
    path
}

fn edited(scene: &Scene, edit: impl FnOnce(&mut Value)) {
    let path = half(scene);
    let mut entry: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    edit(&mut entry);
    std::fs::write(path, entry.to_string()).unwrap();
}

/// When a process started, as /proc tells.
fn started(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    text.rsplit_once(')').unwrap().1.split_whitespace().nth(19).unwrap().parse().unwrap()
}

fn scene(scene: Scene) -> Scene {
    let text = scene
        .read("versions/a3_.py")
        .replace("    op.execute('insert into toy (id) values (2)')", "    op.execute('drop table nowhere')");
    scene.write("versions/a3_.py", &text);
    scene.mode(Mode::Block);
    scene
}

/// The next run takes the dead ones' temporary directories along.
fn end(scene: &Scene) {
    scene.reset(false);
    let said = scene.migrate(Mode::Block).run();
    assert_eq!((said.code, scene.leftovers()), (5, vec![]), "{said:?}");
}

fn recover(repo: &Repo) -> Output {
    repo.shed(["recover", "app.main"]).run()
}

#[test]
fn a_clock_that_jumps_a_reused_id_and_another_boot_do_not_mislead() {
    for scene in [Scene::sqlite(), Scene::postgres()].map(scene) {
        let own = std::process::id();
        let edits: [fn(&mut Value); 5] = [
            |entry| entry["since"] = json!(0),
            |entry| entry["since"] = json!(99_999_999_999_u64),
            |entry| entry["process"]["pid"] = json!(std::process::id()),
            |entry| entry["process"]["boot"] = json!("another"),
            |entry| {
                entry["process"]["pid"] = json!(1);
                entry["process"]["started"] = json!(1);
            },
        ];
        for edit in edits {
            edited(&scene, edit);
            let said = recover(&scene);
            assert_eq!((said.code, content(&scene.main) == scene.states[0]), (0, true), "{own}: {said:?}");
            assert_eq!(scene.left_by_databases(), Vec::<String>::new());
        }
        end(&scene);
    }
}

#[test]
fn what_may_be_at_work_elsewhere_is_left_alone() {
    for scene in [Scene::sqlite(), Scene::postgres()].map(scene) {
        let (own, since) = (std::process::id(), started(std::process::id()));
        edited(&scene, |entry| {
            entry["process"]["pid"] = json!(own);
            entry["process"]["started"] = json!(since);
        });
        let before = content(&scene.main);
        let said = recover(&scene);
        assert!(said.code == 6 && said.stderr.contains(&format!("process {own} is at work on it")), "{said:?}");
        scene.shed(["recover", "app.main", "--discard", "--yes"]).any_stdout().ok();
        edited(&scene, |entry| entry["process"]["host"] = json!("elsewhere"));
        for words in [["recover", "app.main"], ["migrate", "app.main"]] {
            let said = scene.shed(words).run();
            assert!(said.code == 5 && said.stderr.contains("it ran on another machine"), "{said:?}");
            assert!(content(&scene.main) == before, "{said:?}");
        }
        let said = scene.shed(["recover", "app.main", "--discard", "--yes"]).run();
        assert_eq!((said.code, content(&scene.main) == before), (0, true), "{said:?}");
        assert_eq!(scene.left_by_databases(), Vec::<String>::new());
        end(&scene);
    }
}

#[test]
fn a_journal_that_cannot_be_understood_stops_everything_and_changes_nothing() {
    for scene in [Scene::sqlite(), Scene::postgres()].map(scene) {
        let path = half(&scene);
        let (before, whole) = (content(&scene.main), std::fs::read_to_string(&path).unwrap());
        let later = whole.replace("\"version\": 1", "\"version\": 2");
        assert_ne!(later, whole);
        let cuts = [0, 1, whole.len() / 2, whole.len() - 2].map(|at| whole[..at].to_owned());
        for text in cuts.into_iter().chain([later, whole.replace("\"migrate\"", "\"later\""), "null".into()]) {
            if text.contains("\"later\"") && text.contains("\"kind\": \"migrate\"") {
                continue;
            }
            std::fs::write(&path, &text).unwrap();
            for words in [["recover", "app.main"], ["migrate", "app.main"]] {
                let said = scene.shed(words).run();
                assert_eq!(said.code, 5, "{text}: {said:?}");
                assert!(
                    said.stderr.contains("--discard") && said.stderr.contains("cannot be read"),
                    "{text}: {said:?}"
                );
                assert!(content(&scene.main) == before, "{text}");
            }
        }
        let said = scene.shed(["recover", "app.main", "--discard", "--yes"]).run();
        assert_eq!((said.code, content(&scene.main) == before), (0, true), "{said:?}");
        assert_eq!(scene.left_by_databases(), Vec::<String>::new());
        end(&scene);
    }
}

#[test]
fn a_lock_file_that_nobody_holds_is_no_lock() {
    let scene = Scene::sqlite();
    scene.reset(false);
    scene.write("data/main.db.shed-lock", "{\"host\":\"elsewhere\",\"pid\":1}");
    scene.migrate(Mode::Whole).ok();
    assert_eq!((content(&scene.main) == scene.states[3], scene.leftovers()), (true, vec![]));
}
