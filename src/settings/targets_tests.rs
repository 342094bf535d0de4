//! Each rule of finding targets.

use super::*;
use crate::environment::Environment;

const THREE: &str = "
development:
  db:
    scratch: { type: sqlite, connection: { db_path: dev } }
projects:
  billing:
    module: services/billing/billing/models.py
    db:
      staging: { type: sqlite, default: true, connection: { db_path: b.db } }
      prod: { type: sqlite, connection: { db_path: p.db } }
  catalog:
    module: services/catalog/models.py
    db:
      staging: { type: sqlite, connection: { db_path: c.db } }
  ledger:
    module: services/ledger/models.py
    db:
      one: { type: sqlite, connection: { db_path: l1.db } }
      two: { type: sqlite, connection: { db_path: l2.db } }
";

struct House {
    folder: tempfile::TempDir,
    settings: Settings,
}

fn house(text: &str) -> House {
    let folder = tempfile::tempdir().unwrap();
    for service in ["billing/billing", "catalog", "ledger"] {
        std::fs::create_dir_all(folder.path().join("services").join(service)).unwrap();
    }
    let path = folder.path().join("shed.yaml");
    std::fs::write(&path, text).unwrap();
    let settings = Settings::read(&path, &Environment::of(&[], folder.path())).unwrap();
    House { folder, settings }
}

impl House {
    fn select(&self, word: Option<&str>, database: bool, without: Without, at: &str) -> Result<Selected> {
        let working_dir = self.folder.path().join(at);
        select(&self.settings, &Wanted { word, all: false, database, without, working_dir: &working_dir })
    }

    /// The names that a word selects, or the words of the error.
    fn names(&self, word: Option<&str>, database: bool, without: Without, at: &str) -> String {
        match self.select(word, database, without, at) {
            Ok(Selected::One(target)) => target.name(),
            Ok(Selected::Several(targets)) => joined(&targets),
            Ok(Selected::Unclear { why, among }) => format!("{why}: {}", joined(&among)),
            Err(error) => error.to_string(),
        }
    }

    fn named(&self, word: &str) -> String {
        self.names(Some(word), true, Without::Chooses, ".")
    }
}

fn joined(targets: &[Target]) -> String {
    targets.iter().map(Target::name).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_full_name_is_a_database() {
    assert_eq!(house(THREE).named("billing.prod"), "billing.prod");
}

#[test]
fn a_project_means_its_default_or_its_only_database() {
    let house = house(THREE);
    assert_eq!((house.named("billing"), house.named("catalog")), ("billing.staging".into(), "catalog.staging".into()));
}

#[test]
fn a_project_with_several_databases_and_no_default_is_unclear() {
    let said = house(THREE).named("ledger");
    assert_eq!(said, "project ledger has 2 databases and none is marked `default: true`: ledger.one ledger.two");
}

#[test]
fn commands_about_files_need_no_database() {
    let house = house(THREE);
    assert_eq!(house.names(Some("ledger"), false, Without::TakesAll, "."), "ledger");
    assert_eq!(house.names(Some("*"), false, Without::TakesAll, "."), "billing.staging catalog.staging ledger");
}

#[test]
fn patterns_select_several_in_the_order_of_the_settings() {
    let house = house(THREE);
    assert_eq!(house.named("billing.*"), "billing.staging billing.prod");
    assert_eq!(house.named("*.staging"), "billing.staging catalog.staging");
    assert_eq!(
        house.named("*.nothing"),
        "no target matches `*.nothing`\nhelp: the targets are billing.staging, billing.prod, catalog.staging, ledger.one, ledger.two"
    );
}

#[test]
fn an_unknown_name_gets_the_nearest_ones() {
    let house = house(THREE);
    assert_eq!(house.named("biling"), "no project is named `biling`\nhelp: did you mean `billing`?");
    assert_eq!(house.named("billing.pord"), "no database is named `billing.pord`\nhelp: did you mean `billing.prod`?");
}

#[test]
fn the_working_directory_names_the_project() {
    let house = house(THREE);
    for at in ["services/billing/billing", "services/billing"] {
        assert_eq!(house.names(None, true, Without::Chooses, at), "billing.staging", "{at}");
    }
    assert_eq!(house.names(None, true, Without::Chooses, "services/catalog"), "catalog.staging");
}

#[test]
fn at_the_root_reading_takes_all_and_writing_asks() {
    let house = house(THREE);
    let all = "billing.staging billing.prod catalog.staging ledger.one ledger.two";
    assert_eq!(house.names(None, true, Without::TakesAll, "."), all);
    let said = house.names(None, true, Without::Chooses, "services");
    assert!(said.ends_with(&format!("lists 3 projects and none was named: {all}")), "{said}");
}

#[test]
fn dangerous_commands_never_infer() {
    let said = house(THREE).names(None, true, Without::Refuses, "services/catalog");
    assert_eq!(said, "this command needs a target\nhelp: name it: PROJECT.DATABASE");
}

#[test]
fn the_only_project_needs_no_name() {
    let one = "projects: { solo: { module: m.py, db: { main: { type: sqlite, connection: { db_path: a.db } } } } }\n";
    assert_eq!(house(one).names(None, true, Without::Chooses, "."), "solo.main");
}

#[test]
fn a_development_server_is_found_with_the_name_on_it() {
    let house = house(THREE);
    let found = |word| development(&house.settings, word);
    let (server, name) = found("development.scratch/x").unwrap().unwrap();
    assert_eq!((server.name.as_str(), name), ("scratch", Some("x")));
    assert_eq!(found("development.scratch").unwrap().unwrap().1, None);
    let said = found("development.scrach").unwrap().err().unwrap().to_string();
    assert_eq!(said, "no development server is named `development.scrach`\nhelp: did you mean `development.scratch`?");
    assert!(found("billing").is_none());
}

#[test]
fn a_star_stands_for_any_run_of_characters() {
    assert!(matches("*", "x") && matches("a*c", "abbc") && matches("*-eu", "prod-eu") && !matches("a*", "ba"));
}
