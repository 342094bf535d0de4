//! Which projects and databases a command means.

use crate::cluster::cluster;
use crate::repo::Repo;

const MODELS: &str = "import sqlalchemy as sa\nmetadata = sa.MetaData()\n";

/// Two projects: `billing` with two databases, `catalog` with one; a revision each.
fn two_projects() -> Repo {
    let repo = Repo::new()
        .settings(
            "projects:
  billing:
    module: services/billing/models.py
    db:
      staging: { connection: { db_path: data/staging.db } }
      prod: { protected: true, connection: { db_path: data/prod.db } }
  catalog:
    module: services/catalog/models.py
    db:
      local: { connection: { db_path: data/local.db } }
",
        )
        .file("services/billing/models.py", MODELS)
        .file("services/catalog/models.py", MODELS)
        .revision("services/billing/versions", "b1", "", "op.create_table('bill', sa.Column('id', sa.Integer))", "")
        .revision("services/catalog/versions", "c1", "", "op.create_table('cat', sa.Column('id', sa.Integer))", "");
    std::fs::create_dir(repo.path("services/billing/deep")).unwrap();
    repo
}

#[test]
fn a_full_name_is_one_database() {
    let repo = two_projects();
    repo.shed(["migrate", "billing.staging"]).any_stderr().ok();
    assert_eq!(repo.files("data"), ["staging.db"]);
    repo.shed(["current", "billing.staging"]).stdout("b1 (head)\n").any_stderr().ok();
}

#[test]
fn a_project_with_one_database_means_that() {
    let repo = two_projects();
    repo.shed(["migrate", "catalog"]).any_stderr().ok();
    assert_eq!(repo.files("data"), ["local.db"]);
}

#[test]
fn a_project_with_several_and_no_default_is_asked_for_or_refused() {
    let repo = two_projects();
    repo.shed(["migrate", "billing"]).stderr_has("billing.staging").stderr_has("billing.prod").fails(2);
    repo.shed(["heads", "billing"]).stdout("b1 (head)\n").ok();
    repo.shed(["revision", "billing", "-m", "x", "--rev-id", "b2"]).any_stdout().any_stderr().ok();
    assert!(!repo.path("data").exists());
    repo.shed_on_terminal(["migrate", "billing"], &[("which one", "1\n")]).any_stdout().ok();
    assert_eq!(repo.files("data"), ["staging.db"]);
}

#[test]
fn the_default_database_is_the_project_s() {
    let repo = two_projects();
    repo.write("shed.yaml", &repo.read("shed.yaml").replace("staging: {", "staging: { default: true,"));
    repo.shed(["migrate", "billing"]).any_stderr().ok();
    assert_eq!(repo.files("data"), ["staging.db"]);
}

#[test]
fn without_a_target_the_folder_tells_the_project() {
    let repo = two_projects();
    repo.shed(["heads"]).dir(repo.path("services/catalog")).stdout("c1 (head)\n").ok();
    repo.shed(["heads"]).dir(repo.path("services/billing/deep")).stdout("b1 (head)\n").ok();
    repo.shed(["migrate"]).dir(repo.path("services/catalog")).any_stderr().ok();
    assert_eq!(repo.files("data"), ["local.db"]);
}

#[test]
fn without_a_target_at_the_root_reading_takes_all_and_writing_is_refused() {
    let repo = two_projects();
    repo.shed(["heads"]).stdout_has("b1").stdout_has("c1").any_stderr().ok();
    repo.shed(["current"]).any_stdout().any_stderr().ok();
    repo.shed(["migrate"]).stderr_has("billing.staging").stderr_has("catalog.local").fails(2);
    repo.shed(["revision", "-m", "x"]).any_stderr().fails(2);
    assert!(!repo.path("data").exists());
}

#[test]
fn patterns_and_all_skip_protected_databases_when_writing() {
    let repo = two_projects();
    repo.shed(["migrate", "*.staging"]).any_stderr().any_stdout().ok();
    assert_eq!(repo.files("data"), ["staging.db"]);
    repo.shed(["migrate", "--all"]).stderr_has("billing.prod").any_stdout().ok();
    assert_eq!(repo.files("data"), ["local.db", "staging.db"]);
    repo.shed(["migrate", "billing.*", "--yes-i-mean", "billing.prod"]).any_stderr().any_stdout().ok();
    assert_eq!(repo.files("data"), ["local.db", "prod.db", "staging.db"]);
    repo.shed(["migrate", "*.nothing"]).stderr_has("*.nothing").fails(2);
}

#[test]
fn a_protected_database_needs_its_full_name() {
    let repo = two_projects();
    repo.shed(["migrate", "billing.prod"]).stderr_has("--yes-i-mean billing.prod").fails(2);
    repo.shed(["migrate", "billing.prod", "--yes"]).stderr_has("--yes-i-mean billing.prod").fails(2);
    repo.shed(["alembic", "billing.prod", "--", "upgrade", "head"]).stderr_has("--yes-i-mean billing.prod").fails(2);
    assert!(!repo.path("data").exists());
    repo.shed_on_terminal(["migrate", "billing.prod"], &[("billing.prod", "billing.staging\n")]).any_stdout().fails(2);
    repo.shed_on_terminal(["migrate", "billing.prod"], &[("billing.prod", "billing.prod\n")]).any_stdout().ok();
    assert_eq!(repo.files("data"), ["prod.db"]);
}

#[test]
fn a_protected_database_is_known_where_the_environment_leads_to_it() {
    let repo = Repo::new();
    let prod = "{ type: postgres, db_name: b, protected: true, connection: { host: db.internal, port: 5499 } }";
    let open = "{ type: postgres, db_name: b }";
    repo.write(
        "shed.yaml",
        &format!("projects:\n  p:\n    versions: v\n    db:\n      prod: {prod}\n      open: {open}\n"),
    );
    let stamp = repo.shed(["stamp", "p.open", "base"]).env("PGHOST", "db.internal").env("PGPORT", "5499");
    stamp.stderr("error: p.prod is protected\nhelp: add --yes-i-mean p.prod\n").fails(2);
    let targets = repo.shed(["targets"]).env("PGHOST", "db.internal").env("PGPORT", "5499");
    targets.stdout("p.prod  postgres db.internal:5499/b (protected)\np.open  postgres db.internal:5499/b\n").ok();
}

#[test]
fn a_url_replaces_the_connection_of_one_target() {
    let repo = two_projects();
    let url = format!("sqlite:///{}", repo.path("data/other.db").display());
    repo.shed(["migrate", "catalog", "--database-url", &url]).stderr_has("replaced").ok();
    assert_eq!(repo.files("data"), ["other.db"]);
    repo.shed(["current", "catalog"]).env("SHED_DATABASE_URL", &url).stdout("c1 (head)\n").stderr_has("replaced").ok();
    repo.shed(["migrate", "--all", "--database-url", &url]).any_stderr().fails(2);
    let database = cluster().database();
    repo.shed(["migrate", "catalog", "--database-url", &database.url()]).any_stderr().ok();
    assert_eq!(database.revisions(), ["c1"]);
}

#[test]
fn a_development_server_holds_copies_that_are_made_on_request() {
    let repo = two_projects();
    repo.write(
        "shed.yaml",
        &(repo.read("shed.yaml")
            + "development:\n  db:\n    scratch: { type: sqlite, connection: { db_path: .shed/dev } }\n"),
    );
    let on = ["migrate", "catalog", "--on", "development.scratch/try"];
    repo.shed(on).stderr_has("--create").fails(4);
    repo.shed_on_terminal(on, &[("[", "n\n")]).any_stdout().fails(4);
    repo.shed(on.into_iter().chain(["--create"])).any_stderr().ok();
    assert_eq!(repo.sqlite(".shed/dev/try.db").revisions(), ["c1"]);
    assert!(!repo.path("data").exists());
}

#[test]
fn a_target_wins_over_a_revision_of_the_same_name_and_revision_says_it_outright() {
    let repo = two_projects().revision("services/catalog/versions", "catalog", "c1", "", "");
    repo.shed(["migrate", "catalog", "c1"]).any_stderr().ok();
    assert_eq!(repo.sqlite("data/local.db").revisions(), ["c1"]);
    repo.shed(["migrate", "catalog"]).any_stderr().ok();
    assert_eq!(repo.sqlite("data/local.db").revisions(), ["catalog"]);
    repo.shed(["show", "--revision", "catalog"])
        .dir(repo.path("services/catalog"))
        .stdout_has("Rev: catalog (head)")
        .any_stderr()
        .ok();
}

#[test]
fn targets_are_listed_for_people_and_machines() {
    let repo = two_projects();
    repo.shed(["targets"]).stdout_has("billing.staging").stdout_has("billing.prod").stdout_has("catalog.local").ok();
    let said = repo.shed(["targets", "--format", "json"]).any_stdout().ok();
    let json: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    assert!(json.to_string().contains("billing.prod"), "{json}");
}
