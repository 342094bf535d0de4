//! `models`: every class with its table, and what `auto_discovery` imports.

use serde_json::{Value, json};

use crate::app::App;
use crate::findings::ids;
use crate::repo::{NEW, OLD, Repo};

pub const MODELS: &str = r#"import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAMES = {"ix": "ix_%(table_name)s_%(column_0_name)s", "fk": "fk_%(table_name)s_%(column_0_name)s", "uq": "uq_%(table_name)s_%(column_0_name)s"}

class Base(DeclarativeBase):
    metadata = sa.MetaData(naming_convention=NAMES)

class Bill(Base):
    __tablename__ = "bill"
    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(sa.ForeignKey("customer.id"), index=True)
    number = mapped_column("no", sa.String(20), unique=True)

class Customer(Base):
    __tablename__ = "customer"
    id: Mapped[int] = mapped_column(primary_key=True)

tags = sa.Table(
    "tag",
    Base.metadata,
    sa.Column("name", sa.Text, primary_key=True),
)
"#;

pub fn settings(keys: &str) -> String {
    format!(
        "projects:\n  app:\n    module: shop/models.py\n{keys}    db: {{ main: {{ connection: {{ db_path: x.db }} }} }}\n"
    )
}

/// The package `shop`, whose models are in order.
pub fn shop() -> Repo {
    Repo::new().settings(&settings("")).file("shop/__init__.py", "").file("shop/models.py", MODELS)
}

#[test]
fn every_class_and_every_plain_table_is_shown_with_file_and_line() {
    let text = "Bill  table bill  $REPO/shop/models.py:9
  id           INTEGER      primary key
  customer_id  INTEGER      -> customer.id
  no           VARCHAR(20)  null
  unique uq_bill_no (no)
  index ix_bill_customer_id (customer_id)

Customer  table customer  $REPO/shop/models.py:15
  id  INTEGER  primary key

table tag  $REPO/shop/models.py:19
  name  TEXT  primary key
";
    for environment in [NEW, OLD] {
        let repo = shop().on(environment);
        repo.shed(["models"]).stdout(text).ok();
        repo.shed(["models", "app", "--list"]).stdout("Bill\nCustomer\ntag\n").ok();
        repo.shed(["models", "--list", "--base", "shop.models:Base"]).stdout("Bill\nCustomer\n").ok();
        repo.shed(["models", "--verify"]).stdout("3 models, nothing found\n").ok();
        assert!(!repo.sqlite("x.db").exists());
    }
}

#[test]
fn what_models_print_is_no_part_of_the_result() {
    let repo = shop();
    repo.write("shop/models.py", &format!("print('loud')\n{MODELS}"));
    repo.shed(["models", "--list"]).stdout("Bill\nCustomer\ntag\n").stderr("loud\n").ok();
}

#[test]
fn columns_keys_and_places_are_data() {
    let repo = shop();
    let said = repo.shed(["models", "--format", "json"]).any_stdout().ok().stdout;
    let document: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(document["target"], "app");
    let column = |name: &str, kind: &str, nullable: bool, line: u64| json!({"name": name, "type": kind, "nullable": nullable, "primary_key": name == "id", "line": line});
    let bill = json!({
        "class": "Bill", "module": "shop.models", "file": "$REPO/shop/models.py", "line": 9, "inherits": null,
        "schema": null, "table": "bill",
        "columns": [column("id", "INTEGER", false, 11), column("customer_id", "INTEGER", false, 12), column("no", "VARCHAR(20)", true, 13)],
        "primary_key": {"name": null, "columns": ["id"]},
        "foreign_keys": [{"name": "fk_bill_customer_id", "columns": ["customer_id"], "references": ["customer.id"]}],
        "unique": [{"name": "uq_bill_no", "columns": ["no"]}],
        "indexes": [{"name": "ix_bill_customer_id", "columns": ["customer_id"], "unique": false}],
    });
    assert_eq!(document["models"][0], bill);
    let tag = &document["models"][2];
    assert_eq!((&tag["class"], &tag["table"], &tag["line"]), (&Value::Null, &json!("tag"), &json!(19)));
}

#[test]
fn sqlmodel_and_a_protocol_are_bases_too() {
    let sqlmodel = "from sqlmodel import Field, SQLModel\n\nclass Hero(SQLModel, table=True):\n    id: int | None = Field(default=None, primary_key=True)\n\nclass Plain(SQLModel):\n    x: int\n";
    let protocol =
        "from typing import Any, Protocol\n\nclass HasNumber(Protocol):\n    metadata: Any\n    number: Any\n";
    let repo = shop().file("shop/heroes.py", sqlmodel).file("shop/kinds.py", protocol);
    let list = |args: &[&str]| repo.shed(["models", "--list", "--package", "shop"]).args(args).any_stdout().ok().stdout;
    assert_eq!(list(&[]), "Hero\nBill\nCustomer\ntag\n");
    assert_eq!(list(&["--base", "sqlmodel:SQLModel"]), "Hero\n");
    assert_eq!(list(&["--base", "shop.kinds:HasNumber"]), "Bill\n");
    repo.shed(["models", "--base", "shop.kinds:Nothing"]).stderr_has("there is no \"Nothing\" in shop.kinds").fails(2);
    repo.shed(["models", "--base", "shop.models:tags"]).stderr_has("is a Table, not a class").fails(2);
    repo.shed(["models", "--base", "shop"]).stderr_has("--base takes PACKAGE:BASE").fails(2);
    repo.shed(["models", "--package", "shopp"]).stderr_has("there is no module \"shopp\"").fails(2);
}

#[test]
fn a_package_is_imported_whole_but_its_revisions() {
    let never = "raise SystemExit('a revision was imported')\ndown_revision = None\n";
    let repo = shop()
        .file("shop/deep/__init__.py", "")
        .file("shop/deep/more.py", &MODELS.replace("Bill", "Order").replace("\"bill\"", "\"order\""))
        .file("shop/versions/a1.py", never)
        .file("shop/elsewhere/b1.py", never)
        .file("shop/alembic/env.py", "from alembic import context\ncontext.config\n")
        .file("shop/alembic/script.py.mako", "");
    let list = |args: &[&str]| repo.shed(["models", "--list"]).args(args).any_stdout().ok().stdout;
    assert_eq!(list(&["--package", "shop"]), "Order\nCustomer\ntag\nBill\nCustomer\ntag\n");
    assert_eq!(list(&["--package", "shop.deep"]), "Order\nCustomer\ntag\n");
}

#[test]
fn a_module_that_fails_half_way_is_an_import_failure_and_nothing_of_it_is_used() {
    let half = "import sqlalchemy as sa\nfrom shop.models import Base\n\nclass Half(Base):\n    __tablename__ = 'half'\n    id = sa.Column(sa.Integer, primary_key=True)\n\nsettings = {}\nurl = settings['url']\n";
    let package = settings("    auto_discovery: true\n").replace("shop/models.py", "shop");
    for environment in [NEW, OLD] {
        let repo = shop().on(environment).settings(&package).file("shop/zhalf.py", half);
        for command in
            [&["models"][..], &["models", "--verify"], &["revision", "--auto", "-m", "x"], &["check"], &["diff"]]
        {
            repo.shed(command)
                .stderr_has("could not import \"shop.zhalf\": $REPO/shop/zhalf.py:9: KeyError: 'url'\n    url = settings['url']\n")
                .stderr_has("  at $REPO/shop/zhalf.py:9\n")
                .fails(3);
        }
        assert_eq!(repo.files("shop"), ["__init__.py", "models.py", "zhalf.py"]);
        repo.write("shop/zhalf.py", &half.replace("settings['url']", "'x'"));
        repo.shed(["models", "--list"]).stdout("Bill\nCustomer\ntag\nHalf\n").ok();
        repo.shed(["models", "--verify"]).any_stdout().ok();
    }
}

#[test]
fn auto_discovery_finds_what_the_package_itself_does_not_import() {
    let more = "import sqlalchemy as sa\nfrom shop.models import Base\nsa.Table('part', Base.metadata, sa.Column('id', sa.Integer, primary_key=True))\n";
    for environment in [NEW, OLD] {
        let repo = shop().on(environment).file("shop/parts/more.py", more).file("shop/parts/__init__.py", "");
        let repo = repo
            .settings(&settings("").replace("shop/models.py", "shop"))
            .file("shop/__init__.py", "from .models import Base\n");
        assert_eq!(ids(&repo, &[], 1), ["not-imported"]);
        let repo = repo.settings(&settings("    auto_discovery: true\n").replace("shop/models.py", "shop"));
        assert_eq!(ids(&repo, &[], 0), [""; 0]);
        repo.shed(["models", "--list"]).stdout("Bill\nCustomer\ntag\npart\n").ok();
    }
}

#[test]
fn of_several_projects_each_is_told_and_those_without_models_are_passed_over() {
    let app = App::sqlite();
    app.write(
        "shed.yaml",
        &format!(
            "{}  none: {{ versions: v, db: {{ main: {{ connection: {{ db_path: z.db }} }} }} }}\n",
            app.read("shed.yaml")
        ),
    );
    app.shed(["models", "--list"])
        .stdout("app:\n  Person\n  Pet\n")
        .stderr("none: it has no models; passed over\n")
        .ok();
    app.shed(["models", "none"]).stderr_has("the project \"none\" has no `module`, so there are no models").fails(2);
}
