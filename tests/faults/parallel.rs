//! Many migrations of one database at once (F7): each step runs once, and nobody is told anything but done or locked.

use crate::random::seed;
use crate::scene::{Mode, Scene};

const COUNTING: &str = "
import time
with op.get_context().autocommit_block():
    op.execute('update counter set n = n + 1')
    time.sleep(0.05)
    POSTGRES
op.create_table('counted', sa.Column('id', sa.Integer, primary_key=True))";

#[test]
fn migrations_at_once_run_every_step_once() {
    for scene in Scene::both() {
        let concurrently =
            if scene.is_postgres() { "op.execute('create index concurrently on person (name)')" } else { "pass" };
        scene.write(
            "versions/a5_.py",
            &crate::repo::revision_text("a5", "a4", &COUNTING.replace("POSTGRES", concurrently), "pass"),
        );
        scene.mode(Mode::Each);
        for count in [2, 4, 16] {
            scene.reset(false);
            scene.main.execute("create table counter (n integer); insert into counter values (0)");
            let mut calls: Vec<_> = (0..count).map(|_| scene.migrate(Mode::Each)).collect();
            let children: Vec<_> = calls.iter_mut().map(|call| call.start()).collect();
            let said: Vec<_> = calls.iter().zip(children).map(|(call, child)| call.finish(child)).collect();
            assert!(said.iter().all(|said| [0, 6].contains(&said.code)), "{count} at once: {said:?}");
            assert!(said.iter().any(|said| said.code == 0));
            assert_eq!(scene.main.rows("select n from counter"), "1\n", "{count} at once, seed {}", seed());
            assert_eq!((scene.main.revisions(), scene.leftovers()), (vec!["a5".into()], vec![]));
        }
    }
}
