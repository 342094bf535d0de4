"""A run of plain `alembic` whose env.py calls shed's: the run, the database and the messages that shed would bring."""

from __future__ import annotations

import asyncio
import configparser
import logging
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any, Callable, Dict, Optional, Tuple, TypeVar, Union

from alembic.util import CommandError
from sqlalchemy.engine import URL, Connection, Engine, make_url

from . import drivers, env, given
from .database import Database
from .events import Events
from .redact import Redactor
from .refusal import Refusal
from .runs import Run
from .settings import Settings

Result = TypeVar("Result")

_LOG = logging.getLogger("shed_db")


def run(context: Any, target_metadata: Any, keywords: Dict[str, Any]) -> None:
    try:
        this = PlainRun(context, keywords.pop("url", None), keywords.get("transactional") is not False)
        schema = context.config.attributes.get("version_table_schema")
        if schema is not None:
            keywords["version_table_schema"] = keywords.get("version_table_schema") or schema
        given.take(this, target_metadata, keywords)
        env.migrate(this)
    except Refusal as refusal:
        help = f" ({refusal.help})" if refusal.help else ""
        raise CommandError(f"{refusal.text}{help}") from refusal


class PlainRun(Run):
    """Nobody waits for its events; what a person should know is logged."""

    def __init__(self, context: Any, url: Optional[Any], transactional: bool) -> None:
        config, script = context.config, context.script
        versions = [str(folder) for folder in script.version_locations or [f"{script.dir}/versions"]]
        settings = Settings(project="alembic", versions=versions, writes=True, transactional=transactional)
        super().__init__(settings, Logged(), None)
        self._folder = script.dir
        lent = config.attributes.get("connection")
        self.database = Lent(settings, lent) if lent is not None else Addressed(settings, _url(config, url), self.warn)
        options = _options(context)
        self.starts(options.command, options)

    @property
    def folder(self) -> str:
        return str(self._folder)


class Logged(Events):
    def __init__(self) -> None:
        super().__init__(None, "", "", Redactor([]))

    def write(self, event: str, **fields: Any) -> None:
        if event == "warning":
            _LOG.warning("%s", fields["text"])
        elif event == "empty":
            _LOG.info("no differences; no revision is written")


class Addressed(Database):
    """At SQLAlchemy's URL, as it is but for a driver that nobody named."""

    def __init__(self, settings: Settings, url: URL, warn: Callable[[str], None]) -> None:
        self._url = url
        name, _, driver = url.drivername.partition("+")
        dialect = "postgresql" if name == "postgres" else name
        path = url.database or ":memory:"
        parts = {"dialect": dialect, "driver": driver or None, "path": path, "host": url.host, "port": url.port}
        super().__init__(settings, {**parts, "database": url.database, "query": dict(url.query)}, warn)

    @property
    def driver(self) -> str:
        if self.dialect not in ("sqlite", "postgresql"):
            return self._url.get_driver_name()
        return super().driver

    def use(self, work: Callable[[Connection], Result], writing: bool = False) -> Result:
        """An application may call Alembic while its own event loop runs."""
        if not (drivers.is_async(self.driver) and _loop_runs()):
            return super().use(work, writing)
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(super().use, work, writing).result()

    def _address(self, missing: bool) -> Tuple[URL, Dict[str, Any]]:
        url = self._url
        if self.dialect in ("sqlite", "postgresql"):
            url = url.set(drivername=f"{self.dialect}+{self.driver}")
        return (url.set(database=":memory:") if missing else url), {}


class Lent(Database):
    """A connection of the caller's (`config.attributes["connection"]`), who opened it and closes it; or an engine."""

    def __init__(self, settings: Settings, connection: Union[Connection, Engine]) -> None:
        self._lent = connection
        settings.transactional = False  # that is decided where the engine is made
        parts = {"dialect": connection.dialect.name, "path": connection.engine.url.database or ":memory:"}
        super().__init__(settings, parts, lambda text: None)

    def use(self, work: Callable[[Connection], Result], writing: bool = False) -> Result:
        if isinstance(self._lent, Connection):
            return work(self._lent)
        with self._lent.connect() as connection:
            return work(connection)


def _loop_runs() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _url(config: Any, url: Optional[Any]) -> URL:
    found = url if url is not None else _configured(config)
    if not found:
        raise Refusal(
            "settings",
            "there is no database URL",
            "set sqlalchemy.url in the configuration, or give url= to run_migrations",
        )
    return make_url(found)


def _configured(config: Any) -> Optional[str]:
    """With a single % in it, too, which is an interpolation otherwise."""
    section, name = config.config_ini_section, "sqlalchemy.url"
    try:
        return config.get_main_option(name)  # type: ignore[no-any-return]
    except configparser.InterpolationError:
        return config.file_config.get(section, name, raw=True)  # type: ignore[no-any-return]


def _options(context: Any) -> Any:
    """What is asked of Alembic, on its command line or as a function: the function that env.py will run tells."""
    known = getattr(context, "_proxy", context).context_opts
    work = known.get("fn")
    command = getattr(work, "__qualname__", "").partition(".")[0]
    if getattr(work, "__module__", "") != "alembic.command":
        # Somebody's own function: it may write.
        command = "current" if known.get("dont_mutate") else "upgrade"
    arguments = getattr(known.get("revision_context"), "command_args", {})
    is_autogenerate = bool(arguments.get("autogenerate"))
    return SimpleNamespace(command=command, autogenerate=is_autogenerate, sql=bool(known.get("as_sql")))
