//! `kill -9` of the PostgreSQL server during migrate, clone and restore (F6).

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;

use crate::call::Call;
use crate::cluster::{Cluster, programs, second_cluster};
use crate::oracle::Tally;
use crate::processes::{self, soon};
use crate::random::{Random, rounds};
use crate::scene::{MODES, Mode, Scene};

/// Kills the server as it stands, its sessions included.
fn kill(cluster: &Cluster) {
    let file = std::fs::read_to_string(cluster.host.join("data/postmaster.pid")).unwrap();
    let server: u32 = file.lines().next().unwrap().trim().parse().unwrap();
    let sessions = processes::children(server);
    processes::send(Signal::KILL, server);
    processes::kill(sessions.iter().copied());
    assert!(soon(|| ![server].iter().chain(&sessions).any(|pid| lives(*pid))), "the server lives on");
}

/// Dead ones may stay in the list of processes until somebody collects them.
fn lives(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}

fn start(cluster: &Cluster) {
    let data = cluster.host.join("data");
    // Its process id may still be taken, by a dead one that nobody has collected.
    for left in [data.join("postmaster.pid"), cluster.host.join(".s.PGSQL.5432.lock")] {
        let _ = std::fs::remove_file(left);
    }
    let root = rustix::process::geteuid().is_root();
    let mut command = Command::new(if root { "setpriv" } else { "env" });
    if root {
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
    }
    command.arg(programs().join("pg_ctl")).args(["start", "--wait", "--silent", "-D"]).arg(&data);
    command.arg("-l").arg(data.join("server.log")).current_dir("/");
    let started = command.stdin(Stdio::null()).status().unwrap().success();
    assert!(started, "{}", std::fs::read_to_string(data.join("server.log")).unwrap());
}

/// What the server dies under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deed {
    Migrate(Mode),
    Clone,
    Restore,
}

impl Deed {
    fn of(round: usize) -> Self {
        [Self::Migrate(MODES[round / 3 % 3]), Self::Clone, Self::Restore][round % 3]
    }

    fn prepare(self, scene: &Scene) {
        scene.mode(if let Self::Migrate(mode) = self { mode } else { Mode::Whole });
        if self == Self::Clone { scene.reset_clone(false) } else { scene.reset(false) }
    }

    fn call(self, scene: &Scene, backup: &Path) -> Call {
        match self {
            Self::Migrate(mode) => scene.migrate(mode),
            Self::Clone => scene.clone(),
            Self::Restore => scene.shed(["restore", "app.main", "--yes", "--force", "--no-backup"]).arg(backup),
        }
    }

    fn allowed(self, scene: &Scene) -> Vec<&str> {
        match self {
            Self::Migrate(mode) => scene.allowed(mode),
            Self::Clone => vec![&scene.foreign, &scene.states[3]],
            Self::Restore => vec![&scene.states[0], &scene.states[3]],
        }
    }
}

/// Backs up a4, and keeps the file outside of the store.
fn backed_up(scene: &Scene) -> PathBuf {
    scene.reset_clone(false);
    scene.shed(["backup", "app.main"]).any_stdout().any_stderr().ok();
    let folder = ".shed/backups/app.main";
    let newest = scene.files(folder).into_iter().rfind(|file| !file.ends_with("json")).unwrap();
    let kept = scene.path(&format!("kept.{}", newest.rsplit('.').next().unwrap()));
    std::fs::copy(scene.path(folder).join(newest), &kept).unwrap();
    kept
}

#[test]
fn a_server_that_dies_leaves_the_old_or_the_new_content() {
    let cluster = second_cluster();
    let scene = Scene::on(cluster);
    let backup = backed_up(&scene);
    let (mut random, mut tally) = (Random::of("server"), Tally::of("server killed under migrate, clone, restore"));
    for round in 0..rounds(6) {
        let deed = Deed::of(round);
        deed.prepare(&scene);
        tally.begin();
        let mut call = deed.call(&scene, &backup);
        let mut child = call.start();
        while !scene.is_broken_off() && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(u64::try_from(random.below(400)).unwrap()));
        kill(cluster);
        let said = call.finish(child);
        start(cluster);
        tally.struck += usize::from(said.code != 0);
        let how = format!("{round}, {deed:?}, exit {}", said.code);
        let (target, database) =
            if deed == Deed::Clone { ("app.other", &scene.other) } else { ("app.main", &scene.main) };
        if tally.runs(&how, &scene.recover(target)) {
            tally.content(&how, database, &deed.allowed(&scene));
        }
        if tally.runs(&how, &deed.call(&scene, &backup).run()) {
            tally.content(&format!("{how}, again"), database, &[&scene.states[3]]);
        }
        tally.left(&how, scene.leftovers());
    }
    tally.end();
}
