//! An abort at every failpoint of migrate, clone, backup and restore, then at every failpoint of the recovery (F4).

use crate::call::{Call, Output};
use crate::oracle::Tally;
use crate::random::{Random, pairs};
use crate::scene::{Mode, Scene};

#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum Deed {
    Migrate,
    /// A revision that commits in its middle and fails, so that the backup is put back.
    Fail,
    Duplicate,
    Backup,
    Restore,
}

use Deed::{Backup, Duplicate, Fail, Migrate, Restore};

impl Deed {
    fn prepare(self, scene: &Scene) {
        match self {
            Migrate | Fail => scene.reset(false),
            Duplicate => scene.reset_clone(false),
            Backup => scene.reset(false),
            Restore => scene.reset(false),
        }
    }

    fn call(self, scene: &Scene) -> Call {
        match self {
            Migrate => scene.migrate(Mode::Block),
            Fail => scene.migrate(Mode::Block).env("FAILING", "1"),
            Duplicate => scene.clone(),
            Backup => scene.shed(["backup", "app.main"]),
            Restore => {
                let kept = scene.files("").into_iter().find(|file| file.starts_with("backup-of-a4")).unwrap();
                scene.shed(["restore", "app.main", "--yes", "--force"]).arg(scene.path(&kept))
            }
        }
    }

    /// What it leads to when nothing hinders it.
    fn goal(self, scene: &Scene) -> &str {
        match self {
            Migrate | Duplicate | Restore => &scene.states[3],
            Fail | Backup => &scene.states[0],
        }
    }

    fn allowed(self, scene: &Scene) -> Vec<&str> {
        match self {
            Migrate => scene.allowed(Mode::Block),
            // Whole revisions before the one that fails stay only where they were committed on their own.
            Fail => vec![&scene.states[0], &scene.states[1]],
            Duplicate => vec![&scene.foreign, &scene.states[3]],
            Backup => vec![&scene.states[0]],
            Restore => vec![&scene.states[0], &scene.states[3]],
        }
    }

    fn is_right(self, said: &Output) -> bool {
        said.code == if self == Fail { 5 } else { 0 }
    }

    fn target(self, scene: &Scene) -> (&'static str, &crate::database::Database) {
        if self == Duplicate { ("app.other", &scene.other) } else { ("app.main", &scene.main) }
    }
}

/// The failpoints that a run comes by, in order: `name`, `name@2`.
fn points(scene: &Scene, call: Call) -> (Vec<String>, Output) {
    let log = scene.beside("points");
    let _ = std::fs::remove_file(&log);
    let said = call.env("SHED_FAILPOINT_LOG", &log).run();
    let text = std::fs::read_to_string(&log).unwrap_or_default();
    let mut names: Vec<String> = Vec::new();
    for name in text.lines() {
        let times = names.iter().filter(|other| other.split('@').next() == Some(name)).count() + 1;
        names.push(if times == 1 { name.to_owned() } else { format!("{name}@{times}") });
    }
    (names, said)
}

fn aborted(call: Call, point: &str) -> Output {
    call.env("SHED_FAILPOINT", format!("{point}:abort")).run()
}

struct Matrix<'a> {
    scene: &'a Scene,
    deed: Deed,
    tally: Tally,
}

impl Matrix<'_> {
    /// Dies at this point, then at these of the recovery; then all is right. The points of the last recovery.
    fn die(&mut self, point: &str, again: &[&str]) -> Vec<String> {
        let (scene, deed) = (self.scene, self.deed);
        let how =
            format!("{deed:?} at {point}{}", again.iter().map(|point| format!(", then {point}")).collect::<String>());
        deed.prepare(scene);
        self.tally.begin();
        let said = aborted(deed.call(scene), point);
        assert_eq!(said.code, 137, "{how}: {said:?}");
        let (target, database) = deed.target(scene);
        self.tally.struck += usize::from(scene.is_broken_off());
        for point in again {
            let said = aborted(scene.shed(["recover", target]), point);
            assert_eq!(said.code, 137, "{how}: {said:?}");
        }
        let (found, said) = points(scene, scene.shed(["recover", target]));
        if self.tally.runs(&how, &said) {
            self.tally.content(&how, database, &deed.allowed(scene));
        }
        let said = deed.call(scene).run();
        if !deed.is_right(&said) {
            self.tally.runs(&how, &Output { code: 99, ..said });
        }
        self.tally.content(&format!("{how}, run again"), database, &[deed.goal(scene)]);
        self.tally.left(&how, scene.leftovers());
        found
    }
}

/// Every failpoint alone, or a few of them, and as many pairs as are wanted.
fn every_point(scene: &Scene, deed: Deed, few: usize, few_pairs: usize) {
    let name = format!("{deed:?} aborted at failpoints, {}", scene.engine());
    scene.mode(Mode::Block);
    deed.prepare(scene);
    let (all, said) = points(scene, deed.call(scene));
    assert!(deed.is_right(&said) && !all.is_empty(), "{said:?}");
    let (mut random, pairs_wanted) = (Random::of(&name), pairs(few_pairs));
    let chosen = if pairs_wanted == usize::MAX { all.clone() } else { random.some_of(&all, few) };
    let mut matrix = Matrix { scene, deed, tally: Tally::of(format!("{name} ({} of {})", chosen.len(), all.len())) };
    let mut twice = Vec::new();
    for point in &chosen {
        let found = matrix.die(point, &[]);
        twice.extend(found.into_iter().map(|again| (point.clone(), again)));
    }
    for (point, again) in random.some_of(&twice, pairs_wanted) {
        matrix.die(&point, &[&again]);
    }
    matrix.tally.end();
}

fn with_failing(scene: Scene) -> Scene {
    let text = scene.read("versions/a3_.py").replace(
        "    op.execute('insert into toy (id) values (2)')",
        "    op.execute('insert into toy (id) values (2)')\n    if os.environ.get('FAILING'):\n        op.execute('drop table nowhere')",
    );
    scene.write("versions/a3_.py", &text);
    scene
}

/// A backup of a4, kept outside of the store.
fn with_backup(scene: Scene) -> Scene {
    scene.mode(Mode::Whole);
    scene.reset_clone(false);
    let said = scene.shed(["backup", "app.main"]).run();
    let path = said.stdout.split_whitespace().find(|word| word.contains(".shed/backups")).unwrap().to_owned();
    let path = path.replace("$REPO", &scene.path("").display().to_string());
    let ending = path.rsplit('.').next().unwrap();
    std::fs::copy(&path, scene.path(&format!("backup-of-a4.{ending}"))).unwrap();
    scene.remove(".shed/backups");
    scene
}

const ALL: usize = usize::MAX;

#[test]
fn a_migration_of_sqlite_may_die_at_every_step() {
    let scene = with_failing(Scene::sqlite());
    every_point(&scene, Migrate, 5, 2);
    every_point(&scene, Fail, 5, 3);
}

#[test]
fn a_migration_of_postgres_may_die_at_every_step() {
    let scene = with_failing(Scene::postgres());
    every_point(&scene, Migrate, 3, 2);
    every_point(&scene, Fail, 3, 3);
}

#[test]
fn clones_backups_and_restores_of_sqlite_may_die_at_every_step() {
    let scene = with_backup(Scene::sqlite());
    every_point(&scene, Duplicate, ALL, 6);
    every_point(&scene, Backup, ALL, 0);
    every_point(&scene, Restore, ALL, 6);
}

#[test]
fn clones_backups_and_restores_of_postgres_may_die_at_every_step() {
    let scene = with_backup(Scene::postgres());
    every_point(&scene, Duplicate, 5, 3);
    every_point(&scene, Backup, 3, 0);
    every_point(&scene, Restore, 5, 3);
}
