//! The help of the program and of every command, compared whole with the files in tests/it/help/.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::call::Output;
use crate::repo::Repo;

#[test]
fn every_help_text_is_as_it_is_written_down() {
    let pages = pages(&Repo::new());
    if std::env::var_os("SHED_TEST_WRITE_HELP").is_some() {
        return write(&pages);
    }
    let written = written();
    let [said, known] = [&pages, &written].map(|pages| pages.keys().collect::<Vec<_>>());
    assert_eq!(said, known, "the commands are others than the files in tests/it/help/; {HINT}");
    for (name, text) in &pages {
        assert_eq!(*text, written[name], "the help in {name}.txt has changed; {HINT}");
    }
}

#[test]
fn every_help_text_says_its_purpose_and_gives_an_example() {
    for (name, text) in pages(&Repo::new()) {
        let purpose = text.lines().next().unwrap_or_default();
        assert!(purpose.contains(' ') && !purpose.starts_with("Usage"), "{name}: {text}");
        let example = text.split_once("Example:\n").map(|(_, example)| example.trim_start()).unwrap_or_default();
        let own = [name.replace('_', " "), name.replace('_', "-").replacen('-', " ", 1)];
        let is_own = own.iter().any(|own| example.starts_with(own)) || OTHERWISE.contains(&name.as_str());
        assert!(is_own && example.contains("shed "), "{name} has no example of its own: {text}");
    }
}

#[test]
fn a_short_flag_an_alias_and_the_help_command_show_the_same_help() {
    let repo = Repo::new();
    let say = |args: &[&str]| repo.shed(args).any_stdout().ok().stdout;
    assert_eq!(say(&["migrate", "--help"]), say(&["upgrade", "--help"]));
    assert_eq!(say(&["new", "--help"]), say(&["revision", "--help"]));
    assert_eq!(say(&["ensure_version", "-h"]), say(&["ensure-version", "--help"]));
    assert_eq!(say(&["list_templates", "-h"]), say(&["list-templates", "-h"]));
    assert_eq!(say(&["help", "settings", "add", "project"]), say(&["settings", "add", "project", "--help"]));
    repo.shed::<&str>([]).stderr(say(&["--help"])).fails(2);
}

const HINT: &str = "SHED_TEST_WRITE_HELP=1 tests/run.sh help writes them anew";
/// Their examples show a command of theirs, another name, or begin in the shell.
const OTHERWISE: [&str; 3] = ["shed", "shed_upgrade", "shed_completions"];

/// The help of the program and of every command that a help text lists, by `shed_settings_add` and the like.
pub fn pages(repo: &Repo) -> BTreeMap<String, String> {
    let mut pages = BTreeMap::new();
    let mut words = vec![Vec::new()];
    while let Some(command) = words.pop() {
        let Output { stdout, .. } = repo.shed(command.iter().chain([&"--help".to_owned()])).any_stdout().ok();
        words.extend(listed(&stdout).into_iter().map(|name| [command.clone(), vec![name]].concat()));
        let name = std::iter::once("shed".to_owned()).chain(command).collect::<Vec<_>>().join("_");
        pages.insert(name, stdout);
    }
    pages
}

/// The names in the list of commands, `help` left out.
fn listed(help: &str) -> Vec<String> {
    let Some((_, rest)) = help.split_once("Commands:\n") else {
        return Vec::new();
    };
    let lines = rest.lines().take_while(|line| !line.is_empty());
    let names = lines.filter(|line| !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/help")
}

fn written() -> BTreeMap<String, String> {
    let files = std::fs::read_dir(folder()).unwrap().flatten().map(|entry| entry.path());
    files
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), std::fs::read_to_string(&path).unwrap()))
        .collect()
}

fn write(pages: &BTreeMap<String, String>) {
    for name in written().keys().filter(|name| !pages.contains_key(*name)) {
        std::fs::remove_file(folder().join(format!("{name}.txt"))).unwrap();
    }
    for (name, text) in pages {
        std::fs::write(folder().join(format!("{name}.txt")), text).unwrap();
    }
}
