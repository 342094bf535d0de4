//! `shed adopt` on the layouts that repositories have.

use crate::adopt::{ENGINE, INVOICE, MODELS, TOP, adopt, agrees, alembic, chain, env_py, has_greenlet, ini};
use crate::call::matches;
use crate::cluster::cluster;
use crate::repo::{NEW, OLD, Repo, environment, revision_text};

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
    assert!(matches(&expected, &repo.read("shed.yaml")), "{}", repo.read("shed.yaml"));
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
    assert!(matches(&expected, &repo.read("shed.yaml")), "{}", repo.read("shed.yaml"));
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
    assert!(matches(&expected, &repo.read("shed.yaml")), "{}", repo.read("shed.yaml"));
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
            matches(&expected.replace('"', ""), &repo.read("shed.yaml").replace(['"', '\''], "")),
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
        assert!(files.iter().any(|file| file.ends_with("-v3_a_longer_.py") && file.starts_with("20")), "{files:?}");
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
    assert!(matches(&expected, &repo.read("shed.yaml")), "{}", repo.read("shed.yaml"));
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
    assert!(matches(&expected, &repo.read("shed.yaml")), "{}", repo.read("shed.yaml"));
    agrees(&repo, "crm.main", "", &[], "c");
    agrees(&repo, "crm.staging", "", &["-n", "staging"], "c");
    agrees(&repo, "crm_reports", "", &["-n", "alembic:reports"], "r");
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
    assert!(matches(&expected, &repo.read("shed.yaml")), "{said}{}", repo.read("shed.yaml"));
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
        assert!(matches(&expected, &repo.read("shed.yaml")), "{template}: {}", repo.read("shed.yaml"));
        if !driver.is_empty() && !has_greenlet(&repo) {
            repo.shed(["migrate"]).any_stdout().any_stderr().ok();
        } else {
            agrees(&repo, "billing", "", &[], "a");
        }
        repo.shed(["check"]).stdout("No new upgrade operations detected.\n").any_stderr().ok();
    }
}

#[test]
fn an_env_py_with_several_engines_is_passed_over() {
    let repo = Repo::named("several");
    alembic(&repo, "", &["init", "-t", "multidb", "migrations"]);
    let why = "alembic.ini, [alembic]: its env.py migrates several databases in one run (engine1, engine2), and a run of shed has one: go on with `alembic` for it";
    let said = repo.shed(["adopt"]).arg(repo.path("")).any_stdout().any_stderr().fails(2).stderr;
    assert!(said.contains(why), "{said}");
    assert!(!repo.path("shed.yaml").exists(), "nothing is written where nothing can be taken");
    chain(
        &repo,
        "other",
        "alembic",
        "sqlalchemy.url = sqlite:///other.db",
        &env_py("target_metadata = None", "", ENGINE),
        "o",
        "pass",
    );
    let done = repo.shed(["adopt"]).arg(repo.path("")).any_stdout().any_stderr().fails(1);
    assert!(done.stderr.contains(why) && repo.read("shed.yaml").contains("  other:\n"), "{}", done.stderr);
}
