//! `shed adopt`: what is there becomes settings, and both say the same of the database.

use crate::call::Output;
use crate::cluster::cluster;
use crate::repo::{NEW, OLD, Repo, environment, revision_text};

const MODELS: &str = "from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Invoice(Base):
    __tablename__ = \"invoice\"

    id: Mapped[int] = mapped_column(primary_key=True)
";
const INVOICE: &str = "op.create_table('invoice', sa.Column('id', sa.Integer, primary_key=True))";
const TOP: &str = "# yaml-language-server: $schema=.shed/schema.json\n...\nprojects:\n";

/// An env.py as `alembic init` writes it, with lines of one's own before it, keywords of `context.configure`, and an engine.
fn env_py(before: &str, keywords: &str, engine: &str) -> String {
    format!(
        "from logging.config import fileConfig

from sqlalchemy import create_engine, engine_from_config, pool, text

from alembic import context

config = context.config
if config.config_file_name is not None:
    fileConfig(config.config_file_name)
{before}


def run_migrations_offline():
    context.configure(url=config.get_main_option(\"sqlalchemy.url\"), target_metadata=target_metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


def run_migrations_online():
    connectable = {engine}
    with connectable.connect() as connection:
        context.configure(connection=connection, target_metadata=target_metadata{keywords})
        with context.begin_transaction():
            context.run_migrations()


if context.is_offline_mode():
    run_migrations_offline()
else:
    run_migrations_online()
"
    )
}

const ENGINE: &str = "engine_from_config(config.get_section(config.config_ini_section, {}), prefix=\"sqlalchemy.\", poolclass=pool.NullPool)";

fn ini(location: &str, more: &str) -> String {
    format!(
        "[alembic]\nscript_location = {location}\n{more}\n
[loggers]\nkeys = root\n\n[handlers]\nkeys = console\n\n[formatters]\nkeys =\n
[logger_root]\nlevel = WARN\nhandlers = console\n\n[handler_console]\nclass = StreamHandler\nargs = (sys.stderr,)\n"
    )
}

/// A folder with its own alembic.ini, env.py and two revisions.
fn chain(repo: &Repo, folder: &str, scripts: &str, settings: &str, env: &str, id: &str, upgrade: &str) {
    let at = |name: &str| if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
    repo.write(&at("alembic.ini"), &ini(scripts, settings));
    repo.write(&at(&format!("{scripts}/env.py")), env);
    let (first, second) = (format!("{id}1"), format!("{id}2"));
    repo.write(&at(&format!("{scripts}/versions/{first}_.py")), &revision_text(&first, "", upgrade, "pass"));
    repo.write(&at(&format!("{scripts}/versions/{second}_.py")), &revision_text(&second, &first, "pass", "pass"));
}

fn alembic(repo: &Repo, folder: &str, args: &[&str]) -> Output {
    let call = repo.call(repo.python()).args(["-m", "alembic"]).args(args).dir(repo.path(folder));
    call.any_stdout().any_stderr().ok()
}

/// Migrated by Alembic itself to its first revision, shed says the same, and goes on to the second.
fn agrees(repo: &Repo, target: &str, folder: &str, args: &[&str], id: &str) {
    let with = |more: &[&'static str]| -> Vec<String> {
        args.iter().copied().chain(more.iter().copied()).map(str::to_owned).collect()
    };
    let said = |more: &[&'static str]| {
        let words = with(more);
        alembic(repo, folder, &words.iter().map(String::as_str).collect::<Vec<_>>()).stdout
    };
    let upgrade = [args, &["upgrade", "+1"]].concat();
    alembic(repo, folder, &upgrade);
    let theirs = said(&["current"]);
    assert_eq!(theirs, format!("{id}1\n"), "{target}");
    repo.shed(["current", target]).stdout(theirs).any_stderr().ok();
    repo.shed(["migrate", target]).any_stdout().any_stderr().ok();
    assert_eq!(said(&["current"]), format!("{id}2 (head)\n"), "{target}");
    repo.shed(["current", target]).stdout(said(&["current"])).any_stderr().ok();
}

/// Without it Alembic's asynchronous templates do not run; shed takes a synchronous driver then.
fn has_greenlet(repo: &Repo) -> bool {
    repo.call(repo.python()).args(["-c", "import greenlet, aiosqlite"]).run().code == 0
}

fn adopt(repo: &Repo, path: &str) -> Output {
    repo.shed(["adopt"]).arg(repo.path(path)).any_stdout().ok()
}

#[test]
fn what_alembic_init_writes_is_adopted() {
    for (environment, template) in
        [(NEW, "generic"), (NEW, "async"), (NEW, "pyproject"), (NEW, "pyproject_async"), (OLD, "generic")]
    {
        let repo = Repo::named("billing").on(environment).file("app/__init__.py", "").file("app/models.py", MODELS);
        alembic(&repo, "", &["init", "-t", template, "migrations"]);
        let driver = if template.ends_with("async") { "+aiosqlite" } else { "" };
        let text = repo.read("alembic.ini");
        let text = text.replace("driver://user:pass@localhost/dbname", &format!("sqlite{driver}:///data.db"));
        repo.write("alembic.ini", &text);
        let text = repo.read("migrations/env.py");
        let own = "from app.models import Base\ntarget_metadata = Base.metadata";
        repo.write("migrations/env.py", &text.replace("target_metadata = None", own));
        repo.write("migrations/versions/a1_.py", &revision_text("a1", "", INVOICE, "op.drop_table('invoice')"));
        repo.write("migrations/versions/a2_.py", &revision_text("a2", "a1", "pass", "pass"));
        adopt(&repo, "");
        let driver = if driver.is_empty() { "" } else { "        driver: aiosqlite\n" };
        let expected = format!(
            "{TOP}  # from alembic.ini\n  billing:\n    module: app/models.py\n    metadata: Base.metadata\n    versions: migrations/versions\n    db:\n      main:\n        type: sqlite\n{driver}        connection:\n          db_path: data.db\n"
        );
        assert!(crate::call::matches(&expected, &repo.read("shed.yaml")), "{template}: {}", repo.read("shed.yaml"));
        if !driver.is_empty() && !has_greenlet(&repo) {
            repo.shed(["migrate"]).any_stdout().any_stderr().ok();
        } else {
            agrees(&repo, "billing", "", &[], "a");
        }
        repo.shed(["check"]).stdout("No new upgrade operations detected.\n").any_stderr().ok();
    }
}

#[test]
fn a_workspace_with_a_database_per_service_and_a_second_chain() {
    let repo = Repo::named("shop");
    let env = |package: &str| {
        env_py(
            &format!(
                "import os\nimport sys\nfrom pathlib import Path\n\nsys.path.insert(0, str(Path(__file__).resolve().parents[1] / \"src\"))\nfrom {package} import models\n\ntarget_metadata = models.Base.metadata"
            ),
            "",
            ENGINE,
        )
    };
    for (service, id) in [("billing", "b"), ("catalog", "c")] {
        let folder = format!("services/{service}");
        repo.write(&format!("{folder}/src/{service}/__init__.py"), "");
        repo.write(&format!("{folder}/src/{service}/models.py"), MODELS);
        repo.write(&format!("{folder}/pyproject.toml"), &format!("[project]\nname = \"{service}-service\"\n"));
        chain(&repo, &folder, "alembic", "sqlalchemy.url = sqlite:///./own.db", &env(service), id, INVOICE);
    }
    let audit = env_py("target_metadata = None", ", version_table=\"audit_version\"", ENGINE);
    repo.write(
        "services/billing/alembic_audit.ini",
        &ini("%(here)s/audit", "sqlalchemy.url = sqlite:///%(here)s/own.db"),
    );
    repo.write("services/billing/audit/env.py", &audit);
    repo.write("services/billing/audit/versions/x1_.py", &revision_text("x1", "", "pass", "pass"));
    repo.write("services/billing/audit/versions/x2_.py", &revision_text("x2", "x1", "pass", "pass"));
    // None of these is the repository's own.
    for folder in ["node_modules/x", ".venv/lib/python3/site-packages/x", ".git"] {
        repo.write(&format!("{folder}/alembic.ini"), &ini("alembic", ""));
    }
    let said = adopt(&repo, "");
    assert_eq!(
        said.stdout,
        "$REPO/shed.yaml: project billing-service is added, from services/billing/alembic.ini\n\
         $REPO/shed.yaml: project billing-service_audit is added, from services/billing/alembic_audit.ini\n\
         $REPO/shed.yaml: project catalog-service is added, from services/catalog/alembic.ini\n"
    );
    let expected = format!(
        "{TOP}  # from services/billing/alembic.ini
  billing-service:
    module: services/billing/src/billing/models.py
    metadata: Base.metadata
    pythonpath: services/billing/src
    cwd: services/billing
    versions: services/billing/alembic/versions
    db:
      main:
        type: sqlite
        connection:
          db_path: services/billing/own.db
  # from services/billing/alembic_audit.ini
  billing-service_audit:
    cwd: services/billing
    versions: services/billing/audit/versions
    version_table: audit_version
    db:
      main:
        type: sqlite
        connection:
          db_path: services/billing/own.db
...
"
    );
    assert!(crate::call::matches(&expected, &repo.read("shed.yaml")), "{}", repo.read("shed.yaml"));
    agrees(&repo, "billing-service", "services/billing", &[], "b");
    agrees(&repo, "billing-service_audit", "services/billing", &["-c", "alembic_audit.ini"], "x");
    agrees(&repo, "catalog-service", "services/catalog", &[], "c");
    repo.shed(["check", "catalog-service"]).stdout("No new upgrade operations detected.\n").any_stderr().ok();
    let again = adopt(&repo, "");
    assert!(
        again.stdout.starts_with("services/billing/alembic.ini: project billing-service has it already\n"),
        "{again:?}"
    );
}

#[test]
fn one_environment_with_dotted_modules_in_folders_that_are_no_packages() {
    let repo = Repo::named("mono").file("data/accounts/tables.py", MODELS).file("data/orders/tables.py", "import sqlalchemy as sa\nmetadata = sa.MetaData()\nsa.Table('old_order', metadata, sa.Column('id', sa.Integer, primary_key=True))\n");
    let before = "from data.accounts.tables import Base\nfrom data.orders import tables as orders  # noqa\n
target_metadata = [Base.metadata, orders.metadata]


def include_object(object, name, type_, reflected, compare_to):
    if type_ == \"table\" and (name.startswith(\"old_\") or name in (\"tmp\", \"spool\")):
        return False
    return True
";
    let keywords = ", include_object=include_object, compare_server_default=True, render_as_batch=True";
    chain(
        &repo,
        "",
        "data/migrations",
        "prepend_sys_path = .\nsqlalchemy.url = sqlite:///mono.db",
        &env_py(before, keywords, ENGINE),
        "m",
        INVOICE,
    );
    adopt(&repo, "alembic.ini");
    let expected = format!(
        "{TOP}  # from alembic.ini
  mono:
    module: [data.accounts.tables, data.orders.tables]
    metadata: [data.accounts.tables:Base.metadata, data.orders.tables:metadata]
    versions: data/migrations/versions
    configure:
      compare_server_default: true
      render_as_batch: true
    exclude_tables: [old_*, tmp, spool]
    db:
      main:
        type: sqlite
        connection:
          db_path: mono.db
"
    );
    assert!(crate::call::matches(&expected, &repo.read("shed.yaml")), "{}", repo.read("shed.yaml"));
    agrees(&repo, "mono", "", &[], "m");
    repo.shed(["check"]).stdout("No new upgrade operations detected.\n").any_stderr().ok();
}

#[test]
fn services_with_the_same_module_name_their_own_environment_and_variables() {
    let repo = Repo::named("platform").file("libs/shared/base.py", MODELS);
    let before = "import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(here, \"..\", \"src\"))
sys.path.append(os.path.join(here, \"..\", \"..\", \"..\", \"libs\"))
import models

config.set_main_option(\"sqlalchemy.url\", os.environ[\"DATABASE_URL\"])
target_metadata = models.Base.metadata";
    for (service, id) in [("a", "a"), ("b", "b"), ("c", "c")] {
        let folder = format!("services/{service}");
        repo.write(&format!("{folder}/src/models.py"), "from shared.base import Base\n");
        repo.write(
            &format!("{folder}/.env"),
            &format!("DATABASE_URL=sqlite:///{}\n", repo.path(&format!("{folder}/x.db")).display()),
        );
        chain(&repo, &folder, "migrations", "", &env_py(before, "", ENGINE), id, INVOICE);
        std::os::unix::fs::symlink(environment(NEW), repo.path(&format!("{folder}/.venv"))).unwrap();
    }
    adopt(&repo, "");
    let expected = format!(
        "{TOP}  # from services/a/alembic.ini
  a:
    module: services/a/src/models.py
    metadata: Base.metadata
    pythonpath: [services/a/src, libs]
    cwd: services/a
    versions: services/a/migrations/versions
    # from DATABASE_URL in services/a/.env, which shed does not read
    db:
      main:
        type: sqlite
        connection:
          db_path: services/a/x.db
...
"
    );
    assert!(crate::call::matches(&expected, &repo.read("shed.yaml")), "{}", repo.read("shed.yaml"));
    for service in ["a", "b", "c"] {
        let url = format!("sqlite:///{}", repo.path(&format!("services/{service}/x.db")).display());
        let theirs = |args: &[&str]| {
            let call = repo.call(repo.python()).args(["-m", "alembic"]).args(args).env("DATABASE_URL", &url);
            call.dir(repo.path(&format!("services/{service}"))).any_stdout().any_stderr().ok().stdout
        };
        theirs(&["upgrade", "+1"]);
        repo.shed(["current", service]).stdout(theirs(&["current"])).any_stderr().ok();
        repo.shed(["migrate", service]).any_stdout().any_stderr().ok();
        assert_eq!(theirs(&["current"]), format!("{service}2 (head)\n"));
    }
}

#[test]
fn async_drivers_and_file_names_with_times() {
    for environment in [NEW, OLD] {
        let repo = Repo::named("api").on(environment).file("src/api/__init__.py", "").file("src/api/models.py", MODELS).file(
            "src/api/config.py",
            "from functools import lru_cache\n\n\nclass Settings:\n    database_url: str = \"sqlite+aiosqlite:///api.db\"\n\n\n@lru_cache\ndef get_settings() -> Settings:\n    return Settings()\n\n\nsettings = get_settings()\n",
        );
        let env = "import asyncio
from logging.config import fileConfig

from alembic import context
from sqlalchemy import pool
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import async_engine_from_config

from api.config import settings
from api.models import Base

config = context.config
config.set_main_option(\"sqlalchemy.url\", settings.database_url)
if config.config_file_name is not None:
    fileConfig(config.config_file_name)
target_metadata = Base.metadata


def do_run_migrations(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=target_metadata, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()


async def run_async_migrations() -> None:
    connectable = async_engine_from_config(config.get_section(config.config_ini_section, {}), poolclass=pool.NullPool)
    async with connectable.connect() as connection:
        await connection.run_sync(do_run_migrations)
    await connectable.dispose()


if context.is_offline_mode():
    raise SystemExit(\"no\")
else:
    asyncio.run(run_async_migrations())
";
        let options = "prepend_sys_path = src\nfile_template = %%(year)d%%(month).2d%%(day).2d_%%(hour).2d%%(minute).2d-%%(rev)s_%%(slug)s\ntimezone = UTC\ntruncate_slug_length = 12";
        chain(&repo, "", "alembic", options, env, "v", INVOICE);
        adopt(&repo, "");
        let expected = format!(
            "{TOP}  # from alembic.ini
  api:
    module: src/api/models.py
    metadata: Base.metadata
    pythonpath: src
    versions: alembic/versions
    alembic:
      file_template: \"%(year)d%(month).2d%(day).2d_%(hour).2d%(minute).2d-%(rev)s_%(slug)s\"
      timezone: UTC
      truncate_slug_length: 12
    configure:
      compare_type: true
    db:
      main:
        type: sqlite
        driver: aiosqlite
        connection:
          db_path: api.db
"
        );
        assert!(
            crate::call::matches(&expected.replace('"', ""), &repo.read("shed.yaml").replace(['"', '\''], "")),
            "{}",
            repo.read("shed.yaml")
        );
        if has_greenlet(&repo) {
            agrees(&repo, "api", "", &[], "v");
        } else {
            repo.shed(["migrate"]).any_stdout().any_stderr().ok();
        }
        repo.shed(["new", "-m", "a longer message", "--rev-id", "v3"]).any_stdout().any_stderr().ok();
        let files = repo.files("alembic/versions");
        assert!(files.iter().any(|file| file.ends_with("-v3_a_longer.py") && file.starts_with("20")), "{files:?}");
    }
}

#[test]
fn a_shared_chain_that_begins_with_sql_on_postgresql() {
    let (repo, database) = (Repo::named("shared"), cluster().database());
    let env = "import os

from alembic import context
from sqlalchemy import create_engine, text

target_metadata = None


def get_url():
    url = os.getenv(\"SHOP_URL\")
    if not url:
        raise RuntimeError(\"SHOP_URL is not set\")
    return url


def run_migrations_online():
    engine = create_engine(get_url())
    with engine.connect() as connection:
        connection.execute(text(\"CREATE SCHEMA IF NOT EXISTS tools\"))
        connection.commit()
        context.configure(
            connection=connection,
            target_metadata=target_metadata,
            version_table=\"shop_version\",
            version_table_schema=\"tools\",
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()


if not context.is_offline_mode():
    run_migrations_online()
";
    chain(&repo, "", "database/migrations", "", env, "s", INVOICE);
    repo.shed(["adopt"]).arg(repo.path("")).env("SHOP_URL", database.url()).any_stdout().ok();
    let expected = format!(
        "{TOP}  # from alembic.ini
  shared:
    versions: database/migrations/versions
    configure:
      transaction_per_migration: true
    version_table: shop_version
    version_table_schema: tools
    on_connect: CREATE SCHEMA IF NOT EXISTS tools
    db:
      main:
        type: postgres
        connection:
          url: ${{SHOP_URL}}
"
    );
    assert!(crate::call::matches(&expected, &repo.read("shed.yaml")), "{}", repo.read("shed.yaml"));
    let theirs = |args: &[&str]| {
        let call = repo.call(repo.python()).args(["-m", "alembic"]).args(args).env("SHOP_URL", database.url());
        call.dir(repo.path("")).any_stdout().any_stderr().ok().stdout
    };
    theirs(&["upgrade", "+1"]);
    repo.shed(["current"]).env("SHOP_URL", database.url()).stdout(theirs(&["current"])).any_stderr().ok();
    repo.shed(["migrate"]).env("SHOP_URL", database.url()).any_stdout().any_stderr().ok();
    assert_eq!(theirs(&["current"]), "s2 (head)\n");
}

#[test]
fn four_chains_in_one_database_without_models() {
    let repo = Repo::named("etl");
    for (name, id) in [("raw", "r"), ("stage", "s"), ("mart", "m"), ("meta", "t")] {
        let env = env_py("target_metadata = None", &format!(", version_table=\"version_{name}\""), ENGINE);
        let table = format!("op.create_table('{name}', sa.Column('id', sa.Integer))");
        chain(
            &repo,
            &format!("pipelines/{name}"),
            "migrations",
            "sqlalchemy.url = sqlite:///%(here)s/../../etl.db",
            &env,
            id,
            &table,
        );
    }
    adopt(&repo, "pipelines");
    for (name, id) in [("raw", "r"), ("stage", "s"), ("mart", "m"), ("meta", "t")] {
        agrees(&repo, name, &format!("pipelines/{name}"), &[], id);
    }
    assert_eq!(repo.sqlite("etl.db").tables().len(), 8);
}

#[test]
fn sections_are_databases_of_one_chain_or_projects_of_their_own() {
    let repo = Repo::named("crm").file("models.py", MODELS);
    let before = "import models\ntarget_metadata = models.Base.metadata";
    let more = "sqlalchemy.url = sqlite:///one.db\n\n[staging]\nscript_location = alembic\nsqlalchemy.url = sqlite:///two.db\n\n[alembic:reports]\nscript_location = reports\nsqlalchemy.url = sqlite:///three.db\n";
    chain(&repo, "", "alembic", more, &env_py(before, "", ENGINE), "c", INVOICE);
    repo.write("reports/env.py", &env_py("target_metadata = None", "", ENGINE));
    repo.write("reports/versions/r1_.py", &revision_text("r1", "", "pass", "pass"));
    repo.write("reports/versions/r2_.py", &revision_text("r2", "r1", "pass", "pass"));
    adopt(&repo, "");
    let expected = format!(
        "{TOP}  # from alembic.ini
  crm:
    module: models.py
    metadata: Base.metadata
    versions: alembic/versions
    db:
      main:
        type: sqlite
        default: true
        connection:
          db_path: one.db
      staging:
        type: sqlite
        connection:
          db_path: two.db
  # from alembic.ini, section alembic:reports
  crm_reports:
    versions: reports/versions
    db:
      alembic_reports:
        type: sqlite
        connection:
          db_path: three.db
"
    );
    assert!(crate::call::matches(&expected, &repo.read("shed.yaml")), "{}", repo.read("shed.yaml"));
    agrees(&repo, "crm.main", "", &[], "c");
    agrees(&repo, "crm.staging", "", &["-n", "staging"], "c");
    agrees(&repo, "crm_reports", "", &["-n", "alembic:reports"], "r");
}

#[test]
fn an_env_py_that_does_more_than_settings_can_say_goes_on_running() {
    for environment in [NEW, OLD] {
        let repo = Repo::named("odd").on(environment).file("app/__init__.py", "").file("app/models.py", MODELS);
        let before = "import os

from app.models import Base

target_metadata = Base.metadata


def include_object(object, name, type_, reflected, compare_to):
    return not (type_ == \"table\" and reflected and compare_to is None)


for name in (\"ODD_A\", \"ODD_B\"):
    os.environ.setdefault(name, \"1\")
";
        let keywords = ", include_object=include_object";
        let engine = "create_engine(os.environ.get(\"ODD_URL\", \"sqlite:///odd.db\"))";
        chain(
            &repo,
            "",
            "alembic",
            "own_key = 1\nprepend_sys_path = .\nsqlalchemy.echo = false",
            &env_py(before, keywords, engine),
            "o",
            INVOICE,
        );
        adopt(&repo, "");
        let expected = format!(
            "{TOP}  # from alembic.ini
  odd:
    versions: alembic/versions
    env:
      ODD_URL: \"{{url}}\"
    alembic:
      sqlalchemy.echo: \"false\"
    # the project's own env.py runs, because of what settings cannot say:
    # - line 21: a loop: for name in (\"ODD_A\", \"ODD_B\"): os.environ.setdefault(name, …
    # - line 35: `include_object` is a function of env.py itself, which a `hooks` module cannot be: include_object
    # it does not find these keys of the ini any more: own_key
    env_py: alembic/env.py
    # ODD_URL is not set: `type` is a guess
    db:
      main:
        type: sqlite
        connection:
          url: ${{ODD_URL:-sqlite:///odd.db}}
"
        );
        let (expected, written) = (expected.replace(['"', '\''], ""), repo.read("shed.yaml").replace(['"', '\''], ""));
        assert!(
            crate::call::matches(&expected.replace("    # ODD_URL is not set: `type` is a guess\n", ""), &written),
            "{written}"
        );
        agrees(&repo, "odd", "", &[], "o");
        repo.shed(["check"]).any_stdout().any_stderr().ok();
    }
}

#[test]
fn callables_of_a_module_are_hooks_and_usual_ones_are_settings() {
    let repo = Repo::named("hooked").file("app/__init__.py", "").file("app/models.py", MODELS).file(
        "app/compare.py",
        "def include_object(object, name, type_, reflected, compare_to):\n    return name != 'kept'\n\n\ndef render_item(type_, obj, autogen_context):\n    return False\n",
    );
    let before = "from app.compare import include_object, render_item
from app.models import *  # noqa
from app.models import Base

target_metadata = Base.metadata
SCHEMAS = [None, \"main\"]


def include_name(name, type_, parent_names):
    if type_ == \"schema\":
        return name in SCHEMAS
    else:
        return True


def process_revision_directives(context, revision, directives):
    if config.cmd_opts.autogenerate:
        script = directives[0]
        if script.upgrade_ops.is_empty():
            directives[:] = []
            print(\"nothing\")
";
    let keywords = ", include_object=include_object, render_item=render_item, include_name=include_name, include_schemas=True, process_revision_directives=process_revision_directives, user_module_prefix=\"t.\"";
    chain(&repo, "", "alembic", "sqlalchemy.url = sqlite:///h.db", &env_py(before, keywords, ENGINE), "h", INVOICE);
    repo.write("alembic/script.py.mako", "\"\"\"${message}\"\"\"\nfrom alembic import op\nimport sqlalchemy as sa\nimport sqlmodel\n${imports if imports else \"\"}\n");
    adopt(&repo, "");
    let expected = format!(
        "{TOP}  # from alembic.ini
  # no empty revisions: shed writes none unless --allow-empty says so
  hooked:
    module: app/models.py
    metadata: Base.metadata
    versions: alembic/versions
    script_template: alembic/script.py.mako
    configure:
      user_module_prefix: t.
    hooks: app/compare.py
    schemas: main
    db:
      main:
        type: sqlite
        connection:
          db_path: h.db
"
    );
    assert!(crate::call::matches(&expected, &repo.read("shed.yaml")), "{}", repo.read("shed.yaml"));
    agrees(&repo, "hooked", "", &[], "h");
    repo.sqlite("h.db").execute("create table kept (id integer)");
    repo.shed(["check"]).stdout("No new upgrade operations detected.\n").any_stderr().ok();
}

/// Where env.py takes the URL from, and what the settings say then.
#[test]
fn the_url_is_followed_to_where_it_comes_from() {
    let base = "import os\nfrom app.config import settings, DSN\n";
    let cases = [
        ("config.set_main_option('sqlalchemy.url', os.environ['X_URL'])", ENGINE, "url: ${X_URL}"),
        (
            "config.set_main_option('sqlalchemy.url', os.getenv('X_URL', 'sqlite:///d.db'))",
            ENGINE,
            "url: ${X_URL:-sqlite:///d.db}",
        ),
        (
            "url = os.getenv('X_URL')\nif url:\n    config.set_main_option('sqlalchemy.url', url.replace('%', '%%'))",
            ENGINE,
            "url: ${X_URL:-sqlite:///ini.db}",
        ),
        (
            "",
            "create_engine(os.environ.get('X_URL') or config.get_main_option('sqlalchemy.url'))",
            "url: ${X_URL:-sqlite:///ini.db}",
        ),
        ("", ENGINE, "db_path: ini.db"),
        ("", "create_engine(settings.database_url)", "url: ${APP_DATABASE_URL:-sqlite:///field.db}"),
        ("", "create_engine(str(DSN))", "url: postgresql://${PG_USER}:${PG_PASSWORD}@${PG_HOST:-localhost}/app"),
        ("from app.db import engine", "engine", "url: ${ENGINE_URL}"),
        (
            "from app.db import get_url",
            "create_engine(get_url(), future=True)",
            "url: postgresql+psycopg://${DB_USER:-me}@h:5432/d",
        ),
        (
            "",
            "create_engine(str(settings.dsn))",
            "url: postgresql://${APP_USER}:${APP_PASSWORD}@${APP_HOST:-db}:${APP_PORT:-5432}/app",
        ),
        (
            "URL = f\"postgresql+psycopg://{os.environ['U']}:{os.environ['P']}@h:5432/d\"",
            "create_engine(URL)",
            "url: postgresql+psycopg://${U}:${P}@h:5432/d",
        ),
        (
            "section = config.get_section(config.config_ini_section)\nsection['sqlalchemy.url'] = os.environ['X_URL']",
            "engine_from_config(section)",
            "url: ${X_URL}",
        ),
        (
            "section = config.config_ini_section\nconfig.set_section_option(section, 'DB_USER', os.environ['DB_USER'])\nconfig.set_section_option(section, 'DB_PASS', os.environ['DB_PASS'])",
            ENGINE,
            "url: postgresql://${DB_USER}:${DB_PASS}@db.internal/app",
        ),
    ];
    for (before, engine, expected) in cases {
        let repo = Repo::named("x").file("app/__init__.py", "").file(
            "app/config.py",
            "import os\nfrom pydantic_settings import BaseSettings, SettingsConfigDict\n\n\nclass Settings(BaseSettings):\n    model_config = SettingsConfigDict(env_prefix='APP_')\n    database_url: str = 'sqlite:///field.db'\n    user: str\n    password: str\n    host: str = 'db'\n    port: int = 5432\n\n    @property\n    def dsn(self) -> str:\n        return f'postgresql://{self.user}:{self.password}@{self.host}:{self.port}/app'\n\n\nsettings = Settings()\nDSN = 'postgresql://' + os.environ['PG_USER'] + ':' + os.environ['PG_PASSWORD'] + '@' + os.getenv('PG_HOST', 'localhost') + '/app'\n",
        ).file("app/db.py", "import os\nfrom sqlalchemy import URL, create_engine\n\nengine = create_engine(os.environ['ENGINE_URL'])\n\n\ndef get_url():\n    user = os.getenv('DB_USER', 'me')\n    return URL.create('postgresql+psycopg', username=user, host='h', port=5432, database='d')\n");
        let url = if before.contains("DB_USER") {
            "postgresql://%(DB_USER)s:%(DB_PASS)s@db.internal/app"
        } else {
            "sqlite:///ini.db"
        };
        let env = env_py(&format!("{base}{before}\ntarget_metadata = None"), "", engine);
        chain(&repo, "", "alembic", &format!("sqlalchemy.url = {url}"), &env, "x", "pass");
        let said = repo.shed(["adopt", "--dry-run"]).arg(repo.path("")).any_stdout().ok().stdout;
        assert!(said.ends_with(&format!("          {expected}\n")), "{before}\n{engine}\n{said}");
        assert!(!said.contains("env_py"), "{said}");
        assert!(!repo.path("shed.yaml").exists());
    }
}

#[test]
fn a_password_is_never_written() {
    let repo = Repo::named("vault").file("models.py", MODELS);
    chain(
        &repo,
        "",
        "alembic",
        "sqlalchemy.url = postgresql+psycopg2://me:hunter%%2322@db.internal:6432/vault?sslmode=require",
        &env_py("target_metadata = None", "", ENGINE),
        "v",
        "pass",
    );
    let said = adopt(&repo, "");
    let text = repo.read("shed.yaml");
    assert!(!text.contains("hunter") && !said.stdout.contains("hunter"), "{text}{said:?}");
    let expected = "    # the URL holds a password, which is not written here: set VAULT_PASSWORD
    db:
      main:
        type: postgres
        db_name: vault
        driver: psycopg2
        connection:
          host: db.internal
          port: 6432
          user: me
          password: ${VAULT_PASSWORD}
          options:
            sslmode: require
";
    assert!(text.ends_with(expected), "{text}");
    repo.shed(["settings", "check"]).any_stdout().ok();
}

#[test]
fn what_is_in_the_settings_stays_and_names_are_kept_apart() {
    let repo = Repo::named("x").settings("# mine\nprojects:\n  shop:   # first\n    versions: other/versions\n");
    let env = env_py("target_metadata = None", "", ENGINE);
    chain(&repo, "a/shop", "alembic", "sqlalchemy.url = sqlite:///s.db", &env, "s", "pass");
    chain(&repo, "b/shop", "alembic", "sqlalchemy.url = sqlite:///s.db", &env, "s", "pass");
    adopt(&repo, "");
    let text = repo.read("shed.yaml");
    let before =
        "# mine\nprojects:\n  shop:   # first\n    versions: other/versions\n  # from a/shop/alembic.ini\n  shop_2:\n";
    assert!(
        text.starts_with(before) && text.contains("  # from b/shop/alembic.ini\n  shop_2_2:\n")
            || text.contains("  shop_3:\n"),
        "{text}"
    );
    repo.shed(["adopt", "--name", "shop"])
        .arg(repo.path("a/shop"))
        .stdout("a/shop/alembic.ini: project shop_2 has it already\n")
        .ok();
    repo.write("shed.yaml", "projects:\n  shop:\n    versions: other/versions\n");
    repo.shed(["adopt", "--name", "shop"])
        .arg(repo.path("a/shop"))
        .stderr("error: there is a project `shop` already\nhelp: give another --name\n")
        .fails(2);
    repo.shed(["adopt", "--name", "one"]).arg(repo.path("a/shop/alembic.ini")).any_stdout().ok();
    let said = repo.shed(["adopt", "--format", "json", "--dry-run"]).arg(repo.path("")).any_stdout().ok().stdout;
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&said["known"][0]["project"], &said["projects"][0]["project"]), (&"one".into(), &"shop_2".into()));
}

#[test]
fn the_order_and_the_bytes_are_the_same_each_time() {
    let texts: Vec<String> = (0..2)
        .map(|_| {
            let repo = Repo::named("same");
            for name in ["z", "a", "m"] {
                chain(
                    &repo,
                    name,
                    "alembic",
                    "sqlalchemy.url = sqlite:///s.db",
                    &env_py("target_metadata = None", "", ENGINE),
                    "s",
                    "pass",
                );
            }
            adopt(&repo, "");
            repo.read("shed.yaml")
        })
        .collect();
    assert_eq!(texts[0], texts[1]);
    let places: Vec<_> = ["\n  a:", "\n  m:", "\n  z:"].iter().map(|name| texts[0].find(name).unwrap()).collect();
    assert!(places.is_sorted());
}

#[test]
fn a_dbmate_folder_is_a_project_of_sql_files() {
    let repo = Repo::named("blog")
        .file("db/migrations/20240101000000_posts.sql", "-- migrate:up\ncreate table post (id integer);\n\n-- migrate:down\ndrop table post;\n")
        .file("svc/db/sql/1_a.sql", "-- migrate:up\n\n-- migrate:down\n")
        .file("svc/.env", "DBMATE_MIGRATIONS_DIR=./db/sql\nDBMATE_MIGRATIONS_TABLE=meta.done\nDATABASE_URL=postgres://me:secret22@h/d?sslmode=disable\n")
        .file("none/db/migrations/readme.sql", "select 1\n")
        .file(".env", "DATABASE_URL=\"sqlite:db/blog.sqlite3\"\n");
    let said = adopt(&repo, "").stdout;
    let expected = format!(
        "{TOP}  # from db/migrations (dbmate)
  blog:
    format: sql
    versions: db/migrations
    version_table: schema_migrations
    db:
      main:
        type: sqlite
        connection:
          db_path: db/blog.sqlite3
  # from svc/db/sql (dbmate)
  svc:
    format: sql
    versions: svc/db/sql
    version_table: done
    version_table_schema: meta
    # the URL holds a password, which is not written here: set SVC_PASSWORD
    # from DATABASE_URL in svc/.env, which shed does not read
    db:
      main:
        type: postgres
        db_name: d
        connection:
          host: h
          user: me
          password: ${{SVC_PASSWORD}}
          options:
            sslmode: disable
"
    );
    assert!(crate::call::matches(&expected, &repo.read("shed.yaml")), "{said}{}", repo.read("shed.yaml"));
    repo.shed(["settings", "check"]).any_stdout().ok();
}

#[test]
fn an_env_py_of_flask_migrate_gives_its_revisions() {
    let repo = Repo::named("site").file("migrations/alembic.ini", "[alembic]\n\n[loggers]\nkeys = root,flask_migrate\n\n[logger_root]\nlevel = WARN\n\n[logger_flask_migrate]\nlevel = INFO\nqualname = flask_migrate\n");
    repo.write("migrations/env.py", "import logging\nfrom logging.config import fileConfig\n\nfrom flask import current_app\nfrom alembic import context\n\nconfig = context.config\nfileConfig(config.config_file_name)\n\n\ndef get_engine_url():\n    return str(current_app.extensions['migrate'].db.engine.url)\n\n\nconfig.set_main_option('sqlalchemy.url', get_engine_url())\ntarget_db = current_app.extensions['migrate'].db\n\n\ndef run_migrations_online():\n    connectable = target_db.engine\n    with connectable.connect() as connection:\n        context.configure(connection=connection, target_metadata=target_db.metadata, **current_app.extensions['migrate'].configure_args)\n        with context.begin_transaction():\n            context.run_migrations()\n\n\nrun_migrations_online()\n");
    repo.write("migrations/versions/f1_.py", &revision_text("f1", "", "pass", "pass"));
    adopt(&repo, "");
    let text = repo.read("shed.yaml");
    assert!(
        text.contains("  # env.py asks a Flask application, which only `flask db` sets up: shed's own env.py runs\n"),
        "{text}"
    );
    assert!(text.contains("    versions: migrations/versions\n") && !text.contains("env_py:"), "{text}");
    repo.shed(["heads"]).stdout("f1 (head)\n").ok();
}

#[test]
fn hooks_after_writing_levels_and_places_are_carried() {
    let repo = Repo::named("tool");
    let more = "version_path_separator = os
version_locations = %(here)s/one:two
recursive_version_locations = true
sqlalchemy.url = sqlite:///t.db

[post_write_hooks]
hooks = tidy
tidy.type = exec
tidy.executable = %(here)s/tidy.sh
tidy.options = -l 79 REVISION_SCRIPT_FILENAME

[logger_sqlalchemy]
level = INFO
qualname = sqlalchemy.engine
";
    chain(&repo, "sub", "alembic", more, &env_py("target_metadata = None", "", ENGINE), "t", "pass");
    repo.write("sub/one/below/k1_.py", &revision_text("k1", "", "pass", "pass"));
    repo.program("sub/tidy.sh", "#!/bin/sh\necho '# tidied' >> \"$3\"\n");
    adopt(&repo, "");
    let expected = format!(
        "{TOP}  # from sub/alembic.ini
  sub:
    cwd: sub
    versions: [sub/one, sub/two]
    recursive: true
    alembic:
      post_write_hooks: [{{ name: tidy, type: exec, executable: \"%(here)s/sub/tidy.sh\", options: -l 79 REVISION_SCRIPT_FILENAME }}]
      log_levels:
        sqlalchemy.engine: INFO
    db:
      main:
        type: sqlite
        connection:
          db_path: sub/t.db
"
    );
    let (expected, written) = (expected.replace(['"', '\''], ""), repo.read("shed.yaml").replace(['"', '\''], ""));
    assert!(crate::call::matches(&expected, &written), "{written}");
    repo.shed(["new", "-m", "x", "--rev-id", "k2", "--version-path"])
        .arg(repo.path("sub/two"))
        .args(["--head", "base"])
        .any_stdout()
        .any_stderr()
        .ok();
    assert!(repo.read("sub/two/k2_x.py").ends_with("# tidied\n"));
    repo.shed(["heads"]).stdout("k1 (head)\nk2 (head)\n").ok();
}

#[test]
fn what_cannot_be_adopted_is_said_and_nothing_is_written() {
    let repo = Repo::named("empty")
        .file("readme.txt", "")
        .file("tox.ini", "[tox]\n")
        .file("pyproject.toml", "[project]\nname = \"x\"\n");
    let help = "help: name an alembic.ini, a pyproject.toml with [tool.alembic], or a folder with either or with db/migrations\n";
    repo.shed(["adopt"]).arg(repo.path("")).stderr(format!("error: nothing to adopt in $REPO\n{help}")).fails(2);
    repo.shed(["adopt"]).arg(repo.path("tox.ini")).stderr("error: $REPO/tox.ini tells of no migrations\nhelp: name an alembic.ini with a section [alembic], or a pyproject.toml with [tool.alembic]\n").fails(2);
    repo.shed(["adopt"]).arg(repo.path("nowhere")).stderr("error: could not read $REPO/nowhere: No such file or directory (os error 2)\nhelp: name a file or a folder\n").fails(2);
    repo.write("alembic.ini", &ini("gone", ""));
    let why = "alembic.ini, [alembic]: script_location is gone, which is no folder";
    repo.shed(["adopt"]).arg(repo.path("")).stderr(format!("error: {why}\nhelp: nothing was written\n")).fails(2);
    repo.write("gone/env.py", "from alembic import context\ndef run(:\n");
    let why = "gone/env.py cannot be read: line 2: [..]";
    repo.shed(["adopt"]).arg(repo.path("")).stderr(format!("error: {why}\nhelp: nothing was written\n")).fails(2);
    std::fs::write(repo.path("gone/env.py"), b"# \xff\n").unwrap();
    repo.shed(["adopt"]).arg(repo.path("")).stderr_has("gone/env.py cannot be read: it is not UTF-8\n").fails(2);
    assert!(!repo.path("shed.yaml").exists());
    chain(
        &repo,
        "good",
        "alembic",
        "sqlalchemy.url = sqlite:///g.db",
        &env_py("target_metadata = None", "", ENGINE),
        "g",
        "pass",
    );
    repo.shed(["adopt"])
        .arg(repo.path(""))
        .any_stdout()
        .stderr("warning: not adopted: gone/env.py cannot be read: it is not UTF-8\n")
        .fails(1);
    agrees(&repo, "good", "good", &[], "g");
    repo.write("pyproject.toml", "[tool.alembic\n");
    repo.remove("alembic.ini");
    repo.shed(["adopt"])
        .arg(repo.path("pyproject.toml"))
        .stderr_has("error: $REPO/pyproject.toml is no TOML\n")
        .fails(2);
}
