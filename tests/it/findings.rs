//! `models --verify`: what it finds, each with an id, a place and a way out.

use serde_json::Value;

use crate::cluster::cluster;
use crate::inventory::{MODELS, settings, shop};
use crate::repo::{NEW, OLD, Repo};

/// The ids of the findings, with what they are about.
fn found(repo: &Repo, args: &[&str], code: i32) -> Vec<(String, String)> {
    let call = repo.shed(["models", "--verify", "--format", "json"]).args(args).any_stdout().any_stderr();
    let document: Value = serde_json::from_str(&call.fails(code).stdout).unwrap();
    let text = |finding: &Value, field: &str| finding[field].as_str().unwrap_or_default().to_owned();
    let findings = document["findings"].as_array().unwrap();
    findings.iter().map(|finding| (text(finding, "id"), text(finding, "what"))).collect()
}

pub fn ids(repo: &Repo, args: &[&str], code: i32) -> Vec<String> {
    found(repo, args, code).into_iter().map(|(id, _)| id).collect()
}

#[test]
fn a_file_with_models_that_nothing_imports_is_found() {
    let more = "from .models import Base\nimport sqlalchemy as sa\n\nclass Line(Base):\n    __tablename__ = 'line'\n    id = sa.Column(sa.Integer, primary_key=True)\n";
    let unrelated = "class Config:\n    __tablename__ = 'x'\n\ndef Table(name, other):\n    return name\n\nclass Mixin:\n    pass\n";
    for environment in [NEW, OLD] {
        let repo = shop().on(environment).file("shop/sub/more.py", more).file("shop/config.py", unrelated);
        let repo = repo.file("shop/tests/models.py", more).file("shop/versions/a1.py", more);
        let text = "$REPO/shop/sub/more.py:4: not-imported: Line: no module of the project imports this file, so autogenerate would drop its tables
  help: import it where `module` points to, add it to `module`, or set `auto_discovery: true`
";
        repo.shed(["models", "--verify"]).stdout(text).fails(1);
        repo.write("shop/sub/__init__.py", "");
        repo.write("shop/sub/more.py", &more.replace(".models", "..models"));
        repo.write("shop/models.py", &format!("{MODELS}\nimport shop.sub.more\n"));
        assert_eq!(ids(&repo, &[], 0), [""; 0]);
    }
}

#[test]
fn the_models_of_another_project_are_not_taken_for_forgotten_ones() {
    let other = "import sqlalchemy as sa\nmetadata = sa.MetaData()\nthing = sa.Table('thing', metadata, sa.Column('id', sa.Integer, primary_key=True))\n";
    let repo = shop().file("shop/others.py", other);
    assert_eq!(ids(&repo, &[], 1), ["not-imported"]);
    let both = format!(
        "{}  other: {{ module: shop/others.py, versions: v, db: {{ main: {{ connection: {{ db_path: y.db }} }} }} }}\n",
        settings("")
    );
    let repo = repo.settings(&both);
    repo.shed(["models", "--verify"])
        .stdout("app:\n  3 models, nothing found\nother:\n  1 model, nothing found\n")
        .ok();
}

#[test]
fn two_classes_no_key_missing_tables_and_unnamed_constraints_are_found() {
    let models = r#"import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase):
    pass

log = sa.Table("log", Base.metadata, sa.Column("text", sa.Text))

class One(Base):
    __table__ = sa.Table("one", Base.metadata, sa.Column("id", sa.Integer, primary_key=True))

class Two(Base):
    __table__ = One.__table__

class Animal(Base):
    __tablename__ = "animal"
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    owner_id: Mapped[int] = mapped_column(
        sa.ForeignKey("owner.id")
    )
    __mapper_args__ = {"polymorphic_on": "kind"}

class Cat(Animal):
    __mapper_args__ = {"polymorphic_identity": "cat"}
"#;
    for environment in [NEW, OLD] {
        let repo = Repo::new().on(environment).settings(&settings("")).file("shop/models.py", models);
        let text =
            "$REPO/shop/models.py:12: two-classes: Two and One ($REPO/shop/models.py:9) are both the table \"one\"
  help: give one of them another table, or make it a subclass of the other
$REPO/shop/models.py:7: no-primary-key: the table \"log\" has no primary key
  help: [..]
$REPO/shop/models.py:19: missing-table: animal.owner_id refers to owner.id, which no model has
  help: correct the name, or import the module that has the table
$REPO/shop/models.py:15: unnamed-constraint: \"animal\" has no name for: foreign key (owner_id)
  help: set MetaData(naming_convention=…), or names: what has none cannot be dropped by a revision
";
        let warning = "warning: app: types were not tried: foreign keys refer to tables that are missing\n";
        repo.shed(["models", "--verify"]).stdout(text).stderr(warning).fails(1);
    }
}

#[test]
fn an_index_that_the_naming_convention_forgets_is_found() {
    let repo = shop();
    repo.write("shop/models.py", &MODELS.replace("\"ix\": \"ix_%(table_name)s_%(column_0_name)s\", ", ""));
    let what = "\"bill\" has no name for: index (customer_id)".to_owned();
    assert_eq!(found(&repo, &[], 1), [("unnamed-constraint".to_owned(), what)]);
}

#[test]
fn names_that_postgresql_cuts_and_types_that_do_not_come_back_are_found() {
    let long = "x".repeat(64);
    let models = format!(
        "import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator
metadata = sa.MetaData()

class Money(TypeDecorator):
    impl = sa.Numeric(10, 2)
    cache_ok = True

class Odd(sa.types.UserDefinedType):
    def get_col_spec(self, **kw):
        return 'nonsense'

sa.Table('fine', metadata, sa.Column('id', sa.Integer, primary_key=True), sa.Column('amount', Money))
sa.Table('long', metadata, sa.Column('id', sa.Integer, primary_key=True), sa.Column('{long}', sa.Integer))
sa.Table('odd', metadata, sa.Column('id', sa.Integer, primary_key=True), sa.Column('odd', Odd))
sa.Table('wide', metadata, sa.Column('id', sa.Integer, primary_key=True), sa.Column('code', sa.CHAR))
"
    );
    let server = format!("{{ type: postgres, connection: {{ host: {}, user: shed }} }}", cluster().host.display());
    let live = "{ type: postgres, db_name: nowhere, connection: { host: nowhere.invalid } }";
    let text = |development: &str| {
        format!(
            "{development}projects:\n  trips:\n    module: m.py\n    versions: v\n    db: {{ file: {{ connection: {{ db_path: x.db }} }}, live: {live} }}\n"
        )
    };
    for environment in [NEW, OLD] {
        let repo = Repo::new().on(environment).file("m.py", &models).settings(&text(""));
        let of = |repo: &Repo, id: &str, code: i32| -> Vec<String> {
            found(repo, &[], code).into_iter().filter(|(found, _)| found == id).map(|(_, what)| what).collect()
        };
        let cut = [format!("the column name \"{long}\" has 64 bytes, and PostgreSQL keeps 63")];
        assert_eq!(of(&repo, "name-too-long", 1), cut);
        repo.shed(["models", "--verify"])
            .any_stdout()
            .stderr_has("trips: types were not tried: a check without the live database needs a PostgreSQL server")
            .fails(1);
        let repo = repo.settings(&text(&format!("development:\n  db: {{ pglocal: {server} }}\n")));
        assert_eq!(of(&repo, "name-too-long", 1), cut);
        let round = of(&repo, "round-trip", 1);
        assert!(
            round.contains(&"PostgreSQL: odd: cannot be made: type \"nonsense\" does not exist".to_owned()),
            "{round:#?}"
        );
        assert!(!round.iter().any(|what| what.contains("fine")), "{round:#?}");
        assert_eq!(ids(&repo, &["trips.file"], 1), ["round-trip"], "{:?}", found(&repo, &["trips.file"], 1));
    }
    let left = cluster().psql("postgres", "select datname from pg_database where datname like 'trips_%shed_check%'");
    assert_eq!(left, "");
}

#[test]
fn a_database_that_on_connect_attaches_is_not_written_to() {
    let repo = shop().settings(&settings("    on_connect: [\"ATTACH DATABASE 'real.db' AS real\"]\n"));
    repo.shed(["models", "--verify"])
        .stdout("3 models, nothing found\n")
        .stderr("warning: app: types were not tried: `on_connect` attaches a database that is no scratch one\n")
        .ok();
    let repo = shop().settings(&settings("    exclude_tables: ['*']\n"));
    repo.shed(["models", "--verify"]).stdout("3 models, nothing found\n").ok();
}
