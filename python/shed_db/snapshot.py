"""The scratch database at its heads, kept: a chain of many revisions is not replayed for one more."""

from __future__ import annotations

import ast
import contextlib
import hashlib
import json
import os
import sys
import tempfile
from typing import Any, Dict, Iterator, List, Optional, Tuple

import alembic
import sqlalchemy

from .runs import Run

# Fewer are replayed before a file is read.
WORTH = 50
LARGEST = 64 << 20
_PLAIN = {"alembic", "sqlalchemy", "sqlmodel", *getattr(sys, "stdlib_module_names", ())}
# With these in its text, a revision may do what cannot be seen from its imports.
_WORDS = ("target_metadata", "__import__", "import_module", "sys.modules", "exec(", "eval(")


class Snapshot:
    """Holds for a chain whose revisions are all still there, unchanged, and made of nothing but themselves."""

    def __init__(self, run: Run, place: str) -> None:
        self._run = run
        self._place = place
        self._files = _files(run.settings.versions)
        self._loaded: Optional[Dict[str, str]] = None
        self._plain = False

    @property
    def is_worth_it(self) -> bool:
        return len(self._files) > WORTH

    def load(self) -> None:
        """Into the database, where it holds."""
        # The models are imported here: what is opened from now on is the revisions' doing.
        stamp = self._stamp()
        with self._run.witness.quiet():
            self._load(stamp)

    def _load(self, stamp: List[str]) -> None:
        known = self._read()
        holds = known is not None and known["stamp"] == stamp and self._files.items() >= known["revisions"].items()
        if known is not None and holds and self._fill(known):
            self._loaded = known["revisions"]
        else:
            self._miss()
        new = self._files.items() - (self._loaded or {}).items()
        self._plain = all(_is_plain(path) for path, _ in new if path.endswith(".py"))

    def keep(self, looked_elsewhere: bool) -> None:
        """A cache that cannot be written to spoils nothing."""
        if self._plain and not looked_elsewhere and self._loaded != self._files:
            with contextlib.suppress(OSError):
                self._keep(self._files)

    def _fill(self, known: Dict[str, Any]) -> bool:
        """The empty database in memory."""
        path = os.path.join(os.path.dirname(self._place), known["file"])
        if _digest(path) != known["digest"]:
            return False
        self._copy(path, into_memory=True)
        return True

    def _miss(self) -> None:
        """There is none that holds."""

    def _keep(self, files: Dict[str, str]) -> None:
        before = self._read()
        handle, path = tempfile.mkstemp(prefix="heads-", suffix=".db", dir=os.path.dirname(self._place))
        os.close(handle)
        self._copy(path, into_memory=False)
        if os.path.getsize(path) > LARGEST:
            os.remove(path)
            return
        name = os.path.basename(path)
        facts = {"stamp": self._stamp(), "revisions": files, "file": name, "digest": _digest(path)}
        handle, aside = tempfile.mkstemp(prefix="new-", dir=os.path.dirname(self._place))
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(facts, file)
        os.replace(aside, self._place)
        if before is not None:
            os.remove(os.path.join(os.path.dirname(self._place), before["file"]))

    def _read(self) -> Optional[Dict[str, Any]]:
        try:
            with open(self._place, encoding="utf-8") as file:
                known = json.load(file)
            known["file"] = os.path.basename(known["file"])
            return known if {"stamp", "revisions", "digest"} <= set(known) else None
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def _stamp(self) -> List[str]:
        """What the same revisions make something else with."""
        sqlmodel = getattr(sys.modules.get("sqlmodel"), "__version__", "")
        metadata = self._run.project.metadata
        each = metadata if isinstance(metadata, (list, tuple)) else [metadata]
        names = [repr(sorted(getattr(one, "naming_convention", {}).items())) for one in each]
        return [alembic.__version__, sqlalchemy.__version__, sqlmodel, *self._library(), *names]

    def _library(self) -> List[str]:
        import sqlite3

        return [sqlite3.sqlite_version]

    def _copy(self, path: str, into_memory: bool) -> None:
        import sqlite3

        def work(connection: Any) -> None:
            memory = connection.connection.dbapi_connection
            file = sqlite3.connect(path)
            try:
                file.backup(memory) if into_memory else memory.backup(file)
            finally:
                file.close()

        assert self._run.database is not None
        self._run.database.use(work, writing=into_memory)


def of(run: Run, wanted: Dict[str, Any]) -> Optional[Snapshot]:
    """Without hooks that take part in migrating: SQLite in memory by Python's own driver, or a server's database."""
    database, is_filled = run.database, wanted.get("is_filled")
    if database is None or run.settings.hooks is not None or run.settings.env_py is not None:
        return None
    if is_filled is not None:
        from .snapshot_server import OnServer

        snapshot: Snapshot = OnServer(run, wanted["place"], is_filled)
    elif run.in_memory and database.driver == "pysqlite":
        snapshot = Snapshot(run, wanted["place"])
    else:
        return None
    return snapshot if snapshot.is_worth_it else None


def _files(folders: List[str]) -> Dict[str, str]:
    """The revisions by their digests; what lies beside them may be read by any of them, and stands as one."""
    found: Dict[str, str] = {}
    beside: List[Tuple[str, str]] = []
    for path in sorted(_walk(folders)):
        if path.endswith(".py"):
            found[path] = _digest(path)
        else:
            beside.append((path, _digest(path)))
    found[f"beside {hashlib.sha256(json.dumps(beside).encode()).hexdigest()}"] = ""
    return found


def _walk(folders: List[str]) -> Iterator[str]:
    for folder in folders:
        for root, below, files in os.walk(folder):
            below[:] = [name for name in below if name != "__pycache__"]
            yield from (os.path.abspath(os.path.join(root, name)) for name in files)


def _is_plain(path: str) -> bool:
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return False
    if any(word in text for word in _WORDS):
        return False
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.level or not _is_known(node.module)):
            return False
        if isinstance(node, ast.Import) and not all(_is_known(name.name) for name in node.names):
            return False
    return True


def _is_known(module: Optional[str]) -> bool:
    return (module or "").partition(".")[0] in _PLAIN


def _digest(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()
    except OSError:
        return ""
