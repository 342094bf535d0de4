//! What good settings say.

use std::time::Duration;

use super::{EXAMPLE, Repo};
use crate::settings::{
    Connection, Embedded, Kind, Module, Password, Postgres, Python, Sqlite, SqlitePath, Versions, VersionsEntry,
};

#[test]
fn the_example_of_the_manual_is_read_whole() {
    let repo = Repo::new(EXAMPLE);
    let settings = repo.read().unwrap();
    let root = repo.folder();
    assert_eq!(settings.root(), root);
    assert_eq!(settings.development().keys().collect::<Vec<_>>(), ["scratch", "pglocal", "pgown"]);
    assert_eq!(settings.development()["pgown"].embedded, Some(Embedded { idle: Duration::from_secs(600) }));
    assert_eq!(settings.development()["pglocal"].embedded, None);
    let billing = &settings.projects().unwrap()["billing"];
    assert_eq!(billing.module, [Module::Path(root.join("services/billing/billing/models.py"))]);
    assert_eq!(billing.metadata, ["Base.metadata"]);
    assert_eq!(billing.python, Some(Python::Path(root.join("services/billing/.venv"))));
    assert_eq!(billing.folder, root.join("services/billing/billing"));
    assert_eq!(billing.versions, Versions::Default);
    let versions = root.join("services/billing/billing/versions");
    assert_eq!(billing.versions_for(Kind::Sqlite), [VersionsEntry::Folder(versions)]);
    let staging = &billing.db["staging"];
    assert!(staging.default && !staging.protected);
    let file = SqlitePath::File(root.join("data/billing.db"));
    let expected = Sqlite { path: file, options: [].into(), driver: None };
    assert_eq!(staging.connection, Connection::Sqlite(expected));
    assert_eq!(staging.options.lock.timeout, Duration::from_secs(60));
    let Connection::Postgres(prod) = &billing.db["prod"].connection else { panic!("prod is on PostgreSQL") };
    assert_eq!(prod.database.as_deref(), Some("billing"));
    let options: Vec<(&str, &str)> = prod.options.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(options, [("sslmode", "require"), ("application_name", "shed"), ("connect_timeout", "10")]);
}

#[test]
fn a_missing_variable_is_an_error_only_where_it_is_needed() {
    let repo = Repo::new(EXAMPLE);
    let settings = repo.read().unwrap();
    settings.demand_project("billing").unwrap();
    settings.demand_database("billing", "staging").unwrap();
    settings.demand_development("scratch").unwrap();
    assert_eq!(
        settings.demand_database("billing", "prod").unwrap_err().to_string(),
        "shed.yaml:30:21: the variable BILLING_PASSWORD is not set
  30 |           password: ${BILLING_PASSWORD}          # also password_file, password_command, or pgpass
     |                     ^^^^^^^^^^^^^^^^^^^
help: set it in the environment or in .env beside the settings, or write `${BILLING_PASSWORD:-default}`"
    );
}

#[test]
fn variables_come_from_the_environment_and_then_from_the_env_file() {
    let variables = [("ANALYTICS_URL", "postgresql+asyncpg://me:p%40ss@h:6543/a%20b?sslmode=require")];
    let repo = Repo::with(EXAMPLE.as_bytes(), &variables)
        .file(".env", "BILLING_PASSWORD='p@ss %20'\nANALYTICS_URL=sqlite://\n");
    let settings = repo.read().unwrap();
    settings.demand_database("billing", "prod").unwrap();
    let databases = &settings.projects().unwrap()["billing"].db;
    let Connection::Postgres(prod) = &databases["prod"].connection else { panic!("prod is on PostgreSQL") };
    let Some(Password::Plain(password)) = &prod.password else { panic!("prod has a password") };
    assert_eq!(password.expose(), "p@ss %20");
    let expected = Postgres {
        host: Some("h".to_owned()),
        port: Some(6543),
        user: Some("me".to_owned()),
        password: Some(Password::Plain(crate::secret::Secret::new("p@ss"))),
        database: Some("a b".to_owned()),
        options: [("sslmode".to_owned(), "require".to_owned())].into(),
        driver: Some("asyncpg".to_owned()),
    };
    assert_eq!(databases["analytics"].connection, Connection::Postgres(expected));
    assert_eq!(databases["analytics"].driver.as_deref(), Some("asyncpg"));
}

#[test]
fn later_keys_are_listed_with_their_place() {
    let repo = Repo::new(&EXAMPLE.replace("backup: { keep: 5 }", "lint: {}\n  format: sql"));
    let unused = repo.read().unwrap().unused_keys().unwrap();
    let lines: Vec<String> = unused.iter().map(|key| format!("{}:{} {}", key.line, key.column, key.path)).collect();
    assert_eq!(lines, ["3:3 defaults.lint"]);
}
