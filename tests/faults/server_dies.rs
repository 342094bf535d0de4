//! `kill -9` of the PostgreSQL server during migrate, clone and restore (F6).

use std::process::{Command, Stdio};

use rustix::process::Signal;

use crate::cluster::{Cluster, programs, second_cluster};
use crate::oracle::Tally;
use crate::processes::{self, soon};
use crate::random::{Random, rounds};
use crate::scene::{MODES, Scene};

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

#[test]
fn a_server_that_dies_leaves_the_old_or_the_new_content() {
    let cluster = second_cluster();
    let scene = Scene::on(cluster);
    let (mut random, mut tally) = (Random::of("server"), Tally::of("server killed under migrate, clone, restore"));
    scene.reset_clone(false);
    scene.shed(["backup", "app.main"]).any_stdout().any_stderr().ok();
    let backup = format!(
        ".shed/backups/app.main/{}",
        scene.files(".shed/backups/app.main").into_iter().rfind(|file| !file.ends_with("json")).unwrap()
    );
    let ending = backup.rsplit('.').next().unwrap();
    let kept = scene.path(&format!("kept.{ending}"));
    std::fs::copy(scene.path(&backup), &kept).unwrap();
    for round in 0..rounds(6) {
        tally.begin();
        let mode = MODES[round / 3 % 3];
        scene.mode(mode);
        let call = || match round % 3 {
            0 => scene.migrate(mode),
            1 => scene.clone(),
            _ => scene.shed(["restore", "app.main", "--yes", "--force", "--no-backup"]).arg(&kept),
        };
        if round % 3 == 1 {
            scene.reset_clone(false)
        } else {
            scene.reset(false)
        }
        let mut running = call();
        let mut child = running.start();
        while !scene.is_broken_off() && child.try_wait().unwrap().is_none() {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        std::thread::sleep(std::time::Duration::from_millis(u64::try_from(random.below(400)).unwrap()));
        kill(cluster);
        let said = running.finish(child);
        start(cluster);
        tally.struck += usize::from(said.code != 0);
        let how = format!("{round}, {mode:?}, exit {}", said.code);
        let (target, database) = if round % 3 == 1 { ("app.other", &scene.other) } else { ("app.main", &scene.main) };
        let old = if round % 3 == 1 { &scene.foreign } else { &scene.states[0] };
        if tally.runs(&how, &scene.recover(target)) {
            let mut allowed = vec![old.as_str(), &scene.states[3]];
            allowed.extend(scene.allowed(mode).into_iter().filter(|_| round % 3 == 0));
            tally.content(&how, database, &allowed);
        }
        if tally.runs(&how, &call().run()) {
            tally.content(&format!("{how}, again"), database, &[&scene.states[3]]);
        }
        tally.left(&how, scene.leftovers());
    }
    tally.end();
}
