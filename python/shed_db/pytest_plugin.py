"""In the wheel alone: fixtures for pytest: a scratch database at head, for one test or for the session.

Which target is meant stands in `shed_target` of pytest's configuration, or in a fixture of that name.
"""

from __future__ import annotations

import os
import shutil
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Optional, Tuple

import pytest

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

    from .calls import Within

SETTINGS = "shed_settings"
TARGET = "shed_target"
SERVER = "shed_server"


@dataclass(frozen=True)
class ShedDatabase:
    """A database at head that is gone when its fixture ends."""

    target: str
    """Whose migrations it holds."""
    url: str = field(repr=False)
    """SQLAlchemy's URL, with a driver that is installed."""
    parts: Dict[str, Any] = field(repr=False)
    """`dialect`, and `path` or `host`, `port`, `user`, `password`, `database`."""
    _engines: List[Any] = field(default_factory=list, repr=False, compare=False)

    @property
    def dialect(self) -> str:
        return str(self.parts["dialect"])

    def engine(self, **keywords: Any) -> Engine:
        """A new engine, disposed of when the fixture ends."""
        from sqlalchemy import create_engine

        engine = create_engine(self.url, **keywords)
        self._engines.append(engine)
        return engine


class Head:
    """One database at head, of which each test gets a copy: migrating takes longer than copying."""

    def __init__(self, target: str, settings: Optional[str], server: Optional[str], folder: str) -> None:
        self._target = target
        self._within: Within = {} if settings is None else {"settings": settings}
        self._folder = folder
        self._server = self._server_for(server)
        self._name = self._new_name()

    def _server_for(self, server: Optional[str]) -> Optional[str]:
        """None for SQLite; the first PostgreSQL server of `development` where none is named."""
        found = self._asked(["targets"])["targets"]
        kinds = {one["type"] for one in found if self._target in (one["target"], one["project"])}
        if server is None and "postgres" not in kinds:
            return None
        if server is not None:
            return server if server.startswith("development.") else f"development.{server}"
        for name, entry in self._servers().items():
            if entry.get("embedded") or entry.get("type") == "postgres":
                return f"development.{name}"
        raise pytest.UsageError(f"{self._target} is of PostgreSQL, and `development` of the settings has no server")

    def migrate(self) -> None:
        name = self._name
        words = ["upgrade", self._target, "--no-backup"]
        if self._server is None:
            self._asked(words, {"SHED_DATABASE_URL": f"sqlite:///{name}"})
        else:
            self._asked([*words, f"--on={self._server}/{name}", "--create"])

    def _new_name(self) -> str:
        name = f"shed_test_{uuid.uuid4().hex[:16]}"
        return name if self._server is not None else os.path.join(self._folder, f"{name}.db")

    @contextmanager
    def copy(self) -> Iterator[ShedDatabase]:
        name = self._new_name()
        if self._server is None:
            shutil.copyfile(self._name, name)
        else:
            self._asked(["clone", f"{self._server}/{self._name}", f"{self._server}/{name}", "--yes"])
        database = self._described(name)
        try:
            yield database
        finally:
            for engine in database._engines:
                engine.dispose()
            self._remove(name)

    def remove(self) -> None:
        self._remove(self._name)

    def _remove(self, name: str) -> None:
        if self._server is not None:
            self._asked(["drop", f"{self._server}/{name}", "--yes", "--force", "--if-exists"])
            return
        for ending in ("", "-wal", "-shm", "-journal"):
            if os.path.exists(name + ending):
                os.remove(name + ending)

    def _described(self, name: str) -> ShedDatabase:
        from . import drivers, url

        if self._server is None:
            parts: Dict[str, Any] = {"dialect": "sqlite", "path": name}
        else:
            parts = {"dialect": "postgresql", "database": name, **self._connection()}
        driver = drivers.likely(parts) or "psycopg"
        return ShedDatabase(self._target, url.text(parts, driver), parts)

    def _connection(self) -> Dict[str, Any]:
        assert self._server is not None
        entry = self._servers()[self._server.partition(".")[2]]
        if entry.get("embedded"):
            server = self._asked(["server", "status", self._server])["servers"][0]
            return {name: server[name] for name in ("host", "port", "user")}
        connection = entry.get("connection") or {}
        found = {name: connection[name] for name in ("host", "port", "user") if name in connection}
        return {**found, **_password(connection.get("password"))}

    def _servers(self) -> Dict[str, Any]:
        shown = self._asked(["settings", "show"])
        servers = (shown.get("development") or {}).get("db") or {}
        return dict(servers)

    def _asked(self, words: List[str], env: Optional[Dict[str, str]] = None) -> Dict[str, Any]:
        from .calls import Call
        from .errors import of
        from .running import run

        def read(document: Dict[str, Any], code: int) -> Dict[str, Any]:
            if code:
                raise of(code, {}, f"error: shed {' '.join(words)}: exit code {code}")
            return document

        within: Within = {**self._within, "env": env or {}}
        return run(Call(words, read, within))


def _password(written: Any) -> Dict[str, str]:
    """shed does not tell a password; one that the settings take from a variable is taken from there here too."""
    text = str(written or "")
    if text.startswith("${") and text.endswith("}"):
        name, _, default = text[2:-1].partition(":-")
        found = os.environ.get(name, default)
        return {"password": found} if found else {}
    return {}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini(TARGET, "the target of shed whose migrations the scratch databases get")
    parser.addini(SETTINGS, "the settings file of shed, from the root of the tests; otherwise it is looked for")
    parser.addini(SERVER, "the server under `development` that holds the scratch databases of PostgreSQL")


@pytest.fixture(scope="session")
def shed_target(pytestconfig: pytest.Config) -> str:
    """The target; to be overridden where one is not enough."""
    target = str(pytestconfig.getini(TARGET) or "")
    if not target:
        raise pytest.UsageError(f"set `{TARGET}` in pytest's configuration, or define a fixture {TARGET}")
    return target


@pytest.fixture(scope="session")
def _shed_head(
    shed_target: str, pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Head]:
    settings, server = _configured(pytestconfig)
    head = Head(shed_target, settings, server, str(tmp_path_factory.mktemp("shed")))
    try:
        head.migrate()
        yield head
    finally:
        head.remove()


def _configured(config: pytest.Config) -> Tuple[Optional[str], Optional[str]]:
    settings = config.getini(SETTINGS)
    return os.path.join(config.rootpath, settings) if settings else None, config.getini(SERVER) or None


@pytest.fixture
def shed_database(_shed_head: Head) -> Iterator[ShedDatabase]:
    """A database at head for this test alone."""
    with _shed_head.copy() as database:
        yield database


@pytest.fixture(scope="session")
def shed_database_session(_shed_head: Head) -> Iterator[ShedDatabase]:
    """A database at head for all tests of the session together."""
    with _shed_head.copy() as database:
        yield database
