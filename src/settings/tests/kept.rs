//! What is kept of a file between runs: it saves time, and nothing that happens to it does harm.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::Repo;
use crate::environment::Environment;
use crate::error::Result;
use crate::settings::{Known, Settings};

/// A file that is long enough to be worth it: comments, then projects.
fn long(projects: &str) -> String {
    "# a comment that makes the file longer\n".repeat(250) + "projects:\n" + projects
}

const TWO: &str = "  a:\n    module: a/m.py\n  b:\n    module: b/m.py\n    setup: \"${WORD:-x}\"\n";

struct House {
    repo: Repo,
    cache: tempfile::TempDir,
}

impl House {
    fn new(projects: &str) -> Self {
        let cache = tempfile::tempdir().unwrap();
        Self { repo: Repo::new(&long(projects)), cache }
    }

    fn read(&self) -> Result<&'static Settings> {
        self.read_with(&[])
    }

    fn read_with(&self, variables: &[(&str, &str)]) -> Result<&'static Settings> {
        let cache = self.cache.path().join("cache");
        let variables = [&[("SHED_CACHE_DIR", cache.to_str().unwrap())], variables].concat();
        Settings::read_for_good(Path::new("shed.yaml"), &Environment::of(&variables, &self.repo.folder()))
    }

    fn write(&self, projects: &str) {
        fs::write(self.repo.folder().join("shed.yaml"), long(projects)).unwrap();
    }

    fn folder(&self) -> PathBuf {
        self.cache.path().join("cache/v1/settings")
    }

    fn files(&self) -> Vec<PathBuf> {
        fs::read_dir(self.folder()).unwrap().map(|entry| entry.unwrap().path()).collect()
    }
}

fn in_parts(settings: &Settings) -> bool {
    matches!(settings.content, Known::Parts(_))
}

#[test]
fn a_sound_file_is_read_whole_once() {
    let house = House::new(TWO);
    assert!(!in_parts(house.read().unwrap()));
    let again = house.read().unwrap();
    assert!(in_parts(again));
    assert_eq!(again.project("b").unwrap().unwrap().setup.as_deref(), Some("x"));
    assert_eq!(again.projects().unwrap().len(), 2);
    let [file] = &house.files()[..] else { panic!("{:?}", house.files()) };
    assert_eq!(fs::metadata(house.folder()).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!fs::read_to_string(file).unwrap().contains("WORD"));
}

#[test]
fn an_edited_file_is_read_anew_and_a_wrong_one_is_never_kept() {
    let house = House::new(TWO);
    house.read().unwrap();
    house.write("  a:\n    modul: a/m.py\n  b:\n    module: b/m.py\n");
    for _ in 0..2 {
        let error = house.read().unwrap_err().to_string();
        assert!(error.starts_with("shed.yaml:253:5: unknown key `modul`"), "{error}");
    }
    house.write(&TWO.replace("b/m.py", "c/m.py"));
    let edited = house.read().unwrap();
    assert!(!in_parts(edited));
    assert!(edited.project("b").unwrap().unwrap().folder.ends_with("c"));
}

#[test]
fn a_damaged_cache_file_is_as_good_as_none() {
    let house = House::new(TWO);
    house.read().unwrap();
    let [file] = &house.files()[..] else { panic!("{:?}", house.files()) };
    let good = fs::read(file).unwrap();
    for at in (0..good.len()).step_by(5) {
        let mut bad = good.clone();
        bad[at] ^= 1;
        for bytes in [&bad[..], &good[..at]] {
            fs::write(file, bytes).unwrap();
            let settings = house.read().unwrap();
            assert!(!in_parts(settings), "byte {at}");
            assert_eq!(fs::read(file).unwrap(), good);
        }
    }
}

#[test]
fn what_is_known_of_another_text_is_not_taken_for_this_one() {
    let house = House::new(TWO);
    house.read().unwrap();
    let mine = house.files().remove(0);
    for other in [TWO.replace("b/m.py", "bb/m.py"), TWO.replace("  b:\n", "  c:\n").replace("a/m.py", "aa.py")] {
        let elsewhere = House::new(&other);
        elsewhere.read().unwrap();
        fs::copy(elsewhere.files().remove(0), &mine).unwrap();
        let settings = house.read().unwrap();
        assert!(settings.project("b").unwrap().unwrap().folder.ends_with("b"));
        assert_eq!(settings.projects().unwrap().len(), 2);
    }
}

#[test]
fn a_cache_that_others_may_write_to_or_that_cannot_be_made_is_left_alone() {
    let house = House::new(TWO);
    house.read().unwrap();
    fs::set_permissions(house.folder(), fs::Permissions::from_mode(0o770)).unwrap();
    assert!(!in_parts(house.read().unwrap()));
    let blocked = House::new(TWO);
    fs::write(blocked.cache.path().join("cache"), "").unwrap();
    for _ in 0..2 {
        assert!(!in_parts(blocked.read().unwrap()));
    }
}

#[test]
fn the_fifty_newest_are_kept() {
    let house = House::new(TWO);
    for number in 0..55 {
        house.write(&TWO.replace("b/m.py", &format!("b{number}/m.py")));
        house.read().unwrap();
    }
    assert_eq!(house.files().len(), 50);
    assert!(in_parts(house.read().unwrap()));
}

#[test]
fn short_files_and_homeless_users_have_no_cache() {
    let house = House::new(TWO);
    fs::write(house.repo.folder().join("shed.yaml"), format!("projects:\n{TWO}")).unwrap();
    house.read().unwrap();
    assert!(!house.folder().exists());
    house.write(TWO);
    let homeless = Environment::of(&[], &house.repo.folder());
    for _ in 0..2 {
        assert!(!in_parts(Settings::read_for_good(Path::new("shed.yaml"), &homeless).unwrap()));
    }
}

#[test]
fn two_projects_that_a_variable_sends_into_one_folder_are_noticed_by_the_third() {
    let house = House::new("  a:\n    versions: ${A:-a}\n  b:\n    versions: ${B:-b}\n  c:\n    versions: c\n");
    house.read().unwrap();
    let settings = house.read_with(&[("A", "same"), ("B", "same")]).unwrap();
    assert!(in_parts(settings));
    let error = settings.project("c").unwrap_err().to_string();
    assert!(
        error.starts_with("shed.yaml:255:5: projects `a` and `b` would both write their revisions to same"),
        "{error}"
    );
    for name in ["a", "c"] {
        let settings = house.read_with(&[("A", "c")]).unwrap();
        let error = settings.project(name).unwrap_err().to_string();
        assert!(error.contains("projects `a` and `c` would both write"), "{error}");
    }
}
