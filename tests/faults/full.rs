//! No room on the disk, at every 64 KiB (F9): backup, journal, clone, restore, saving the settings. The database is intact and a path is named.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::call::{Call, Output};
use crate::database::Database;
use crate::oracle::content;
use crate::random::pairs;
use crate::scene::{Mode, Scene};

/// 64 KiB in the blocks of `ulimit -f`.
const STEP: usize = 128;
const STEPS: usize = 12;

/// Room in bytes for any one file: writing more is an error, as on a full disk, and not a death.
fn limited(scene: &Scene, blocks: usize, args: &[&str]) -> Call {
    let line = format!("ulimit -f {blocks}; trap '' XFSZ; exec shed \"$@\"");
    scene.call("sh").args(["-c", &line, "sh"]).args(args).env("WITH_BLOCK", "1")
}

/// The steps at which this run looks: all of them, or every third.
fn steps() -> impl Iterator<Item = usize> {
    let every = if pairs(0) == usize::MAX { 1 } else { 3 };
    (1..=STEPS).step_by(every)
}

/// A file system of this size over a folder, where we may mount one.
struct Mounted(PathBuf);

impl Mounted {
    fn over(folder: &Path, kib: usize) -> Option<Self> {
        std::fs::create_dir_all(folder).unwrap();
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", &format!("size={kib}k,mode=0700"), "shed-test"]).arg(folder);
        let done = command.output().is_ok_and(|output| output.status.success());
        done.then(|| Self(folder.to_path_buf()))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let done = Command::new("umount").arg(&self.0).status().is_ok_and(|status| status.success());
        assert!(done || std::thread::panicking(), "{} is still mounted", self.0.display());
    }
}

/// A scene whose databases take more than ten steps.
fn large(scene: Scene) -> (Scene, [String; 3]) {
    scene.mode(Mode::Block);
    fill(&scene);
    let old = content(&scene.main);
    scene.migrate(Mode::Block).ok();
    let new = content(&scene.main);
    let other = scene.foreign.clone();
    (scene, [old, new, other])
}

fn fill(scene: &Scene) {
    scene.reset(false);
    let rows = if scene.is_postgres() {
        "insert into bulk select i, (select string_agg(md5((i * 40 + j)::text), '') from generate_series(1, 40) j) from generate_series(1, 500) i"
    } else {
        "with recursive n(i) as (select 1 union all select i + 1 from n where i < 500) insert into bulk select i, hex(zeroblob(600)) || i from n"
    };
    scene.main.execute(&format!("create table bulk (id integer primary key, text text); {rows}"));
}

/// It was done, or nothing was: then the message names a path.
fn all_or_nothing(how: &str, said: &Output, database: &Database, old: &[&str], new: &str) {
    let held = content(database);
    if said.code == 0 {
        assert!(held == new, "{how}: {said:?}");
        return;
    }
    assert!([3, 5].contains(&said.code), "{how}: {said:?}");
    assert!(old.contains(&held.as_str()) || held == new, "{how}: {said:?}");
    assert!(["$REPO/", "$STATE/", "$TMPDIR/"].iter().any(|path| said.stderr.contains(path)), "{how}: {said:?}");
}

fn starve(scene: Scene) {
    let (scene, [old, new, other]) = large(scene);
    let backup = scene.files(".shed/backups/app.main").into_iter().rfind(|file| !file.ends_with("json")).unwrap();
    let kept = scene.path(&format!("kept.{}", backup.rsplit('.').next().unwrap()));
    std::fs::copy(scene.path(".shed/backups/app.main").join(backup), &kept).unwrap();
    let kept = kept.display().to_string();
    for step in steps() {
        let blocks = step * STEP;
        let how = |what: &str| format!("{what} with {} KiB, {}", step * 64, scene.engine());
        fill(&scene);
        let said = limited(&scene, blocks, &["migrate", "app.main"]).run();
        all_or_nothing(&how("migrate"), &said, &scene.main, &[&old], &new);
        let said = scene.migrate(Mode::Block).run();
        assert_eq!((said.code, content(&scene.main) == new), (0, true), "{} again: {said:?}", how("migrate"));

        let said = limited(&scene, blocks, &["backup", "app.main"]).run();
        all_or_nothing(&how("backup"), &said, &scene.main, &[&new], &new);
        scene.shed(["backups", "app.main", "--verify"]).any_stdout().any_stderr().ok();

        let said = limited(&scene, blocks, &["restore", "app.main", &kept, "--yes", "--force", "--no-backup"]).run();
        all_or_nothing(&how("restore"), &said, &scene.main, &[&new], &old);

        fill(&scene);
        let held = content(&scene.other);
        assert!(held == other || held == old, "{}", how("clone"));
        let said = limited(&scene, blocks, &["clone", "app.main", "app.other", "--yes"]).run();
        all_or_nothing(&how("clone"), &said, &scene.other, &[&held], &old);
        scene.clone().ok();
        assert_eq!((content(&scene.other) == old, scene.leftovers()), (true, vec![]), "{}", how("clone"));
    }
}

#[test]
fn no_room_for_any_file_of_sqlite_leaves_the_database_intact() {
    starve(Scene::sqlite());
}

#[test]
fn no_room_for_any_file_of_postgres_leaves_the_database_intact() {
    starve(Scene::postgres());
}

#[test]
fn a_full_file_system_leaves_the_database_intact() {
    let (scene, [old, new, _]) = large(Scene::sqlite());
    scene.remove(".shed/backups");
    for step in steps() {
        for folder in [".shed/backups", "data"] {
            fill(&scene);
            let file = std::fs::read(scene.path("data/main.db")).unwrap();
            let taken = if folder == "data" { file.len() / 1024 } else { 0 };
            let Some(mounted) = Mounted::over(&scene.path(folder), taken + 8 + step * 64) else { return };
            if folder == "data" {
                std::fs::write(scene.path("data/main.db"), &file).unwrap();
            }
            let how = format!("{folder} with {} KiB", step * 64);
            let said = scene.migrate(Mode::Block).run();
            all_or_nothing(&how, &said, &scene.main, &[&old], &new);
            let held = content(&scene.main);
            let said = scene.clone().run();
            if folder == "data" && scene.other.exists() && said.code != 0 {
                assert_eq!(content(&scene.main), held, "{how}: {said:?}");
            }
            drop(mounted);
        }
    }
}

#[test]
fn no_room_for_the_journal_or_the_settings_changes_nothing() {
    for scene in Scene::both() {
        scene.mode(Mode::Whole);
        scene.reset(false);
        let said = limited(&scene, 0, &["migrate", "app.main"]).run();
        all_or_nothing("no byte for any file", &said, &scene.main, &[&scene.states[0]], &scene.states[3]);
        assert_ne!(said.code, 0, "{said:?}");
        assert_eq!(scene.leftovers(), Vec::<String>::new());
        let before = scene.read("shed.yaml");
        let said = limited(&scene, 0, &["settings", "set", "projects.app.cwd", "data"]).run();
        assert!(said.code == 3 && said.stderr.contains("$REPO/shed.yaml"), "{said:?}");
        assert_eq!(scene.read("shed.yaml"), before);
        assert_eq!(scene.files("").into_iter().filter(|file| file.contains("shed.yaml")).count(), 1);
        if let Some(_mounted) = Mounted::over(&scene.beside("state"), 4) {
            std::fs::write(scene.beside("state").join("filler"), [1; 4096]).ok();
            let said = scene.migrate(Mode::Whole).run();
            all_or_nothing("a full state directory", &said, &scene.main, &[&scene.states[0]], &scene.states[3]);
        }
    }
}
