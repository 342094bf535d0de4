"""A connection of its own beside the migration's, in autocommit, for a few plain questions."""

from __future__ import annotations

import contextlib
from typing import Any, List, Optional, Sequence

from . import drivers
from .database import Database


class Session:
    """Open until it is closed."""

    def __init__(self, database: Database) -> None:
        self._loop = database.event_loop() if drivers.is_async(database.driver) else None
        self._connection = database.connect_aside()

    @property
    def can_ask(self) -> bool:
        """An async driver cannot be asked while it is at work for somebody else."""
        return self._loop is None or not self._loop.is_running()

    def ask(self, statement: str) -> List[Sequence[Any]]:
        if self._loop is not None:
            return self._loop.run_until_complete(self._connection.run_sync(_ask, statement))
        return _ask(self._connection, statement)

    def pid(self) -> Optional[int]:
        """The server's process behind this connection."""
        return int(self.ask("select pg_backend_pid()")[0][0])

    def lives(self) -> bool:
        try:
            self.ask("select 1")
        except Exception:
            return False
        return True

    def close(self) -> None:
        # A server that has ended the session already is no reason to fail.
        with contextlib.suppress(Exception):
            if self._loop is not None:
                self._loop.run_until_complete(self._connection.close())
            else:
                self._connection.close()


def _ask(connection: Any, statement: str) -> List[Sequence[Any]]:
    # psycopg2 takes a lone % for a parameter otherwise.
    result = connection.exec_driver_sql(statement, execution_options={"no_parameters": True})
    return list(result) if result.returns_rows else []
