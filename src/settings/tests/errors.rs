//! What bad settings are told, compared whole.

use super::Repo;
use crate::environment::Environment;
use crate::settings::Settings;

/// A file of cases: settings, `-----`, the error; `=====` between cases.
#[track_caller]
fn each_is_told(cases: &str) {
    for case in cases.split("=====\n") {
        let (settings, expected) = case.split_once("-----\n").unwrap();
        let settings = settings.replace("<TAB>", "\t").replace("<BOM>", "\u{feff}");
        assert_eq!(
            Repo::new(&settings).error(),
            expected.trim_end_matches('\n'),
            "\n{settings}"
        );
    }
}

#[test]
fn unknown_duplicate_and_misplaced_keys_are_shown() {
    each_is_told(include_str!("errors/keys.txt"));
}

#[test]
fn names_that_cannot_be_and_folders_of_two_projects_are_shown() {
    each_is_told(include_str!("errors/names.txt"));
}

#[test]
fn values_of_a_wrong_type_are_shown() {
    each_is_told(include_str!("errors/values.txt"));
}

#[test]
fn connections_that_cannot_be_are_shown_without_their_passwords() {
    each_is_told(include_str!("errors/connections.txt"));
    assert!(
        !include_str!("errors/connections.txt")
            .split("-----\n")
            .skip(1)
            .any(|told| { told.split("=====").next().unwrap().contains("geheim") || told.starts_with("hunter2") })
    );
}

#[test]
fn what_is_no_yaml_is_shown() {
    each_is_told(include_str!("errors/yaml.txt"));
}

#[test]
fn bytes_that_are_no_utf8_are_shown_with_their_place() {
    let utf16: Vec<u8> = "projects: {}\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let with_bom = [&[0xff, 0xfe], utf16.as_slice()].concat();
    for bytes in [utf16, with_bom] {
        let expected = "shed.yaml:1:1: the file is UTF-16\nhelp: save it as UTF-8";
        assert_eq!(Repo::with(&bytes, &[]).error(), expected);
    }
    let latin1 = b"projects:\n  a: {module: \xfcber.py}\n";
    let expected = "shed.yaml:2:15: byte 0xfc is not UTF-8\nhelp: save the file as UTF-8";
    assert_eq!(Repo::with(latin1, &[]).error(), expected);
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let repo = Repo::new("");
    let read = |name: &str| {
        Settings::read(name.as_ref(), &repo.environment)
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        read("no.yaml"),
        "there is no settings file no.yaml\nhelp: `shed init` writes one"
    );
    std::fs::create_dir(repo.folder().join("folder")).unwrap();
    assert_eq!(
        read("folder"),
        "folder is a folder\nhelp: name the file in it: folder/shed.yaml"
    );
    assert_eq!(
        read("shed.yaml/x"),
        "could not read shed.yaml/x: Not a directory (os error 20)"
    );
    let elsewhere = Environment::of(&[], std::path::Path::new("/"));
    let path = repo.folder().join("no.yaml");
    let error = Settings::read(&path, &elsewhere).unwrap_err().to_string();
    let shown = path.strip_prefix("/").unwrap().display().to_string();
    assert_eq!(
        error,
        format!("there is no settings file {shown}\nhelp: `shed init` writes one")
    );
}
