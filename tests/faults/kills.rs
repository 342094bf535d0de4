//! `kill -9` at random moments (F1, F2, F3, F5): shed, its worker, all of it, twice in a row; of migrations and of clones.

use std::time::Duration;

use crate::call::{Call, Output};
use crate::oracle::Tally;
use crate::processes;
use crate::random::{Random, rounds};
use crate::scene::{MODES, Mode, Scene};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    Shed,
    Worker,
    /// Every process of the run.
    All,
}

/// When to strike.
#[derive(Debug, Clone, Copy)]
enum Moment {
    AfterStart(Duration),
    /// In the time in which something may be half.
    AfterJournal(Duration),
}

impl Moment {
    /// In a run that takes so long, seldom after it.
    fn of(random: &mut Random, usual: Duration) -> Self {
        let part = |percent: usize| usual * u32::try_from(percent).unwrap() / 100;
        if random.coin() {
            return Self::AfterStart(part(10 + random.below(95)));
        }
        Self::AfterJournal(part(random.below(30)))
    }

    fn wait(self, scene: &Scene, child: &mut std::process::Child) {
        match self {
            Self::AfterStart(time) => std::thread::sleep(time),
            Self::AfterJournal(time) => {
                while !scene.is_broken_off() && child.try_wait().unwrap().is_none() {
                    std::thread::sleep(Duration::from_millis(1));
                }
                std::thread::sleep(time);
            }
        }
    }
}

/// Starts it and kills it then.
fn strike(scene: &Scene, mut call: Call, moment: Moment, victim: Victim) -> Output {
    let mut child = call.start();
    moment.wait(scene, &mut child);
    match victim {
        Victim::Shed => processes::kill([child.id()]),
        Victim::Worker => processes::kill(processes::children(child.id())),
        Victim::All => processes::kill([child.id()].into_iter().chain(processes::of(scene))),
    }
    call.finish(child)
}

fn migrations(scene: &Scene, victim: Victim, count: usize, twice: bool) {
    let name = format!("migrate, kill {victim:?}{}, {}", if twice { " twice" } else { "" }, scene.engine());
    let (mut random, mut tally) = (Random::of(&name), Tally::of(&name));
    for round in 0..count {
        let mode = MODES[round % 3];
        scene.mode(mode);
        scene.reset(random.coin());
        let mut how = format!("{mode:?} {round}");
        tally.begin();
        for _ in 0..=usize::from(twice) {
            let moment = Moment::of(&mut random, scene.usual);
            let said = strike(scene, scene.migrate(mode), moment, victim);
            how += &format!(", struck {moment:?}, exit {}", said.code);
            tally.struck += usize::from(scene.is_broken_off() || (victim == Victim::Worker && said.code == 5));
        }
        if victim == Victim::Worker {
            // shed lives, and puts it right at once.
            tally.content(&format!("{how}, at once"), &scene.main, &scene.allowed(mode));
        }
        settle_migration(scene, mode, &mut tally, &how, random.coin());
    }
    tally.end();
}

/// One next command puts it right; then all goes on.
fn settle_migration(scene: &Scene, mode: Mode, tally: &mut Tally, how: &str, recovers: bool) {
    if recovers && tally.runs(&format!("{how}, recover"), &scene.recover("app.main")) {
        tally.content(&format!("{how}, recovered"), &scene.main, &scene.allowed(mode));
    }
    if tally.runs(&format!("{how}, migrate"), &scene.migrate(mode).run()) {
        tally.content(&format!("{how}, migrated"), &scene.main, &[&scene.states[3]]);
    }
    tally.left(how, scene.leftovers());
}

fn clones(scene: &Scene, count: usize) {
    let name = format!("clone, kill, {}", scene.engine());
    let (mut random, mut tally) = (Random::of(&name), Tally::of(&name));
    scene.mode(Mode::Whole);
    scene.reset_clone(false);
    let begun = std::time::Instant::now();
    scene.clone().ok();
    let usual = begun.elapsed();
    for round in 0..count {
        scene.reset_clone(random.coin());
        tally.begin();
        let (moment, victim) = (Moment::of(&mut random, usual), *random.one_of(&[Victim::Shed, Victim::All]));
        let call = if random.coin() { scene.clone() } else { scene.clone_in_parts() };
        let said = strike(scene, call, moment, victim);
        tally.struck += usize::from(scene.is_broken_off());
        let how = format!("{round}, {victim:?} struck {moment:?}, exit {}", said.code);
        if random.coin() && tally.runs(&format!("{how}, recover"), &scene.recover("app.other")) {
            tally.content(&format!("{how}, recovered"), &scene.other, &[&scene.foreign, &scene.states[3]]);
        }
        if tally.runs(&format!("{how}, clone"), &scene.clone().run()) {
            tally.content(&format!("{how}, cloned"), &scene.other, &[&scene.states[3]]);
        }
        tally.content(&format!("{how}, source"), &scene.main, &[&scene.states[3]]);
        tally.left(&how, scene.leftovers());
    }
    tally.end();
}

#[test]
fn a_migration_of_sqlite_is_old_or_new_when_shed_is_killed() {
    migrations(&Scene::sqlite(), Victim::Shed, rounds(9), false);
}

#[test]
fn a_migration_of_postgres_is_old_or_new_when_shed_is_killed() {
    migrations(&Scene::postgres(), Victim::Shed, rounds(9), false);
}

#[test]
fn a_migration_is_put_right_at_once_when_its_worker_is_killed() {
    for scene in Scene::both() {
        migrations(&scene, Victim::Worker, rounds(6), false);
    }
}

#[test]
fn a_migration_is_old_or_new_when_everything_is_killed_twice() {
    for scene in Scene::both() {
        migrations(&scene, Victim::All, rounds(6), true);
    }
}

#[test]
fn a_clone_of_sqlite_is_old_or_new_when_it_is_killed() {
    clones(&Scene::sqlite(), rounds(20));
}

#[test]
fn a_clone_of_postgres_is_old_or_new_when_it_is_killed() {
    clones(&Scene::postgres(), rounds(10));
}
