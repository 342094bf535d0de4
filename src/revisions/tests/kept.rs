//! What is kept of revision files between runs: it saves time, and nothing that happens to it does harm.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::SystemTime;

use crate::environment::Environment;
use crate::revisions::kept::{Entry, Kept, now};
use crate::revisions::{Revision, files, load, packed};

/// Twenty files, and a cache that says "kept" where it is believed.
struct House {
    root: tempfile::TempDir,
}

impl House {
    fn new() -> Self {
        let house = Self { root: tempfile::tempdir().unwrap() };
        fs::create_dir(house.versions()).unwrap();
        (0..20).for_each(|at| house.write(at, "read"));
        house
    }

    fn versions(&self) -> PathBuf {
        self.root.path().canonicalize().unwrap().join("versions")
    }

    fn file(&self, at: usize) -> PathBuf {
        self.versions().join(format!("{at:02}.py"))
    }

    fn write(&self, at: usize, message: &str) {
        fs::write(self.file(at), text(at, message)).unwrap();
    }

    fn cache(&self) -> PathBuf {
        self.root.path().join("cache")
    }

    fn environment(&self) -> Environment {
        Environment::of(&[("SHED_CACHE_DIR", self.cache().to_str().unwrap())], self.root.path())
    }

    fn kept(&self) -> Kept {
        Kept::of(20, &[self.versions()], &self.environment()).unwrap()
    }

    fn cache_file(&self) -> PathBuf {
        let mut files = fs::read_dir(self.cache().join("v1/revisions")).unwrap();
        let file = files.next().unwrap().unwrap().path();
        assert!(files.next().is_none());
        file
    }

    /// Reads as a run does that comes so many seconds from now.
    fn read(&self, later: i128) -> Vec<Revision> {
        let folders = [self.versions()];
        let files = files::list(&folders, false).unwrap();
        load::revisions_at(files, &folders, &self.environment(), now() + later * 1_000_000_000).unwrap()
    }

    fn messages(&self, later: i128) -> Vec<String> {
        self.read(later).into_iter().map(|revision| revision.message).collect()
    }

    /// A cache whose facts can be told from those of the files.
    fn plant(&self, later: i128) {
        self.read(later);
        let mut entries: Vec<Entry> = self.kept().read().into_values().collect();
        entries.iter_mut().for_each(|entry| entry.revision.message = "kept".into());
        self.kept().write(&entries);
    }

    /// The places of the files that were read anew.
    fn read_anew(&self, later: i128) -> Vec<usize> {
        let messages = self.messages(later);
        (0..messages.len()).filter(|at| messages[*at] != "kept").collect()
    }
}

fn text(at: usize, message: &str) -> String {
    format!("\"\"\"{message}\"\"\"\nrevision = 'r{at:02}'\ndown_revision = None\n")
}

#[test]
fn what_is_kept_is_what_the_files_say() {
    let house = House::new();
    fs::write(
        house.file(3),
        "\"\"\"a\n\n\tb\nCreate Date: x\n\"\"\"\nrevision = 'é'\ndown_revision = ('r01', 'r02')\nbranch_labels = 'l'\n\
         depends_on = ['r04']\ndef downgrade():\n    x()\n",
    )
    .unwrap();
    let fresh = house.read(10);
    assert_eq!(house.read(20), fresh);
    let mut kept: Vec<Revision> = house.kept().read().into_values().map(|entry| entry.revision).collect();
    kept.sort_by(|a, b| a.path.cmp(&b.path));
    assert_eq!(kept, fresh);
}

#[test]
fn an_unchanged_file_is_not_read_again() {
    let house = House::new();
    house.plant(10);
    assert_eq!(house.read_anew(20), Vec::<usize>::new());
    let folder = house.cache_file().parent().unwrap().to_path_buf();
    assert_eq!(fs::metadata(folder).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(fs::metadata(house.cache_file()).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_file_that_was_changed_just_before_is_looked_at_again() {
    let house = House::new();
    house.read(0);
    assert!(house.kept().read().values().all(|entry| !entry.settled));
    house.write(7, "more");
    assert_eq!(house.messages(0)[7], "more");
    // Later it is seen to have stayed the same, and believed from then on.
    house.read(10);
    assert!(house.kept().read().values().all(|entry| entry.settled));
}

#[test]
fn a_file_of_the_same_size_and_time_is_read_when_it_is_another_one() {
    let house = House::new();
    house.plant(10);
    let time = fs::metadata(house.file(7)).unwrap().modified().unwrap();
    let set = |file: PathBuf, time: SystemTime| fs::File::options().append(true).open(file).unwrap().set_modified(time);
    house.write(7, "diff");
    set(house.file(7), time).unwrap();
    let time = fs::metadata(house.file(9)).unwrap().modified().unwrap();
    let aside = house.root.path().join("aside");
    fs::write(&aside, text(9, "swap")).unwrap();
    set(aside.clone(), time).unwrap();
    fs::rename(aside, house.file(9)).unwrap();
    let messages = house.messages(20);
    assert_eq!((messages[7].as_str(), messages[9].as_str(), messages[8].as_str()), ("diff", "swap", "kept"));
}

#[test]
fn a_touched_file_of_equal_content_keeps_its_facts_and_a_new_one_is_read() {
    let house = House::new();
    house.plant(10);
    house.write(4, "read");
    house.write(20, "read");
    assert_eq!(house.read_anew(20), [20]);
    fs::remove_file(house.file(0)).unwrap();
    assert_eq!(house.read(30).len(), 20);
}

#[test]
fn a_cache_that_is_not_as_it_should_be_counts_for_nothing() {
    let house = House::new();
    house.plant(10);
    let good = fs::read(house.cache_file()).unwrap();
    let all: Vec<usize> = (0..20).collect();
    let spoiled = |at: usize| good.iter().enumerate().map(|(i, byte)| if i == at { byte ^ 1 } else { *byte }).collect();
    let cases: Vec<Vec<u8>> =
        vec![Vec::new(), good[..good.len() / 2].to_vec(), spoiled(0), spoiled(good.len() / 2), spoiled(good.len() - 1)];
    for bytes in cases {
        fs::write(house.cache_file(), bytes).unwrap();
        assert_eq!(house.read_anew(20), all);
        assert!(!house.kept().read().is_empty(), "it is written anew");
    }
    assert!(packed::read(&good, "another shed, or other folders").is_none());
}

#[test]
fn nothing_is_read_from_or_written_to_a_folder_that_others_may_enter() {
    let house = House::new();
    house.plant(10);
    let folder = house.cache().join("v1/revisions");
    let before = fs::read(house.cache_file()).unwrap();
    for mode in [0o755, 0o777] {
        fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(house.read_anew(20).len(), 20);
        assert_eq!(fs::read(house.cache_file()).unwrap(), before);
    }
}

#[test]
fn a_cache_that_cannot_be_written_spoils_nothing() {
    let house = House::new();
    fs::write(house.cache(), "a file where the folder should be").unwrap();
    assert_eq!(house.messages(10), ["read"; 20]);
    assert_eq!(fs::read_to_string(house.cache()).unwrap(), "a file where the folder should be");
}

#[test]
fn a_file_that_is_gone_between_listing_and_reading_is_left_to_alembic() {
    let house = House::new();
    house.plant(10);
    let folders = [house.versions()];
    let files = files::list(&folders, false).unwrap();
    fs::remove_file(house.file(5)).unwrap();
    let why = load::revisions_at(files, &folders, &house.environment(), now()).unwrap_err().to_string();
    assert!(why.contains("05.py"), "{why}");
}
