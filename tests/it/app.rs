//! The project that most tests use: two tables, three revisions, one database.

use std::ops::Deref;

use crate::cluster::cluster;
use crate::database::Database;
use crate::repo::{NEW, OLD, Repo};

/// The project `app` with the database `app.main`; the revisions a1, a2, a3 lead to what the models say.
pub struct App {
    repo: Repo,
    pub db: Database,
}

const MODELS: &str = r#"
from sqlalchemy import ForeignKey, MetaData, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Person(Base):
    __tablename__ = "person"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50))
    email: Mapped[str | None] = mapped_column(String(80))


class Pet(Base):
    __tablename__ = "pet"

    id: Mapped[int] = mapped_column(primary_key=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
"#;

const PERSON: &str = "op.create_table('person', sa.Column('id', sa.Integer, primary_key=True), sa.Column('name', sa.String(50), nullable=False))";
const PET: &str = "op.create_table('pet', sa.Column('id', sa.Integer, primary_key=True), sa.Column('owner_id', sa.Integer, sa.ForeignKey('person.id'), nullable=False))";
const EMAIL: &str = "op.add_column('person', sa.Column('email', sa.String(80)))";

impl App {
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

    /// Without revisions.
    pub fn without_revisions(self) -> Self {
        self.repo.remove("app/versions");
        std::fs::create_dir(self.path("app/versions")).unwrap();
        self
    }

    /// Both engines with the newest Alembic, SQLite with the oldest.
    pub fn everywhere() -> [Self; 3] {
        [Self::sqlite(), Self::postgres(), Self::sqlite().on(OLD)]
    }

    /// Every supported pair of engine and end of the range of Alembics.
    pub fn on_both_alembics() -> [Self; 2] {
        [Self::sqlite().on(NEW), Self::sqlite().on(OLD)]
    }

    pub fn on(self, environment: &str) -> Self {
        Self { repo: self.repo.on(environment), db: self.db }
    }

    pub fn with(repo: Repo, db: Database) -> Self {
        let repo = repo
            .settings(&settings(&db, ""))
            .file("app/models.py", MODELS)
            .revision("app/versions", "a1", "", PERSON, "op.drop_table('person')")
            .revision("app/versions", "a2", "a1", PET, "op.drop_table('pet')")
            .revision("app/versions", "a3", "a2", EMAIL, "op.drop_column('person', 'email')");
        Self { repo, db }
    }

    /// With more keys of the project, each line as it stands below `app:`.
    pub fn keys(self, lines: &str) -> Self {
        self.write("shed.yaml", &settings(&self.db, lines));
        self
    }

    /// Brings the database to a revision.
    pub fn migrated(self, revision: &str) -> Self {
        self.shed(["migrate", "app", revision]).any_stdout().any_stderr().ok();
        assert!(!self.db.revisions().is_empty());
        self
    }

    /// At its head, as a version table of this name says.
    pub fn migrated_with_table(self, table: &str) -> Self {
        self.shed(["migrate", "app"]).any_stdout().any_stderr().ok();
        assert_eq!(self.db.rows(&format!("select version_num from {table}")), "a3\n");
        self
    }

    /// Adds a second head, b1, beside a3.
    pub fn two_heads(self) -> Self {
        self.add_revision("b1", "a2", "pass");
        self
    }

    /// Adds a revision.
    pub fn add_revision(&self, id: &str, after: &str, upgrade: &str) {
        let text = crate::repo::revision_text(id, after, upgrade, "pass");
        self.write(&format!("app/versions/{id}_.py"), &text);
    }

    /// Adds a table to the models that no revision makes.
    pub fn drift(&self) {
        let more = "\n\nclass Toy(Base):\n    __tablename__ = \"toy\"\n\n    id: Mapped[int] = mapped_column(primary_key=True)\n";
        self.write("app/models.py", &(self.read("app/models.py") + more));
    }
}

fn settings(db: &Database, lines: &str) -> String {
    let lines: String = lines.lines().map(|line| format!("    {line}\n")).collect();
    format!("projects:\n  app:\n    module: app/models.py\n{lines}    db:\n      main: {}\n", db.settings())
}

impl Deref for App {
    type Target = Repo;

    fn deref(&self) -> &Repo {
        &self.repo
    }
}
