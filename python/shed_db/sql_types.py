"""PostgreSQL's enum types in generated SQL: made once, where they are missing, and dropped by who made them.

Alembic makes them with every table that it makes, never with a column that it adds, and drops none.
"""

from __future__ import annotations

import re
from typing import Any, Iterator, List, Tuple

import sqlalchemy
from alembic.operations.ops import AddColumnOp
from sqlalchemy.dialects.postgresql import ENUM, dialect
from sqlalchemy.engine import Connection

from . import sql_text

_CREATE = re.compile(r'CREATE TYPE ((?:"(?:[^"]|"")*"|[\w$.])+) AS ENUM', re.IGNORECASE)


def settle(connection: Connection, script: Any, up: str, down: str) -> Tuple[str, str]:
    """Both blocks with the types that this database needs for them."""
    missing = [text for text in _of_new_columns(script.upgrade_ops) if not _is_there(connection, _name(text))]
    kept: List[str] = []
    for statement in [*missing, *_statements(up)]:
        name = _name(statement)
        if not name or not (_is_there(connection, name) or name in map(_name, kept)):
            kept.append(statement)
    made = [name for name in map(_name, kept) if name]
    rest = [statement for statement in _statements(down) if not _name(statement)]
    dropped = [f"DROP TYPE {name};" for name in reversed(made)]
    return "\n\n".join(kept), "\n\n".join([*rest, *dropped])


def _statements(text: str) -> List[str]:
    return [statement for _, statement in sql_text.statements(text, "postgresql")]


def _name(statement: str) -> str:
    """Of the type that it makes."""
    match = _CREATE.match(statement)
    return match.group(1) if match else ""


def _is_there(connection: Connection, name: str) -> bool:
    return connection.execute(sqlalchemy.text("select to_regtype(:name)"), {"name": name}).scalar() is not None


def _of_new_columns(container: Any) -> Iterator[str]:
    for operation in getattr(container, "ops", ()):
        if isinstance(operation, AddColumnOp):
            yield from _creating(operation.column.type)
        else:
            yield from _of_new_columns(operation)


def _creating(kind: Any) -> Iterator[str]:
    """An array has the type of its items."""
    own = dialect(paramstyle="named")
    impl = getattr(kind, "item_type", kind).dialect_impl(own)
    if isinstance(impl, ENUM) and impl.name:
        preparer = own.identifier_preparer
        values = ", ".join(f"""'{value.replace("'", "''")}'""" for value in impl.enums)
        yield f"CREATE TYPE {preparer.format_type(impl)} AS ENUM ({values});"
