"""The difference between models and database as SQL in the database's own words, for both directions.

The code that Alembic would write into a Python revision is run, and what it says to the database is kept.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from typing import Any, Dict, List

import sqlalchemy
from alembic.autogenerate import render_python_code
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, event
from sqlalchemy.engine import Connection

from . import sql_types
from .refusal import Refusal

# Another style of parameters would double each %.
PLAIN = {"paramstyle": "named"}
_DDL = (
    "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite!_%' ESCAPE '!' "
    "ORDER BY type <> 'table', rowid"
)


def blocks(context: MigrationContext, script: Any, imports: List[str]) -> Dict[str, str]:
    """Downwards it begins where upwards it ends."""
    try:
        both = [_code(context, operations, imports) for operations in (script.upgrade_ops, script.downgrade_ops)]
        assert context.connection is not None
        if context.dialect.name == "sqlite":
            up, down = _on_a_copy(context.connection, both)
        else:
            up, down = (_as_text(context.dialect.name, code) for code in both)
            up, down = sql_types.settle(context.connection, script, up, down)
    except Exception as error:
        words = (str(error).splitlines() or [type(error).__name__])[0]
        raise Refusal(
            "command",
            f"there is no SQL for this difference: {words}",
            "write it yourself: the same command without --auto makes the file",
        ) from error
    return {"up": _tidy(up), "down": _tidy(down)}


def _tidy(text: str) -> str:
    """Without what nobody sees, unless a text may go over several lines."""
    lines = text.replace("\t", "    ").split("\n")
    return text if any(line.count("'") % 2 for line in lines) else "\n".join(line.rstrip() for line in lines)


def _code(context: MigrationContext, operations: Any, imports: List[str]) -> str:
    """What stands in a revision, with its imports."""
    render_item, rendering = context.opts.get("render_item"), []

    def rendered(kind: str, item: Any, autogenerate: Any) -> Any:
        rendering.append(autogenerate)
        return render_item(kind, item, autogenerate) if render_item is not None else False

    body = render_python_code(
        operations,
        render_as_batch=bool(context.opts.get("render_as_batch")),
        render_item=rendered,
        migration_context=MigrationContext.configure(dialect_name=context.dialect.name, dialect_opts=PLAIN),
        user_module_prefix=context.opts.get("user_module_prefix"),
    )
    needed = sorted(rendering[0].imports) if rendering else []
    return "\n".join([*imports, *needed, "def run():", f"    {body}"])


def _run(code: str, context: MigrationContext) -> None:
    names: Dict[str, Any] = {"op": Operations(context), "sa": sqlalchemy}
    exec(code, names)
    with warnings.catch_warnings():
        # What they warn of is told when the file is run, if at all.
        warnings.simplefilter("ignore")
        names["run"]()


def _as_text(dialect: str, code: str) -> str:
    buffer = io.StringIO()
    opts = {"as_sql": True, "output_buffer": buffer, "literal_binds": True}
    _run(code, MigrationContext.configure(dialect_name=dialect, dialect_opts=PLAIN, opts=opts))
    return buffer.getvalue().strip()


def _on_a_copy(connection: Connection, both: List[str]) -> List[str]:
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
        for code in both:
            said.clear()
            _run(code, MigrationContext.configure(scratch))
            texts.append("\n\n".join(f"{text};" for text in said))
    return texts
