//! A project of a test whose migrations are SQL files: `app` with the database `app.main`.

use std::ops::Deref;

use crate::cluster::cluster;
use crate::database::Database;
use crate::repo::{OLD, Repo};

pub struct SqlApp {
    repo: Repo,
    pub db: Database,
}

impl SqlApp {
    /// On a SQLite file that is not there yet.
    pub fn sqlite() -> Self {
        let repo = Repo::new();
        let db = repo.sqlite("data/app.db");
        Self::with(repo, db)
    }

    /// On an empty PostgreSQL database.
    pub fn postgres() -> Self {
        Self::with(Repo::new(), cluster().database())
    }

    pub fn on_both_engines() -> [Self; 2] {
        [Self::sqlite(), Self::postgres()]
    }

    /// Both engines with the newest Alembic, and with the oldest.
    pub fn everywhere() -> [Self; 4] {
        [
            Self::sqlite(),
            Self::postgres(),
            Self::with(Repo::new().on(OLD), cluster().database()),
            Self::sqlite().on(OLD),
        ]
    }

    fn with(repo: Repo, db: Database) -> Self {
        let app = Self { repo, db };
        app.keys("");
        app
    }

    fn on(self, environment: &str) -> Self {
        Self { repo: self.repo.on(environment), db: self.db }
    }

    /// With more keys of the project, each line as it stands below `app:`.
    pub fn keys(&self, lines: &str) {
        self.keys_with(lines, &self.db.settings());
    }

    pub fn keys_with(&self, lines: &str, database: &str) {
        let lines: String = lines.lines().map(|line| format!("    {line}\n")).collect();
        let settings = format!("projects:\n  app:\n    format: sql\n{lines}    db:\n      main: {database}\n");
        self.write("shed.yaml", &settings);
    }

    /// Writes a migration.
    pub fn sql(self, name: &str, up: &str, down: &str) -> Self {
        self.add(name, up, down);
        self
    }

    /// As [`SqlApp::sql`], later.
    pub fn add(&self, name: &str, up: &str, down: &str) {
        self.write(&format!("migrations/{name}.sql"), &format!("-- migrate:up\n{up}\n\n-- migrate:down\n{down}\n"));
    }

    /// Adds migrations that make a table of their name's letter each.
    pub fn tables(&self, names: &[&str]) {
        for name in names {
            let table = name.split('_').next_back().unwrap();
            self.add(name, &format!("create table {table}(id integer);"), &format!("drop table {table};"));
        }
    }

    /// Migrates, whatever it says.
    pub fn migrate(&self) {
        self.shed(["migrate", "app"]).any_stderr().ok();
    }

    /// The tables, without the ledger, which is made with the first step.
    pub fn held(&self) -> Vec<String> {
        self.db.tables().into_iter().filter(|table| table != "shed_history").collect()
    }

    /// The rows of schema_migrations.
    pub fn versions(&self) -> String {
        self.db.rows("select version from schema_migrations order by version").replace('\n', " ").trim().to_owned()
    }
}

impl Deref for SqlApp {
    type Target = Repo;

    fn deref(&self) -> &Repo {
        &self.repo
    }
}
