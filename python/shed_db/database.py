"""The run's database: connections to it, made one way for every purpose."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator, Optional, Tuple, TypeVar

from sqlalchemy import text
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import NoSuchModuleError

from . import drivers, engine, url
from .refusal import Refusal
from .settings import Settings, schemas_of

Result = TypeVar("Result")
# "connection failed: connection to server on socket … failed: FATAL:  the reason"
_LIBPQ = re.compile(r"^(connection (failed|is bad): )?connection to server .*? failed: (FATAL: +)?")
NO_SERVER = (
    "refused",
    "no such file",
    "timeout",
    "resolve",
    "call failed",
    "communication error",
    "create a connection",
)
_ASYNCPG = re.compile(r"^<class '[\w.]+'>: ")


class Database:
    """Connects when it is first used; the driver is probed only then."""

    def __init__(self, settings: Settings, parts: Dict[str, Any], warn: Callable[[str], None]) -> None:
        self.settings = settings
        self.parts = parts
        self.dialect: str = parts["dialect"]
        self.writing = False
        self.on_commit: Callable[[], None] = lambda: None
        self.on_autocommit: Callable[[], None] = lambda: None
        self._warn = warn
        self._driver: Optional[str] = None
        self._engine: Any = None
        self._stands_in = False
        self._loop: Optional[asyncio.AbstractEventLoop] = None

    @property
    def in_memory(self) -> bool:
        """Alive as long as this process: an empty database is migrated first."""
        return self.dialect == "sqlite" and self.parts["path"] == ":memory:" and not self.settings.missing

    @property
    def transactional_sqlite(self) -> bool:
        return self.dialect == "sqlite" and self.settings.transactional

    @property
    def driver(self) -> str:
        if self._driver is None:
            self._driver, remark = drivers.choose(self.dialect, self.parts.get("driver"))
            if remark:
                self._warn(remark)
        return self._driver

    @property
    def name(self) -> str:
        """For sentences: a file, or the database and its server."""
        if self.dialect == "sqlite":
            return str(self.parts["path"])
        host, port = self.parts.get("host") or "the local server", self.parts.get("port")
        return f'"{self.parts.get("database")}" on {host}{f":{port}" if port else ""}'

    def url_text(self, exact: bool = False) -> str:
        """For the project's own code; unless it connects at once, no driver is imported to find one."""
        driver = self.parts.get("driver") or self._driver
        if driver is None:
            driver = self.driver if exact else drivers.likely(self.parts) or "psycopg"
        return url.text(self.parts, driver, self.settings.missing)

    def use(self, work: Callable[[Connection], Result], writing: bool = False) -> Result:
        """A new connection (the only one, in memory) for the time of `work`."""
        self.writing = writing
        try:
            if drivers.is_async(self.driver):
                return self.event_loop().run_until_complete(self._use_async(work))
            with self._connect() as connection:
                self._prepare(connection)
                return work(connection)
        finally:
            self.writing = False

    async def _use_async(self, work: Callable[[Connection], Result]) -> Result:
        def inside(connection: Connection) -> Result:
            self._prepare(connection)
            return work(connection)

        self._make_folder()
        try:
            connection = await self._open_engine().connect()
        except Exception as error:
            raise self._unreachable(error) from error
        try:
            return await connection.run_sync(inside)  # type: ignore[no-any-return]
        finally:
            await connection.close()

    def connect_aside(self) -> Any:
        """A second connection, in autocommit; of an async driver an async one."""
        if drivers.is_async(self.driver):
            return self.event_loop().run_until_complete(self._connect_aside_async())
        return self._connect().execution_options(isolation_level="AUTOCOMMIT")

    async def _connect_aside_async(self) -> Any:
        try:
            connection = await self._open_engine().connect()
        except Exception as error:
            raise self._unreachable(error) from error
        return await connection.execution_options(isolation_level="AUTOCOMMIT")

    def event_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
        return self._loop

    def _connect(self) -> Connection:
        self._make_folder()
        try:
            return self._open_engine().connect()  # type: ignore[no-any-return]
        except Exception as error:
            raise self._unreachable(error) from error

    def _open_engine(self) -> Any:
        missing = self._is_missing()
        if self._engine is None or (self._stands_in and not missing):
            self._stands_in = missing
            create = engine.create_async if drivers.is_async(self.driver) else engine.create
            address, arguments = self._address(missing)
            self._engine = create(
                address, address.database in (None, "", ":memory:") and self.dialect == "sqlite", arguments
            )
            self._listen(getattr(self._engine, "sync_engine", self._engine))
        return self._engine

    def _address(self, missing: bool) -> Tuple[URL, Dict[str, Any]]:
        if self.dialect == "sqlite":
            return url.sqlite(self.parts, self.driver, missing)
        return url.postgres(self.parts, self.driver, self.settings.project)

    def _is_missing(self) -> bool:
        """Reading from a SQLite file that is not there would make it: an empty database in memory stands in for it."""
        if self.settings.missing:
            return True
        path = str(self.parts.get("path"))
        is_file = self.dialect == "sqlite" and path != ":memory:" and not path.startswith("file:")
        return is_file and not self.writing and not os.path.exists(path)

    def _listen(self, opened: Engine) -> None:
        if self.transactional_sqlite:
            engine.make_sqlite_transactional(opened, lambda: self.writing)
        if self.dialect == "sqlite":
            engine.leave_foreign_keys_off(opened)
        engine.watch_commits(opened, lambda: self.on_commit(), lambda: self.on_autocommit())

    def _make_folder(self) -> None:
        if self.dialect == "sqlite" and self.writing and self.parts["path"] != ":memory:":
            os.makedirs(os.path.dirname(self.parts["path"]) or ".", exist_ok=True)

    def _prepare(self, connection: Connection) -> None:
        """Everything is committed: Alembic takes an open transaction for somebody else's and commits nothing."""
        if self.dialect == "sqlite":
            self._prepare_sqlite(connection)
        elif self.dialect == "postgresql":
            self._prepare_postgres(connection)
        connection.commit()
        if self.settings.schema_translate_map:
            connection.execution_options(schema_translate_map=schemas_of(self.settings))

    def _prepare_sqlite(self, connection: Connection) -> None:
        # On the driver's connection: several pragmas do nothing, or fail, inside a transaction.
        dbapi_connection = connection.connection.dbapi_connection
        for statement in self.settings.on_connect:
            with _blaming(f"on_connect: {statement}"):
                engine.execute_raw(dbapi_connection, statement)
        if self.settings.on_connect:
            if not self.settings.transactional:
                connection.connection.commit()
            engine.turn_foreign_keys_off(dbapi_connection)

    def _prepare_postgres(self, connection: Connection) -> None:
        settings = self.settings
        values = {"lock_timeout": settings.lock_timeout, "statement_timeout": settings.statement_timeout}
        if settings.schema:
            preparer = connection.dialect.identifier_preparer
            values["search_path"] = preparer.quote_identifier(settings.schema)
        for name, value in values.items():
            if value is not None:
                with _blaming(f"{name}: {value}"):
                    connection.execute(text("SELECT set_config(:name, :value, false)"), {"name": name, "value": value})
        if settings.schema:
            connection.dialect.default_schema_name = settings.schema
        for statement in settings.on_connect:
            with _blaming(f"on_connect: {statement}"):
                # psycopg2 takes a lone % for a parameter otherwise.
                connection.exec_driver_sql(statement, execution_options={"no_parameters": True})

    def _unreachable(self, error: Exception) -> Refusal:
        if isinstance(error, Refusal):
            return error
        if isinstance(error, (ImportError, NoSuchModuleError)):
            return Refusal("environment", f'the driver "{self.driver}" cannot be used in {sys.executable}: {error}')
        message = _LIBPQ.sub("", (message_of(error).splitlines() or [type(error).__name__])[0])
        return Refusal(
            "connect",
            f"could not connect to {self.name}: {message}",
            _connect_help(message, self.settings.target),
            database_message=message_of(error),
        )


@contextmanager
def _blaming(key: str) -> Iterator[None]:
    """What the settings say and the database refuses."""
    try:
        yield
    except Exception as error:
        raise Refusal("settings", f"`{key}` failed: {message_of(error)}") from error


def message_of(error: BaseException) -> str:
    """The database's own words, without what the driver puts around them."""
    shown = getattr(error, "orig", None) or error
    details = shown.args[0] if shown.args else None
    if isinstance(details, dict):  # pg8000
        return str(details.get("M", details))
    return _ASYNCPG.sub("", str(shown)).strip()


def _connect_help(message: str, target: str) -> Optional[str]:
    lowered = message.lower()
    if "database" in lowered and "does not exist" in lowered:
        return f"shed create {target}" if target else None
    if "password" in lowered or "authentication" in lowered:
        return "check the user and the password of the connection"
    if any(sign in lowered for sign in NO_SERVER):
        return "is the server running, and are host and port right?"
    return None
