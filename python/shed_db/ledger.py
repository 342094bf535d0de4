"""What was done to a database, written down in it: a row for each step, in the step's own transaction."""

from __future__ import annotations

import hashlib
import os
import platform
import pwd
import time
from datetime import datetime, timezone
from typing import Any, Dict, List, Optional

from alembic import __version__
from sqlalchemy import Column, DateTime, Integer, MetaData, Table, Text, inspect, select
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from .database import message_of
from .progress import describe
from .refusal import Refusal
from .runs import Run

NAME = "shed_history"


def table(schema: Optional[str]) -> Table:
    return Table(
        NAME,
        MetaData(),
        Column("id", Integer, primary_key=True),
        Column("version_table", Text, nullable=False),
        Column("revision", Text, nullable=False),
        Column("direction", Text, nullable=False),
        Column("done_at", DateTime(timezone=True), nullable=False),
        Column("milliseconds", Integer, nullable=False),
        Column("os_user", Text),
        Column("host", Text),
        Column("git_commit", Text),
        Column("shed_version", Text),
        Column("alembic_version", Text),
        Column("file_sha256", Text),
        Column("backup", Text),
        schema=schema,
    )


class Ledger:
    """Of one Alembic command; the table is made when its first row is."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._table: Optional[Table] = None

    def on_version_apply(self, ctx: Any, **_: Any) -> None:
        """What is printed as SQL is run by others, at another time: it is not written down."""
        if ctx.as_sql or self._run.progress.step is None:
            return
        connection, version_table = ctx.connection, ctx._version
        try:
            if self._table is None:
                self._table = table(version_table.schema)
                self._table.create(connection, checkfirst=True)
            connection.execute(self._table.insert().values(**self._row(version_table.name)))
        except DBAPIError as error:
            raise Refusal(
                "migration",
                f"the step could not be written into {NAME}: {message_of(error)}",
                "`ledger: false` leaves it out",
                sql=error.statement,
                database_message=message_of(error),
            ) from error

    def _row(self, version_table: str) -> Dict[str, Any]:
        progress, wish = self._run.progress, self._run.settings.ledger or {}
        step = describe(progress.step)
        known = self._run.guard.go if self._run.guard is not None else {}
        return {
            "version_table": version_table,
            "revision": step["revision"] or "base",
            "direction": step["direction"],
            "done_at": datetime.now(timezone.utc),
            "milliseconds": round((time.monotonic() - progress.since) * 1000),
            "os_user": _user(),
            "host": platform.node() or None,
            "git_commit": known.get("git_commit"),
            "shed_version": wish.get("shed"),
            "alembic_version": __version__,
            "file_sha256": _digest(step["path"]),
            "backup": known.get("backup"),
        }


def of(run: Run) -> Optional[Ledger]:
    """Where the settings wish for it, and what is written stays."""
    wished = run.settings.ledger is not None and run.writes and not run.preparing and not run.in_memory
    return Ledger(run) if wished else None


def rows(run: Run) -> List[Dict[str, Any]]:
    """Newest first; a single None where there is no such table."""
    assert run.database is not None
    return run.database.use(lambda connection: _rows(run, connection))


def _rows(run: Run, connection: Connection) -> List[Dict[str, Any]]:
    schema = run.version_table.effective_schema(connection)
    if not inspect(connection).has_table(NAME, schema=schema):
        return [{"there": False}]
    own = table(schema)
    query = select(own).where(own.c.version_table == run.version_table.name).order_by(own.c.id.desc())
    return [{"there": True}, *(_told(dict(row)) for row in connection.execute(query).mappings())]


def _told(row: Dict[str, Any]) -> Dict[str, Any]:
    when = row["done_at"]
    if when.tzinfo is not None:
        when = when.astimezone(timezone.utc).replace(tzinfo=None)
    del row["id"], row["version_table"]
    return {**row, "done_at": when.isoformat(timespec="milliseconds") + "Z"}


def _user() -> str:
    """The system's word, whatever the environment says; a container's user may have no name."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _digest(path: Optional[str]) -> Optional[str]:
    if path is None:
        return None
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()
