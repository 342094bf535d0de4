//! A password is in no output, no file, no log and no argument list, whatever it is made of.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::app::App;
use crate::cluster::cluster;
use crate::database::Database;
use crate::repo::Repo;

const AWKWARD: &str = "p@ss %20/:#?'\"\\ ü";

#[test]
fn no_command_lets_an_awkward_password_out() {
    let app = App::with(Repo::new(), cluster().database_with_password(AWKWARD));
    app.write(
        "shed.yaml",
        &app.read("shed.yaml").replace(&serde_json::to_string(AWKWARD).unwrap(), "\"${APP_PASSWORD}\""),
    );
    let commands: &[&[&str]] = &[
        &["doctor"],
        &["targets"],
        &["settings", "show"],
        &["settings", "check"],
        &["-v", "current"],
        &["-v", "check"],
        &["-v", "migrate", "--dry-run"],
        &["-v", "migrate"],
        &["-v", "current"],
        &["-v", "history", "-i"],
        &["-v", "check", "--format", "json"],
        &["-v", "revision", "--autogenerate", "-m", "x"],
        &["-v", "upgrade", "nope"],
        &["-v", "stamp", "a3"],
        &["-v", "migrate"],
        &["-v", "downgrade", "base", "--yes"],
        &["-v", "upgrade", "head", "--sql"],
        &["-v", "alembic", "app", "--", "current", "-v"],
    ];
    let watched = watch_arguments(|| {
        for command in commands {
            let said = app.shed(*command).env("APP_PASSWORD", AWKWARD).run();
            assert!(said.code < 3, "{command:?}: {said:?}");
            assert_no_secret(&format!("{command:?}"), &(said.stdout + &said.stderr), AWKWARD);
        }
    });
    watched.iter().for_each(|line| assert_no_secret("an argument list", line, AWKWARD));
    for folder in [app.path(""), app.beside("state"), app.beside("tmp"), app.beside("home")] {
        for (file, text) in texts(&folder) {
            assert_no_secret(&file.display().to_string(), &text, AWKWARD);
        }
    }
}

/// So many databases are migrated by one run.
const TOGETHER: usize = 10;

#[test]
fn random_passwords_work_and_stay_inside() {
    let mut random = Random(20_261_121);
    let count: usize = std::env::var("SHED_TEST_SECRETS").map_or(200, |count| count.parse().unwrap());
    for _ in 0..count.div_ceil(TOGETHER) {
        let path = random.text().replace(['/', '\0'], "_");
        let passwords: Vec<String> = (0..TOGETHER).map(|_| random.text()).collect();
        let databases: Vec<_> = passwords.iter().map(|password| cluster().database_with_password(password)).collect();
        let entry = |(at, database): (usize, &Database)| format!("      d{at}: {}\n", database.settings());
        let entries: String = databases.iter().enumerate().map(entry).collect();
        let repo = Repo::named(&path)
            .settings(&format!("projects:\n  app:\n    versions: versions\n    db:\n{entries}"))
            .revision("versions", "a1", "", "op.create_table('t', sa.Column('id', sa.Integer))", "");
        let said = repo.shed(["-v", "migrate", "app.*"]).run();
        assert_eq!(said.code, 0, "{path:?}, {passwords:?}: {said:?}");
        let said = said.stdout + &said.stderr;
        passwords.iter().for_each(|password| assert_no_secret("migrate", &said, password));
        databases.iter().for_each(|database| assert_eq!(database.revisions(), ["a1"]));
    }
}

fn assert_no_secret(place: &str, text: &str, secret: &str) {
    let json = serde_json::to_string(secret).unwrap();
    let percent: String = secret.bytes().map(|byte| format!("%{byte:02X}")).collect();
    for form in [secret, json.trim_matches('"'), &percent] {
        assert!(secret.chars().count() < 6 || !text.contains(form), "{place} shows the password {secret:?}:\n{text}");
    }
}

/// The argument lists of all programs that ran meanwhile.
fn watch_arguments(work: impl FnOnce()) -> Vec<String> {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut seen = std::collections::BTreeSet::new();
            while !done.load(Ordering::Relaxed) {
                for process in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
                    seen.extend(
                        std::fs::read(process.path().join("cmdline"))
                            .ok()
                            .map(|line| String::from_utf8_lossy(&line).into_owned()),
                    );
                }
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            seen.into_iter().collect()
        });
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        done.store(true, Ordering::Relaxed);
        let seen = watcher.join().unwrap();
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        seen
    })
}

fn texts(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(texts(&path));
        } else if let Ok(bytes) = std::fs::read(&path) {
            found.push((path, String::from_utf8_lossy(&bytes).into_owned()));
        }
    }
    found
}

/// Enough chance for tests, and the same at every run (SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % below as u64).unwrap()
    }

    /// Eight to twenty characters, mostly the awkward ones.
    fn text(&mut self) -> String {
        let alphabet: Vec<char> = " !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~aZ09üß€漢\t".chars().collect();
        (0..8 + self.next(13)).map(|_| alphabet[self.next(alphabet.len())]).collect()
    }
}
