//! The floors of src: a file uses only what stands below it, and says in its first line what it is for.

use std::path::{Path, PathBuf};

/// From the top down; rooms of one floor may use each other.
const FLOORS: &[&[&str]] = &[
    &["main"],
    &["cli"],
    &["commands"],
    &["output"],
    &["fleet"],
    &["alembic"],
    &["adopt"],
    &["revisions"],
    &["engine"],
    &["lint"],
    &["render"],
    &["settings"],
    &["process"],
    &["keep", "secret", "environment", "failpoint", "error"],
];

#[test]
fn a_file_uses_only_what_stands_below_it() {
    let offences: Vec<_> = sources().iter().flat_map(|(path, text)| offences(path, text)).collect();
    assert!(offences.is_empty(), "{}", offences.join("\n"));
}

#[test]
fn a_file_says_in_its_first_line_what_it_is_for() {
    let silent = |text: &str| !text.starts_with("//! ");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = sources();
    files.extend(rust_files(&root.join("tests")));
    let silent: Vec<_> = files.iter().filter(|(_, text)| silent(text)).map(|(path, _)| path.display()).collect();
    assert!(silent.is_empty(), "these do not begin with //! and what they are for: {silent:?}");
}

#[test]
fn an_upward_use_is_named() {
    let one = |path: &str, text: &str| offences(Path::new(path), text);
    assert_eq!(one("src/process.rs", "use crate::cli::Cli;"), ["src/process.rs uses `cli`, which lies above it"]);
    assert_eq!(
        one("src/settings/read.rs", "fn f() { crate::render::g() }"),
        ["src/settings/read.rs uses `render`, which lies above it"]
    );
    assert_eq!(
        one("src/error.rs", "use crate::{secret::Secret, process};"),
        ["src/error.rs uses `process`, which lies above it"]
    );
    assert_eq!(one("src/process.rs", "use super::settings;"), ["src/process.rs uses `settings`, which lies above it"]);
    assert_eq!(one("src/commands/show.rs", "use super::Report; use crate::settings::Settings; // crate::cli"), [""; 0]);
    assert_eq!(
        one("src/new.rs", "use crate::error::Error;"),
        ["src/new.rs stands on no floor: name it in tests/it/floors.rs"]
    );
}

/// What a file uses from above.
fn offences(path: &Path, text: &str) -> Vec<String> {
    let shown = path.display();
    let Some(own) = floor(&room(path)) else {
        return vec![format!("{shown} stands on no floor: name it in tests/it/floors.rs")];
    };
    let above = |used: &String| floor(used).is_some_and(|floor| floor < own);
    let mut used: Vec<_> = uses(path, text).into_iter().filter(above).collect();
    used.sort();
    used.dedup();
    used.iter().map(|used| format!("{shown} uses `{used}`, which lies above it")).collect()
}

fn floor(room: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&room))
}

/// The module right under src that a file belongs to.
fn room(path: &Path) -> String {
    let below = path.strip_prefix("src").unwrap();
    let first = below.components().next().unwrap().as_os_str().to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

/// The modules right under src that a file names: `crate::x`, `crate::{x, y::z}`, and `super::x` where super is the crate.
fn uses(path: &Path, text: &str) -> Vec<String> {
    let code: String = text.lines().map(|line| line.split("//").next().unwrap()).collect::<Vec<_>>().join("\n");
    let super_is_crate = path.components().count() == 2 || (path.ends_with("mod.rs") && path.components().count() == 3);
    let mut roots = vec!["crate::"];
    if super_is_crate && !code.contains("mod tests") {
        roots.push("super::");
    }
    roots
        .iter()
        .flat_map(|root| code.match_indices(root).map(|(at, _)| &code[at + root.len()..]))
        .flat_map(names)
        .collect()
}

/// The first name of a path, or of each path within braces.
fn names(rest: &str) -> Vec<String> {
    let name =
        |text: &str| text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let Some(group) = rest.strip_prefix('{') else {
        return vec![name(rest)];
    };
    let (mut depth, mut found, mut start) = (0, Vec::new(), 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                found.push(name(&group[start..at]));
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                found.push(name(&group[start..at]));
                start = at + 1;
            }
            _ => {}
        }
    }
    found
}

fn sources() -> Vec<(PathBuf, String)> {
    let files = rust_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    assert!(!files.is_empty());
    files
}

/// The Rust files below a folder, by their paths from the repository.
fn rust_files(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            files.push((path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().to_path_buf(), text));
        }
    }
    files
}
