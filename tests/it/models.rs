//! Where models are, and how they are found and imported.

use crate::repo::{NEW, OLD, Repo};

const TABLE: &str = "from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase):
    pass

class Thing(Base):
    __tablename__ = 'thing'
    id: Mapped[int] = mapped_column(primary_key=True)
";

fn project(keys: &str) -> String {
    let lines: String = keys.lines().map(|line| format!("    {line}\n")).collect();
    format!("projects:\n  app:\n{lines}    db: {{ main: {{ connection: {{ db_path: x.db }} }} }}\n")
}

/// What autogenerate writes for these models.
fn generated(repo: &Repo, folder: &str) -> String {
    repo.shed(["revision", "--autogenerate", "-m", "x", "--rev-id", "a1"]).any_stdout().any_stderr().ok();
    repo.read(&format!("{folder}/a1_x.py"))
}

#[test]
fn a_file_a_package_a_dotted_name_and_a_list_are_found() {
    let more = "import sqlalchemy as sa\nfrom shop.base import Base\nclass Part(Base):\n    __tablename__ = 'part'\n    id = sa.Column(sa.Integer, primary_key=True)\n";
    for environment in [NEW, OLD] {
        let shop = || Repo::new().on(environment).file("src/shop/base.py", TABLE).file("src/shop/parts.py", more);
        let all = "from shop.base import Base\nimport shop.parts\n";
        let repo = shop().file("src/shop/__init__.py", all).settings(&project("module: src/shop"));
        assert!(generated(&repo, "src/shop/versions").contains("'part'"));
        let repo = shop().settings(&project("module: [src/shop/base.py, src/shop/parts.py]\npythonpath: [src]"));
        assert!(generated(&repo, "src/shop/versions").contains("'part'"));
        let repo = shop().settings(&project("module: [shop.base, shop.parts]\npythonpath: [src]\nversions: v"));
        assert!(generated(&repo, "v").contains("'part'"));
        let repo = shop().file("src/shop/__init__.py", "").settings(&project("module: src/shop\nauto_discovery: true"));
        assert!(generated(&repo, "src/shop/versions").contains("'part'"));
    }
}

#[test]
fn the_same_module_name_in_several_projects_is_no_clash() {
    let settings = "projects:
  one: { module: one/models.py, db: { main: { connection: { db_path: one.db } } } }
  two: { module: two/models.py, db: { main: { connection: { db_path: two.db } } } }
";
    let repo = Repo::new()
        .settings(settings)
        .file("one/models.py", TABLE)
        .file("two/models.py", &TABLE.replace("thing", "other"));
    for (project, table) in [("one", "thing"), ("two", "other")] {
        repo.shed(["revision", project, "--autogenerate", "-m", "x", "--rev-id", "a1"]).any_stdout().any_stderr().ok();
        assert!(repo.read(&format!("{project}/versions/a1_x.py")).contains(&format!("create_table('{table}'")));
    }
}

#[test]
fn several_metadatas_are_reported_with_the_line_to_write() {
    let repo = Repo::new().file("m.py", &(TABLE.to_owned() + "class Other(DeclarativeBase):\n    pass\nclass O(Other):\n    __tablename__ = 'o'\n    id: Mapped[int] = mapped_column(primary_key=True)\n"));
    let repo = repo.settings(&project("module: m.py\nversions: v"));
    repo.shed(["revision", "--autogenerate", "-m", "x"]).stderr_has("metadata:").fails(2);
    let repo = repo.settings(&project("module: m.py\nversions: v\nmetadata: Other.metadata"));
    let text = generated(&repo, "v");
    assert!(text.contains("'o'") && !text.contains("'thing'"), "{text}");
    let repo = repo.settings(&project("module: m.py\nversions: w\nmetadata: [Base, Other]"));
    let text = generated(&repo, "w");
    assert!(text.contains("'o'") && text.contains("'thing'"), "{text}");
}

#[test]
fn sqlmodel_is_found_and_imported_in_revisions() {
    let models = "from sqlmodel import Field, SQLModel\n\nclass Hero(SQLModel, table=True):\n    id: int | None = Field(default=None, primary_key=True)\n    name: str\n";
    let repo = Repo::new().file("m.py", models).settings(&project("module: m.py\nversions: v"));
    let text = generated(&repo, "v");
    assert!(text.contains("import sqlmodel\n") && text.contains("sqlmodel.sql.sqltypes.AutoString"), "{text}");
    repo.shed(["migrate"]).any_stderr().ok();
    repo.shed(["check"]).stdout("No new upgrade operations detected.\n").any_stderr().ok();
}

#[test]
fn owned_modules_keep_out_what_a_library_defines() {
    let repo = Repo::new()
        .file("lib/shared.py", "from sqlmodel import Field, SQLModel\n\nclass Shared(SQLModel, table=True):\n    id: int | None = Field(default=None, primary_key=True)\n")
        .file("own/models.py", "import shared\nfrom sqlmodel import Field, SQLModel\n\nclass Mine(SQLModel, table=True):\n    id: int | None = Field(default=None, primary_key=True)\n")
        .settings(&project("module: own/models.py\npythonpath: [lib]\nowned_modules: [models]"));
    let text = generated(&repo, "own/versions");
    assert!(text.contains("'mine'") && !text.contains("'shared'"), "{text}");
}

#[test]
fn setup_runs_before_the_metadata_is_read() {
    let late = "import sqlalchemy as sa\nmetadata = sa.MetaData()\ndef build():\n    sa.Table('late', metadata, sa.Column('id', sa.Integer, primary_key=True))\n";
    let repo = Repo::new().file("m.py", late).settings(&project("module: m.py\nversions: v\nsetup: m:build"));
    assert!(generated(&repo, "v").contains("'late'"));
}

#[test]
fn a_folder_named_alembic_shadows_nothing() {
    let repo =
        Repo::new().file("alembic/versions/.keep", "").file("alembic/__init__.py", "raise SystemExit('shadowed')\n");
    let repo = repo.file("m.py", TABLE).settings(&project("module: m.py\nversions: v"));
    assert!(generated(&repo, "v").contains("'thing'"));
}

#[test]
fn models_replaces_the_module_for_one_run() {
    let repo = Repo::new().file("m.py", "raise SystemExit('not this one')\n").file("n.py", TABLE);
    let repo = repo.settings(&project("module: m.py\nversions: v"));
    repo.shed(["revision", "--autogenerate", "-m", "x", "--rev-id", "a1", "--models", "n.py"])
        .dir(repo.path(""))
        .any_stdout()
        .any_stderr()
        .ok();
    assert!(repo.read("v/a1_x.py").contains("'thing'"));
}

#[test]
fn an_own_env_py_is_run_with_the_url_where_it_looks_for_it() {
    let env = "from alembic import context
from sqlalchemy import create_engine
from m import Base

engine = create_engine(context.config.get_main_option('sqlalchemy.url'))
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=Base.metadata)
    with context.begin_transaction():
        context.run_migrations()
print('mine')
";
    for environment in [NEW, OLD] {
        let repo = Repo::new().on(environment).file("m.py", TABLE).file("own/env.py", env);
        let repo = repo.settings(&project("module: m.py\nversions: v\nenv_py: own/env.py"));
        assert!(generated(&repo, "v").contains("'thing'"));
        repo.shed(["migrate"]).stdout("mine\n").any_stderr().ok();
        assert_eq!(repo.sqlite("x.db").revisions(), ["a1"]);
    }
}
