//! Folders and files without rights, programs that are missing, backups that are damaged (F10): said, and nothing is changed.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::call::Call;
use crate::oracle::content;
use crate::random::{Random, rounds, seed};
use crate::scene::{Mode, Scene};

const NOBODY: &str = "65534";

fn mode(path: &Path, bits: u32) {
    std::fs::set_permissions(path, PermissionsExt::from_mode(bits)).unwrap();
}

/// shed as a user who is not root, to whom the repository is given.
fn as_nobody(scene: &Scene, args: &[&str]) -> Call {
    if !rustix::process::geteuid().is_root() {
        return scene.shed(args);
    }
    let given = scene.beside("");
    assert!(Command::new("chown").args(["-R", &format!("{NOBODY}:{NOBODY}")]).arg(&given).status().unwrap().success());
    let (user, group) = (format!("--reuid={NOBODY}"), format!("--regid={NOBODY}"));
    scene.call("setpriv").args([user.as_str(), &group, "--clear-groups", env!("CARGO_BIN_EXE_shed")]).args(args)
}

#[test]
fn folders_and_files_without_rights_are_named_and_nothing_is_changed() {
    let scene = Scene::sqlite();
    scene.mode(Mode::Block);
    let deny: [(&str, u32, &[&str]); 6] = [
        ("data", 0o555, &["migrate", "app.main"]),
        ("data", 0o555, &["clone", "app.main", "app.other", "--yes"]),
        ("data/main.db", 0o444, &["migrate", "app.main"]),
        ("data/main.db", 0o000, &["migrate", "app.main"]),
        ("data/main.db", 0o000, &["backup", "app.main"]),
        (".shed/backups", 0o555, &["backup", "app.main"]),
    ];
    for (path, bits, words) in deny {
        scene.reset_clone(false);
        scene.reset(false);
        std::fs::create_dir_all(scene.path(".shed/backups")).unwrap();
        let _ = std::fs::remove_dir_all(scene.path(".shed/backups/app.main"));
        let usual = scene.path(path).metadata().unwrap().permissions().mode();
        mode(&scene.path(path), bits);
        let said = as_nobody(&scene, words).run();
        mode(&scene.path(path), usual);
        let how = format!("{path} {bits:o} {words:?}");
        assert!([3, 4, 5].contains(&said.code), "{how}: {said:?}");
        assert!(said.stderr.contains(&format!("$REPO/{path}")) && said.stderr.contains("error:"), "{how}: {said:?}");
        assert_eq!(
            (content(&scene.main) == scene.states[0], content(&scene.other) == scene.foreign),
            (true, true),
            "{how}"
        );
        assert_eq!(scene.leftovers(), Vec::<String>::new(), "{how}");
    }
}

#[test]
fn missing_programs_are_named_and_nothing_is_changed() {
    let scene = Scene::postgres();
    scene.reset_clone(false);
    scene.program("bin/sh", "#!/bin/sh\nexec /bin/sh \"$@\"\n");
    let shed = env!("CARGO_BIN_EXE_shed");
    // In a world of its own, where the programs of no version are.
    let hidden = |words: &[&str]| {
        let line = format!(
            "mount -t tmpfs none /usr/lib/postgresql && PATH={} exec {shed} \"$@\"",
            scene.path("bin").display()
        );
        scene.call("unshare").args(["--mount", "sh", "-c", &line, "sh"]).args(words)
    };
    if scene.call("unshare").args(["--mount", "mount", "-t", "tmpfs", "none", "/usr/lib/postgresql"]).run().code != 0 {
        println!("no mounting here: missing programs are not tried");
        return;
    }
    for words in [vec!["clone", "app.main", "app.other", "--yes"], vec!["backup", "app.main"], vec!["dump", "app.main"]]
    {
        let said = hidden(&words).run();
        assert!(
            said.code == 3 && said.stderr.contains("psql") | said.stderr.contains("pg_dump"),
            "{words:?}: {said:?}"
        );
        assert_eq!((content(&scene.main) == scene.states[3], content(&scene.other) == scene.foreign), (true, true));
        assert_eq!(scene.leftovers(), Vec::<String>::new());
    }
}

/// The backup's bytes, cut or changed in one place.
fn damaged(random: &mut Random, whole: &[u8]) -> (String, Vec<u8>) {
    let mut bytes = whole.to_vec();
    if random.coin() {
        let length = whole.len() * *random.one_of(&[0, 30, 60, 90, 99]) / 100;
        bytes.truncate(length);
        return (format!("cut to {length} bytes"), bytes);
    }
    let at = random.below(bytes.len());
    bytes[at] ^= 1 << random.below(8);
    (format!("byte {at} changed"), bytes)
}

#[test]
fn a_damaged_backup_is_refused_and_nothing_is_changed() {
    for scene in Scene::both() {
        let mut random = Random::of("damaged backups");
        scene.mode(Mode::Whole);
        scene.reset_clone(false);
        scene.shed(["backup", "app.main"]).any_stdout().any_stderr().ok();
        scene.reset(false);
        let folder = scene.path(".shed/backups/app.main");
        let name = scene.files(".shed/backups/app.main").into_iter().rfind(|file| !file.ends_with("json")).unwrap();
        let whole = std::fs::read(folder.join(&name)).unwrap();
        for _ in 0..rounds(20) {
            let (how, bytes) = damaged(&mut random, &whole);
            std::fs::write(folder.join(&name), bytes).unwrap();
            let said = scene.shed(["restore", "app.main", "--yes", "--no-backup"]).run();
            assert!(
                // 2: it is no backup any more, and there is no other; 5: its bytes are not what was written.
                matches!(said.code, 2 | 5) && said.stderr.contains(name.rsplit_once('.').unwrap().0),
                "{how}, seed {}: {said:?}",
                seed()
            );
            assert!(content(&scene.main) == scene.states[0], "{how}");
        }
        std::fs::write(folder.join(&name), &whole).unwrap();
        scene.shed(["restore", "app.main", "--yes", "--no-backup"]).any_stdout().any_stderr().ok();
        assert_eq!((content(&scene.main) == scene.states[3], scene.leftovers()), (true, vec![]));
        // Of a file that shed knows nothing about, the engine's own checks are all there is: a cut is always seen.
        for percent in [0, 30, 60, 90, 99] {
            let stray = scene.path(&format!("stray.{}", name.rsplit('.').next().unwrap()));
            std::fs::write(&stray, &whole[..whole.len() * percent / 100]).unwrap();
            let said = scene.shed(["restore", "app.main", "--yes", "--force", "--no-backup"]).arg(&stray).run();
            assert!(said.code != 0 && said.stderr.contains("stray"), "{percent} %: {said:?}");
            assert!(content(&scene.main) == scene.states[3], "{percent} %");
        }
    }
}
