//! The store, filled with files that need no database.

use std::cell::RefCell;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::aside::Aside;
use super::take::{Of, Wish};
use super::{Backup, Entry, Found, Store};
use crate::engine::journal::Process;
use crate::engine::{News, Watch};
use crate::error::{Error, Result};
use crate::process::Interrupts;
use crate::settings;

struct Place {
    folder: tempfile::TempDir,
    store: Store,
    heard: RefCell<Vec<String>>,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let rules = settings::Backup {
            before_migrate: true,
            keep: 5,
            max_bytes: None,
            location: folder.path().join(".shed/backups"),
            pipe: None,
            unpipe: None,
        };
        let store = Store::of(&rules, folder.path());
        Self { folder, store, heard: RefCell::default() }
    }

    fn with(mut self, change: impl FnOnce(&mut settings::Backup)) -> Self {
        change(&mut self.store.rules);
        self
    }

    fn watched<T>(&self, work: impl FnOnce(&Watch<'_>) -> T) -> T {
        let hear = |news: News<'_>| match news {
            News::Note(text) | News::Warning(text) => self.heard.borrow_mut().push(text.to_owned()),
            News::Progress { .. } => {}
        };
        work(&Watch::new(&Interrupts::none(), &hear))
    }

    fn put_at(&self, head: &str, text: &str) -> Result<Backup> {
        let heads = if head.is_empty() { vec![] } else { vec![head.to_owned()] };
        let wish = Wish { target: "billing.prod", run: "r1", reason: "manual", heads: &heads, except: &[] };
        self.put_wished(&wish, text)
    }

    fn put(&self, head: &str) -> Backup {
        self.put_at(head, &format!("content at {head}")).unwrap()
    }

    fn put_wished(&self, wish: &Wish<'_>, text: &str) -> Result<Backup> {
        self.watched(|watch| self.store.put(&of(), wish, watch, &mut |path| write(path, text)))
    }

    fn names(&self) -> Vec<String> {
        self.store.list("billing.prod").into_iter().map(|backup| backup.name).collect()
    }

    /// Every file below the location, without the `.gitignore`.
    fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        walk(&self.store.rules.location, &mut files);
        files.retain(|file| !file.ends_with(".gitignore"));
        files.sort();
        files
    }
}

fn of() -> Of {
    Of {
        engine: "sqlite",
        ending: "db",
        identity: "sqlite /x.db".into(),
        place: "sqlite /x.db".into(),
        system_identifier: None,
        version: None,
        size: 10,
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).map_err(|error| Error::failed(error.to_string()))
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() { walk(&entry.path(), files) } else { files.push(entry.path()) }
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_backup_is_two_private_files_in_private_folders_that_git_ignores() {
    let place = Place::new();
    let backup = place.put("a1");
    assert_eq!(backup.name[20..], *"-a1");
    assert_eq!(fs::read_to_string(&backup.path).unwrap(), "content at a1");
    assert_eq!(place.files(), [backup.path.clone(), super::find::metadata_of(&backup.path)]);
    assert_eq!(place.files().iter().map(|file| mode(file)).collect::<Vec<_>>(), [0o600, 0o600]);
    assert_eq!((mode(&place.store.folder("billing.prod")), mode(&place.folder.path().join(".shed"))), (0o700, 0o700));
    assert_eq!(fs::read_to_string(place.folder.path().join(".shed/.gitignore")).unwrap(), "*\n");
    assert_eq!(backup.metadata.sha256, "4105ced59c453cb9322a6008c5b11f01c5ba5a7f78b35d56a291041b44a36301");
    place.store.check_stored(&backup).unwrap();
}

#[test]
fn a_folder_of_the_user_s_own_in_a_git_tree_is_ignored_target_by_target() {
    let mut place = Place::new();
    place.store.rules.location = place.folder.path().join("b");
    fs::create_dir(place.folder.path().join(".git")).unwrap();
    place.put("a1");
    let folder = place.store.folder("billing.prod");
    assert_eq!((mode(&folder), mode(&place.store.rules.location)), (0o700, 0o700));
    assert_eq!(fs::read_to_string(folder.join(".gitignore")).unwrap(), "*\n");
}

#[test]
fn names_rise_also_when_the_clock_does_not() {
    let place = Place::new();
    let first = place.put("a1");
    let folder = place.store.folder("billing.prod");
    let later = format!("30001231T235959.999Z-{}", "a1");
    let metadata = super::Metadata { file: format!("{later}.db"), ..*first.metadata.clone() };
    fs::write(folder.join(format!("{later}.json")), serde_json::to_vec(&metadata).unwrap()).unwrap();
    fs::copy(&first.path, folder.join(format!("{later}.db"))).unwrap();
    let newest = place.put("");
    assert_eq!(place.names(), ["30010101T000000.000Z-base", &later, &first.name]);
    assert_eq!(place.store.find("billing.prod", None, Path::new("/")).unwrap(), Found::Kept(newest));
}

#[test]
fn the_oldest_go_first_and_those_in_a_journal_stay() {
    let place = Place::new().with(|rules| rules.keep = 2);
    let first = place.put("a1");
    let (second, third) = (place.put("a2"), place.put("a3"));
    assert_eq!(place.names(), [third.name.as_str(), &second.name]);
    assert_eq!(*place.heard.borrow(), [format!("billing.prod: removed an old backup: {}", first.name)]);
    let except = [second.path.clone()];
    let wish = Wish { target: "billing.prod", run: "r2", reason: "migrate", heads: &[], except: &except };
    let fourth = place.put_wished(&wish, "4").unwrap();
    let fifth = place.put_wished(&wish, "5").unwrap();
    assert_eq!(place.names(), [fifth.name.as_str(), &fourth.name, &second.name]);
}

#[test]
fn the_only_good_one_stays_whatever_the_rules_say() {
    let place = Place::new().with(|rules| (rules.keep, rules.max_bytes) = (0, Some(1)));
    let first = place.put("a1");
    assert_eq!(place.names(), [first.name.as_str()]);
    let failed = place.watched(|watch| {
        let wish = Wish { target: "billing.prod", run: "r2", reason: "migrate", heads: &[], except: &[] };
        place.store.put(&of(), &wish, watch, &mut |_| Err(Error::failed("no")))
    });
    assert_eq!(failed.unwrap_err().to_string(), "no");
    assert_eq!(place.names(), [first.name.as_str()]);
    let second = place.put("a2");
    assert_eq!(place.names(), [second.name.as_str()]);
}

#[test]
fn a_broken_newer_one_does_not_make_the_good_one_superfluous() {
    let place = Place::new().with(|rules| rules.keep = 2);
    let [oldest, good, cut] = ["a1", "a2", "a3"].map(|head| place.put(head));
    assert!(!oldest.path.exists());
    fs::write(&cut.path, "cut").unwrap();
    let place = place.with(|rules| rules.keep = 1);
    place.watched(|watch| place.store.prune("billing.prod", &[], watch));
    assert_eq!(place.names(), [good.name.as_str()]);
    assert_eq!(place.store.entries("billing.prod").len(), 2);
    let newest = place.put("a4");
    assert_eq!(place.store.entries("billing.prod"), [Entry::Good(newest)]);
}

#[test]
fn bytes_are_counted_too() {
    let place = Place::new().with(|rules| rules.max_bytes = Some(40));
    let names: Vec<String> = ["a1", "a2", "a3", "a4"].map(|head| place.put(head).name).into();
    assert_eq!(place.names(), [names[3].as_str(), &names[2], &names[1]]);
}

#[test]
fn what_fails_leaves_nothing() {
    let place = Place::new();
    for command in ["echo no key >&2; exit 3", "true", "head -c 3; kill -9 $$", "no-such-program"] {
        let place = Place::new().with(|rules| rules.pipe = Some(command.into()));
        let error = place.put_at("a1", "text").unwrap_err();
        assert_eq!(error.code(), 5);
        assert_eq!(place.files(), Vec::<PathBuf>::new(), "{command}");
        if command.starts_with("echo") {
            assert_eq!(error.to_string(), "`backup.pipe` ended with code 3\nno key");
        }
    }
    let wish = Wish { target: "billing.prod", run: "r1", reason: "manual", heads: &[], except: &[] };
    let half = place.watched(|watch| {
        place.store.put(&of(), &wish, watch, &mut |path| {
            write(path, "half")?;
            write(&path.with_extension("db-journal"), "half")?;
            Err(Error::failed("no room"))
        })
    });
    assert_eq!((half.unwrap_err().to_string().as_str(), place.files().len()), ("no room", 0));
    let full = place.watched(|watch| place.store.put(&Of { size: u64::MAX, ..of() }, &wish, watch, &mut |_| Ok(())));
    assert_eq!((full.unwrap_err().code(), place.files().len()), (5, 0));
}

#[test]
fn a_piped_backup_is_never_there_in_plain() {
    let place = Place::new().with(|rules| rules.pipe = Some("tr a-z n-za-m; ls -d $PWD/.shed >/dev/null".into()));
    let backup = place.put_at("a1", "secret").unwrap();
    assert_eq!(fs::read_to_string(&backup.path).unwrap(), "frperg");
    assert!(backup.metadata.piped && !place.store.can_open(&backup));
    assert_eq!((place.files().len(), mode(&backup.path)), (2, 0o600));
    place.store.check_stored(&backup).unwrap();
}

#[test]
fn what_a_killed_run_left_does_not_count_and_is_swept() {
    let place = Place::new();
    let good = place.put("a1");
    let folder = place.store.folder("billing.prod");
    // Killed between the two renames: the bytes have their name, the metadata is still aside.
    let name = "20260101T000000.000Z-a0";
    let orphan = folder.join(format!("{name}.db"));
    fs::write(&orphan, "orphan").unwrap();
    let own = Process::own();
    let aside = Aside::in_folder_of(&folder, &Process { started: own.started + 1, ..own }).unwrap().keep();
    let metadata = super::Metadata { file: format!("{name}.db"), ..*good.metadata.clone() };
    fs::write(aside.join("metadata.json"), serde_json::to_vec(&metadata).unwrap()).unwrap();
    assert_eq!(place.names(), [good.name.as_str()]);
    let broken = Entry::Broken { name: name.into(), files: vec![orphan], reason: "it has no metadata".into() };
    assert_eq!(place.store.entries("billing.prod"), [Entry::Good(good.clone()), broken]);
    super::aside::sweep(&folder);
    assert_eq!(place.store.entries("billing.prod"), [Entry::Good(good)]);
    assert!(!aside.exists());
}

#[test]
fn a_cut_a_flipped_and_a_foreign_backup_are_refused() {
    let place = Place::new();
    let backup = place.put("a1");
    let said = |place: &Place| match &place.store.entries("billing.prod")[..] {
        [Entry::Broken { reason, .. }] => reason.clone(),
        other => panic!("{other:?}"),
    };
    let text = fs::read(&backup.path).unwrap();
    let mut flipped = text.clone();
    flipped[3] ^= 1;
    fs::write(&backup.path, &flipped).unwrap();
    let error = place.store.check_stored(&backup).unwrap_err();
    assert!(error.to_string().contains("is not what was written: its SHA-256 differs"), "{error}");
    fs::write(&backup.path, &text[..5]).unwrap();
    assert_eq!(said(&place), "it has 5 bytes; 13 were written");
    fs::remove_file(&backup.path).unwrap();
    assert!(said(&place).ends_with(".db is gone"));
    let metadata = super::find::metadata_of(&backup.path);
    let foreign = fs::read_to_string(&metadata).unwrap();
    for (from, to, reason) in [
        ("\"version\": 1", "\"version\": 2", "its metadata has version 2: a later shed wrote it"),
        ("\"file\": \"", "\"file\": \"../../", "its metadata is that of ../../"),
        ("{", "", "its metadata cannot be read: "),
    ] {
        fs::write(&metadata, foreign.replacen(from, to, 1)).unwrap();
        assert!(said(&place).starts_with(reason), "{}", said(&place));
    }
    let error = place.store.find("billing.prod", None, Path::new("/")).unwrap_err();
    assert!(error.to_string().starts_with("billing.prod has no backup in "), "{error}");
}

#[test]
fn a_word_means_one_backup_or_says_why_not() {
    let place = Place::new();
    let (old, new) = (place.put("a1b2"), place.put("a1b2"));
    let (other, base) = (place.put("a1ff"), place.put(""));
    let find = |word: &str| place.store.find("billing.prod", Some(word), place.folder.path());
    let found = |backup: &Backup| Found::Kept(backup.clone());
    assert_eq!(find("a1b").unwrap(), found(&new));
    assert_eq!(find("base").unwrap(), found(&base));
    assert_eq!(find(&old.name).unwrap(), found(&old));
    assert_eq!(find(&format!("{}.db", old.name)).unwrap(), found(&old));
    assert_eq!(find(&other.path.display().to_string()).unwrap(), found(&other));
    assert_eq!(
        find("a1").unwrap_err().to_string(),
        format!(
            "`a1` means several backups of billing.prod\n  {}\n  {}\n  {}\nhelp: write more of the name",
            other.name, new.name, old.name
        )
    );
    assert_eq!(find("zz").unwrap_err().code(), 2);
    fs::write(place.folder.path().join("mine.db"), "x").unwrap();
    assert_eq!(find("mine.db").unwrap(), Found::Stray(place.folder.path().join("mine.db")));
    assert_eq!(find("./no.db").unwrap_err().code(), 2);
}

#[test]
fn a_folder_that_cannot_be_written_to_is_named() {
    let place = Place::new().with(|rules| rules.location = "/proc/backups".into());
    let error = place.put_at("a1", "x").unwrap_err();
    assert_eq!(error.code(), 3);
    assert!(
        error.to_string().starts_with("could not write to the backup folder /proc/backups/billing.prod: "),
        "{error}"
    );
    let place = Place::new();
    let folder = place.store.folder("billing.prod");
    fs::create_dir_all(&folder).unwrap();
    fs::set_permissions(&folder, PermissionsExt::from_mode(0o777)).unwrap();
    let error = place.put_at("a1", "x").unwrap_err();
    assert!(error.to_string().starts_with("others may write to the backup folder "), "{error}");
}
