//! What a picture shows, and what it passes over.

use super::*;

fn of(aspect: Aspect, path: &Path) -> Option<[u8; 32]> {
    Pictures::default().of(aspect, path).map(|picture| picture.digest)
}

#[test]
fn a_tree_goes_by_names_and_contents_and_passes_over_caches_and_environments() {
    let root = tempfile::tempdir().unwrap();
    let at = |path: &str| root.path().join(path);
    let put = |path: &str, text: &str| {
        fs::create_dir_all(at(path).parent().unwrap()).unwrap();
        fs::write(at(path), text).unwrap();
    };
    put("a/x.py", "1");
    let mut seen = vec![of(Aspect::Tree, root.path())];
    let mut is_new = |is: bool, what: &str| {
        let now = of(Aspect::Tree, root.path());
        assert_eq!(!seen.contains(&now), is, "{what}");
        seen.push(now);
    };
    put("a/x.py", "2");
    is_new(true, "a content");
    put("a/y.csv", "");
    is_new(true, "a new file");
    fs::rename(at("a/y.csv"), at("a/z.csv")).unwrap();
    is_new(true, "another name");
    fs::create_dir(at("a/empty")).unwrap();
    is_new(true, "an empty folder");
    std::os::unix::fs::symlink("x.py", at("a/link.py")).unwrap();
    is_new(true, "a link");
    for path in ["a/__pycache__/x.pyc", ".git/HEAD", ".shed/x", ".mypy_cache/x"] {
        put(path, "x");
    }
    is_new(false, "caches");
    put("venv/pyvenv.cfg", "");
    is_new(true, "an environment");
    put("venv/lib/x.py", "");
    is_new(false, "what is in an environment");
}

#[test]
fn links_in_a_circle_end() {
    let root = tempfile::tempdir().unwrap();
    for (name, to) in [("self", "self"), ("here", "."), ("one", "two"), ("two", "one"), ("nowhere", "gone")] {
        std::os::unix::fs::symlink(to, root.path().join(name)).unwrap();
    }
    assert!(of(Aspect::Tree, root.path()).is_some());
}

#[test]
fn imports_go_by_modules_and_distributions_and_not_by_other_files() {
    let root = tempfile::tempdir().unwrap();
    let put = |path: &str, text: &str| {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    put("a.py", "");
    put("x-1.dist-info/METADATA", "1");
    let first = of(Aspect::Imports, root.path());
    put("app.db-journal", "");
    put("a.py", "changed");
    assert_eq!(of(Aspect::Imports, root.path()), first);
    put("x-1.dist-info/METADATA", "12");
    let second = of(Aspect::Imports, root.path());
    put("b/__init__.py", "");
    let third = of(Aspect::Imports, root.path());
    put("c.pth", "/elsewhere");
    let fourth = of(Aspect::Imports, root.path());
    put("c.pth", "/somewhere");
    let all = BTreeSet::from([first, second, third, fourth, of(Aspect::Imports, root.path())]);
    assert_eq!(all.len(), 5);
}

#[test]
fn what_is_not_there_has_a_picture_and_what_cannot_be_read_has_none() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("x");
    let absent = of(Aspect::File, &file);
    assert!(absent.is_some());
    fs::write(&file, "").unwrap();
    assert_ne!(of(Aspect::File, &file), absent);
    assert_eq!(of(Aspect::File, root.path()), None);
}

#[test]
fn a_picture_is_taken_once_and_databases_are_no_part_of_it() {
    let root = tempfile::tempdir().unwrap();
    let pictures = Pictures::without([root.path().join("x.db")]);
    let first = pictures.of(Aspect::Tree, root.path());
    fs::write(root.path().join("new.py"), "").unwrap();
    assert_eq!(pictures.of(Aspect::Tree, root.path()), first);
    fs::remove_file(root.path().join("new.py")).unwrap();
    fs::write(root.path().join("x.db"), "").unwrap();
    assert_ne!(of(Aspect::Tree, root.path()), first.map(|picture| picture.digest));
    let again = Pictures::without([root.path().join("x.db")]);
    assert_eq!(again.of(Aspect::Tree, root.path()).map(|picture| picture.digest), first.map(|picture| picture.digest));
}
