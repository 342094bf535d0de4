//! Changes that are refused, and how the file is written.

use std::os::unix::fs::PermissionsExt;

use super::Repo;
use super::saving::{SMALL, remove, set};

#[test]
fn a_change_that_would_be_wrong_is_refused_with_its_place() {
    assert_eq!(
        set(SMALL, "projects.billing.auto_discovery", "yes"),
        "shed.yaml:12:25: `auto_discovery` must be true or false, not `yes`
  12 |         auto_discovery: yes
     |                         ^^^
help: write `true`, without quotes"
    );
    assert_eq!(
        set(SMALL, "projects..x", "x"),
        "`projects..x` is no path of keys\nhelp: write keys with dots between them: projects.billing.db.prod.protected"
    );
    assert_eq!(
        set(SMALL, "projects.billing.module", "[x].py"),
        "VALUE:1:4: not valid YAML: did not find expected <document start>
  1 | [x].py
    |    ^
help: if you mean the text, put it in quotes: \"[x].py\""
    );
    assert_eq!(
        remove("projects: {}\n", "projects"),
        "shed.yaml:1:1: `projects` is the only key of the settings
  1 | projects: {}
    | ^^^^^^^^
help: by hand: take it out"
    );
}

#[test]
fn what_an_alias_shares_is_left_to_a_person() {
    let text = "projects:\n  a: &a\n    module: a.py\n    versions: v\n  b: {<<: *a, versions: w}\n  c: *a\n";
    let text = text.replace("  c: *a\n", "");
    let shared = "this is laid out, or shared by an alias, so that shed cannot change it safely";
    assert_eq!(
        set(&text, "projects.a.module", "b.py"),
        format!(
            "shed.yaml:3:5: {shared}\n  3 |     module: a.py\n    |     ^^^^^^\nhelp: by hand: write `module: b.py`"
        )
    );
    assert_eq!(
        remove(&text, "projects.a"),
        format!("shed.yaml:2:3: {shared}\n  2 |   a: &a\n    |   ^\nhelp: by hand: take it out")
    );
    assert_eq!(
        set(&text, "projects.b.module", "b.py"),
        "5-  b: {<<: *a, versions: w}\n5+  b: {<<: *a, versions: w, module: b.py}\n"
    );
    let alias = "projects:\n  a:\n    versions: v\n    env: &e {X: y}\n  b:\n    versions: w\n    env: *e\n";
    assert_eq!(
        set(alias, "projects.b.env.X", "z"),
        "shed.yaml:7:10: `env` is an alias: a change there would change another place too
  7 |     env: *e
    |          ^^
help: by hand: write `X: z`"
    );
}

#[test]
fn a_file_that_changed_meanwhile_is_not_overwritten() {
    let repo = Repo::new(SMALL);
    let mut settings = repo.read().unwrap();
    let edit = settings.set("projects.billing.setup", "a:b").unwrap();
    let stale = settings.set("projects.billing.setup", "c:d").unwrap();
    std::fs::write(repo.folder().join("shed.yaml"), format!("{SMALL}# mine\n")).unwrap();
    let expected = "shed.yaml changed since it was read\nhelp: look at it and try again";
    assert_eq!(settings.save(edit).unwrap_err().to_string(), expected);
    assert_eq!(repo.text(), format!("{SMALL}# mine\n"));
    std::fs::write(repo.folder().join("shed.yaml"), SMALL).unwrap();
    let edit = settings.set("projects.billing.setup", "e:f").unwrap();
    settings.save(edit).unwrap();
    assert_eq!(settings.projects().unwrap()["billing"].setup.as_deref(), Some("e:f"));
    assert_eq!(settings.save(stale).unwrap_err().to_string(), expected);
}

#[test]
fn mode_link_and_byte_order_mark_stay_and_nothing_is_left_behind() {
    let repo = Repo::new("");
    let target = repo.folder().join("real.yaml");
    std::fs::write(&target, "\u{feff}projects:\r\n  a: {versions: v}\r\n").unwrap();
    std::fs::set_permissions(&target, std::fs::Permissions::from_mode(0o640)).unwrap();
    std::fs::remove_file(repo.folder().join("shed.yaml")).unwrap();
    std::os::unix::fs::symlink("real.yaml", repo.folder().join("shed.yaml")).unwrap();
    let mut settings = repo.read().unwrap();
    let edit = settings.set("projects.a.setup", "x").unwrap();
    settings.save(edit).unwrap();
    assert_eq!(std::fs::read_to_string(&target).unwrap(), "\u{feff}projects:\r\n  a: {versions: v, setup: x}\r\n");
    assert_eq!(std::fs::metadata(&target).unwrap().permissions().mode() & 0o7777, 0o640);
    assert!(std::fs::symlink_metadata(repo.folder().join("shed.yaml")).unwrap().is_symlink());
    assert_eq!(std::fs::read_dir(repo.folder()).unwrap().count(), 2);
}
