"""The difference between models and database as SQL in the database's own words, for both directions."""

from __future__ import annotations

import contextlib
import io
from typing import Any, Callable, Dict, Iterator, List

from alembic.operations import Operations
from alembic.operations.ops import ModifyTableOps, OpContainer
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, event
from sqlalchemy.engine import Connection

from .refusal import Refusal

Run = Callable[[Any], None]
_DDL = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite!_%' ESCAPE '!' ORDER BY type <> 'table', rowid"


def blocks(context: MigrationContext, script: Any) -> Dict[str, str]:
    """Downwards it begins where upwards it ends."""
    both = [script.upgrade_ops, script.downgrade_ops]
    try:
        if context.dialect.name == "sqlite":
            assert context.connection is not None
            up, down = _on_a_copy(context.connection, both)
        else:
            up, down = (_as_text(context.dialect.name, operations) for operations in both)
    except Exception as error:
        words = (str(error).splitlines() or [type(error).__name__])[0]
        raise Refusal(
            "command",
            f"there is no SQL for this difference: {words}",
            "write it yourself: the same command without --auto makes the file",
        ) from error
    return {"up": up, "down": down}


def _as_text(dialect: str, operations: Any) -> str:
    buffer = io.StringIO()
    # Another style of parameters would double each %.
    opts = {"as_sql": True, "output_buffer": buffer, "literal_binds": True}
    context = MigrationContext.configure(dialect_name=dialect, dialect_opts={"paramstyle": "named"}, opts=opts)
    invoker = Operations(context)
    for operation in _each(operations):
        invoker.invoke(operation)
    return buffer.getvalue().strip()


def _each(container: Any) -> Iterator[Any]:
    for operation in container.ops:
        if isinstance(operation, OpContainer):
            yield from _each(operation)
        else:
            yield operation


def _on_a_copy(connection: Connection, both: List[Any]) -> List[str]:
    """SQLite changes a table by making it anew, and what that takes is only known from the table: it is done, on an
    empty copy in memory, and the statements are kept."""
    said: List[str] = []
    copy = create_engine("sqlite://")

    @event.listens_for(copy, "before_cursor_execute")
    def heard(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        text = statement.strip()
        if text.split(None, 1)[0].upper() in ("PRAGMA", "SELECT"):
            return
        if parameters:
            raise ValueError(f"it has parameters: {text}")
        said.append(text)

    texts: List[str] = []
    with copy.connect() as scratch:
        for (statement,) in connection.exec_driver_sql(_DDL):
            # What virtual tables keep their content in is there with them.
            with contextlib.suppress(Exception):
                scratch.exec_driver_sql(statement, execution_options={"no_parameters": True})
        for operations in both:
            said.clear()
            _carry_out(Operations(MigrationContext.configure(scratch)), operations)
            texts.append("\n\n".join(f"{text};" for text in said))
    return texts


def _carry_out(invoker: Operations, container: Any) -> None:
    for operation in container.ops:
        if isinstance(operation, ModifyTableOps):
            with invoker.batch_alter_table(operation.table_name, schema=operation.schema) as batch:
                for change in operation.ops:
                    batch.invoke(change)
        elif isinstance(operation, OpContainer):
            _carry_out(invoker, operation)
        else:
            invoker.invoke(operation)
