//! The settings file through the program: path, show, check, schema, set, add, remove, and init.

use crate::app::App;
use crate::repo::Repo;

const COMMENTED: &str = "# my own words\nprojects:\n  app: # here too\n    module:   'app/models.py'   # odd spaces stay\n    db:\n      main: { connection: { db_path: \"a.db\" } }\n\n# the end\n";

#[test]
fn the_path_and_the_check_name_the_file() {
    let repo = Repo::new().settings(COMMENTED);
    repo.shed(["settings", "path"]).stdout("$REPO/shed.yaml\n").ok();
    repo.shed(["settings", "check"]).any_stdout().any_stderr().ok();
    repo.shed(["settings", "path"]).env_remove("SHED_SETTINGS").dir(repo.path("")).stdout("$REPO/shed.yaml\n").ok();
    repo.shed(["--settings", "nowhere.yaml", "settings", "check"]).stderr_has("nowhere.yaml").fails(2);
}

#[test]
fn the_schema_is_json() {
    let said = Repo::new().shed(["settings", "schema"]).any_stdout().ok();
    let schema: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    assert!(schema["properties"]["projects"].is_object(), "{schema}");
}

#[test]
fn saving_touches_only_the_lines_that_it_must() {
    let repo = Repo::new().settings(COMMENTED);
    repo.shed(["settings", "set", "projects.app.module", "other/models.py"]).any_stdout().any_stderr().ok();
    let after = repo.read("shed.yaml");
    let changed: Vec<_> = COMMENTED.lines().zip(after.lines()).filter(|(before, after)| before != after).collect();
    assert_eq!(changed.len(), 1, "{after}");
    assert!(changed[0].1.contains("other/models.py") && changed[0].1.contains("# odd spaces stay"), "{after}");
    repo.shed(["settings", "set", "projects.app.modul", "x"]).stderr_has("module").fails(2);
    assert_eq!(repo.read("shed.yaml"), after);
}

#[test]
fn projects_and_databases_are_added_and_removed() {
    let repo = Repo::new().settings(COMMENTED);
    repo.shed(["settings", "add", "project", "shop", "--module", "shop/models.py"]).any_stdout().any_stderr().ok();
    let database = ["settings", "add", "database", "shop.main", "--type", "sqlite", "--db-path", "s.db"];
    repo.shed(database).any_stdout().any_stderr().ok();
    repo.shed(["targets"]).stdout_has("shop.main").any_stderr().ok();
    assert!(repo.read("shed.yaml").starts_with(COMMENTED.trim_end_matches("\n# the end\n")));
    repo.shed(database).any_stderr().fails(2);
    repo.shed(["settings", "remove", "projects.shop"]).any_stdout().any_stderr().ok();
    assert_eq!(repo.read("shed.yaml"), COMMENTED);
}

#[test]
fn show_hides_every_password() {
    let repo = Repo::new().settings(
        "projects:
  app:
    module: m.py
    db:
      a: { type: postgres, db_name: a, connection: { host: h, password: sesame-1 } }
      b: { type: postgres, connection: { url: \"postgresql://u:sesame-2@h/b\" } }
      c: { type: postgres, db_name: c, connection: { host: h, password: \"${PW}\" } }
",
    );
    let said = repo.shed(["settings", "show"]).env("PW", "sesame-3").any_stdout().any_stderr().ok();
    assert!(!said.stdout.contains("sesame"), "{}", said.stdout);
}

#[test]
fn wrong_files_are_refused_with_their_place() {
    let tab = "projects:\n\tapp: {}\n";
    let twice = "projects:\n  app: {}\n  app: {}\n";
    let space = "projects:\n  'my app': { module: m.py }\n";
    let kind = "projects:\n  app:\n    db: { main: { type: mysql } }\n";
    for (text, place) in [(tab, ":2:"), (twice, ":3:3"), (space, ":2:3"), (kind, ":3:25"), ("- x\n", ":1:1")] {
        let said =
            Repo::new().settings(text).shed(["settings", "check"]).stderr_has("shed.yaml").stderr_has("^").fails(2);
        assert!(said.stderr.contains(place), "{text}{}", said.stderr);
    }
    Repo::new().settings("").shed(["targets"]).any_stderr().fails(2);
    let repo = Repo::new();
    let utf_16: Vec<u8> = COMMENTED.encode_utf16().flat_map(u16::to_le_bytes).collect();
    std::fs::write(repo.path("shed.yaml"), [&[0xff, 0xfe][..], &utf_16].concat()).unwrap();
    repo.shed(["settings", "check"]).stderr_has("UTF").fails(2);
    Repo::new().settings(&format!("\u{feff}{COMMENTED}")).shed(["settings", "check"]).any_stdout().any_stderr().run();
}

#[test]
fn init_begins_the_settings_and_adds_to_them() {
    let repo = Repo::new().file("shop/models.py", "").file("bank/models.py", "");
    let init = |args: &[&str]| {
        repo.shed(["init"].iter().chain(args)).env_remove("SHED_SETTINGS").dir(repo.path("")).any_stdout().any_stderr()
    };
    init(&["shop", "--module", "shop/models.py", "--db", "local", "--type", "sqlite"]).ok();
    assert!(repo.read("shed.yaml").contains("# yaml-language-server: $schema="), "{}", repo.read("shed.yaml"));
    assert!(repo.path("shop/versions").is_dir());
    init(&["bank", "--module", "bank/models.py", "--db", "live", "--type", "postgres"]).ok();
    repo.shed(["settings", "check"]).any_stdout().any_stderr().ok();
    repo.shed(["targets"]).stdout_has("shop.local").stdout_has("bank.live").any_stderr().ok();
    let before = repo.read("shed.yaml");
    init(&["shop", "--module", "other.py"]).fails(2);
    assert_eq!(repo.read("shed.yaml"), before);
}

#[test]
fn doctor_says_what_was_found_and_what_is_missing() {
    for app in App::everywhere() {
        let said = app.shed(["doctor"]).stdout_has("app").stdout_has("lembic").any_stderr().ok();
        assert!(said.stdout.contains("1.20.1") || said.stdout.contains("1.13.0"), "{}", said.stdout);
        assert!(app.db.tables().is_empty() && !app.path("data").exists());
    }
    let app = App::sqlite().keys("python: nowhere");
    app.shed(["doctor"]).stdout_has("nowhere").any_stderr().fails(3);
}

#[test]
fn completions_and_man_pages_are_written() {
    let repo = Repo::new();
    for shell in ["bash", "zsh", "fish"] {
        repo.shed(["completions", shell]).stdout_has("shed").ok();
    }
    repo.shed(["man"]).stdout_has(".TH shed").any_stderr().ok();
}
