//! `shed adopt`: what is there becomes settings, and both say the same of the database.

use crate::call::Output;
use crate::repo::{NEW, OLD, Repo, revision_text};

pub const MODELS: &str = "from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Invoice(Base):
    __tablename__ = \"invoice\"

    id: Mapped[int] = mapped_column(primary_key=True)
";
pub const INVOICE: &str = "op.create_table('invoice', sa.Column('id', sa.Integer, primary_key=True))";
pub const TOP: &str = "# yaml-language-server: $schema=.shed/schema.json\n...\nprojects:\n";

/// An env.py as `alembic init` writes it, with lines of one's own before it, keywords of `context.configure`, and an engine.
pub fn env_py(before: &str, keywords: &str, engine: &str) -> String {
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

pub const ENGINE: &str = "engine_from_config(config.get_section(config.config_ini_section, {}), prefix=\"sqlalchemy.\", poolclass=pool.NullPool)";

pub fn ini(location: &str, more: &str) -> String {
    format!(
        "[alembic]\nscript_location = {location}\n{more}\n
[loggers]\nkeys = root\n\n[handlers]\nkeys = console\n\n[formatters]\nkeys =\n
[logger_root]\nlevel = WARN\nhandlers = console\n\n[handler_console]\nclass = StreamHandler\nargs = (sys.stderr,)\n"
    )
}

/// A folder with its own alembic.ini, env.py and two revisions.
pub fn chain(repo: &Repo, folder: &str, scripts: &str, settings: &str, env: &str, id: &str, upgrade: &str) {
    let at = |name: &str| if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
    repo.write(&at("alembic.ini"), &ini(scripts, settings));
    repo.write(&at(&format!("{scripts}/env.py")), env);
    let (first, second) = (format!("{id}1"), format!("{id}2"));
    repo.write(&at(&format!("{scripts}/versions/{first}_.py")), &revision_text(&first, "", upgrade, "pass"));
    repo.write(&at(&format!("{scripts}/versions/{second}_.py")), &revision_text(&second, &first, "pass", "pass"));
}

pub fn alembic(repo: &Repo, folder: &str, args: &[&str]) -> Output {
    let call = repo.call(repo.python()).args(["-m", "alembic"]).args(args).dir(repo.path(folder));
    call.any_stdout().any_stderr().ok()
}

/// Migrated by Alembic itself to its first revision, shed says the same, and goes on to the second.
pub fn agrees(repo: &Repo, target: &str, folder: &str, args: &[&str], id: &str) {
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
pub fn has_greenlet(repo: &Repo) -> bool {
    repo.call(repo.python()).args(["-c", "import greenlet, aiosqlite"]).run().code == 0
}

pub fn adopt(repo: &Repo, path: &str) -> Output {
    repo.shed(["adopt"]).arg(repo.path(path)).any_stdout().ok()
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
