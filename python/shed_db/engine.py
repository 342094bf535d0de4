"""The engine of a run, and what is switched on as soon as it connects."""

from __future__ import annotations

from typing import Any, Callable, Dict

from sqlalchemy import create_engine, event
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.pool import NullPool, StaticPool


def options(in_memory: bool, arguments: Dict[str, Any]) -> Dict[str, Any]:
    """NullPool: a migration's connection must be gone when it is closed. In memory, closing would lose everything."""
    return {
        "poolclass": StaticPool if in_memory else NullPool,
        "hide_parameters": True,
        "connect_args": arguments,
    }


def create(url: URL, in_memory: bool, arguments: Dict[str, Any]) -> Engine:
    return create_engine(url, **options(in_memory, arguments))


def create_async(url: URL, in_memory: bool, arguments: Dict[str, Any]) -> Any:
    from sqlalchemy.ext.asyncio import create_async_engine

    return create_async_engine(url, **options(in_memory, arguments))


def make_sqlite_transactional(engine: Engine, writing: Callable[[], bool]) -> None:
    """Python's sqlite3 commits behind SQLAlchemy's back; here every transaction is a real one."""

    @event.listens_for(engine, "connect")
    def connected(dbapi_connection: Any, _record: Any) -> None:
        dbapi_connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def begins(connection: Connection) -> None:
        # The event fires in AUTOCOMMIT too, where VACUUM must find no transaction.
        if connection.get_execution_options().get("isolation_level") == "AUTOCOMMIT":
            return
        # A reader that took the write lock would wait behind every writer.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing() else "BEGIN")


def leave_foreign_keys_off(engine: Engine) -> None:
    """With them on, a table that a batch operation rebuilds takes the rows of others with it (ON DELETE CASCADE)."""

    # On the engine itself: listeners of the application's, on all engines, have run before it.
    @event.listens_for(engine, "connect")
    def connected(dbapi_connection: Any, _record: Any) -> None:
        turn_foreign_keys_off(dbapi_connection)


def turn_foreign_keys_off(dbapi_connection: Any) -> None:
    execute_raw(dbapi_connection, "PRAGMA foreign_keys=OFF")


def execute_raw(dbapi_connection: Any, statement: str) -> None:
    cursor = dbapi_connection.cursor()
    try:
        cursor.execute(statement)
    finally:
        cursor.close()


def watch_commits(engine: Engine, committing: Callable[[], None], autocommitting: Callable[[], None]) -> None:
    """Both are told before the database is."""

    @event.listens_for(engine, "commit")
    def commits(_connection: Connection) -> None:
        committing()

    @event.listens_for(engine, "set_connection_execution_options")
    def options_change(_connection: Connection, changed: Dict[str, Any]) -> None:
        if changed.get("isolation_level") == "AUTOCOMMIT":
            autocommitting()
