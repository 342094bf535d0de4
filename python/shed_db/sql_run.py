"""Running the blocks of one SQL file, unchanged: a `%` is a `%`."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional

from alembic import op
from sqlalchemy.exc import DBAPIError

from . import sql_text

# Of a statement in an error.
LONGEST = 1000
# A longer block is not taken apart to find the statement that failed.
TAKEN_APART = 1 << 20
UNCHANGED = {"no_parameters": True}


def runner(file: Any, direction: str) -> Callable[..., None]:
    """What Alembic calls as the `upgrade` or `downgrade` of a revision."""

    def run(**_: Any) -> None:
        content = file.read()
        for block in file.blocks(direction):
            Block(file, block, content[block["start"] : block["end"]].decode("utf-8")).run(op.get_context())

    # Alembic's log and its offline SQL say it.
    run.__name__ = "upgrade" if direction == "up" else "downgrade"
    return run


class Block:
    """From a directive to the next one."""

    def __init__(self, file: Any, block: Dict[str, Any], text: str) -> None:
        self._path = file.path
        self._line: int = block["line"]
        self._in_transaction: bool = block["transaction"]
        self._text = text

    def run(self, context: Any) -> None:
        dialect = context.dialect.name
        if sql_text.is_blank(self._text, dialect):
            return
        if self._in_transaction:
            self._execute(context, dialect)
        else:
            with context.autocommit_block():
                _leave_transaction(context)
                self._execute(context, dialect)

    def _execute(self, context: Any, dialect: str) -> None:
        if context.as_sql:
            context.impl.static_output(_closed(self._text, dialect))
            return
        for offset, statement in self._pieces(context.dialect):
            try:
                context.connection.exec_driver_sql(statement, execution_options=UNCHANGED).close()
            except DBAPIError as error:
                self._locate(error, offset, statement, dialect)
                raise

    def _pieces(self, dialect: Any) -> List[sql_text.Piece]:
        """A transaction takes PostgreSQL's block as one. Outside of one each statement stands for itself, or the server
        would put a transaction around them all; asyncpg takes one at a time."""
        if dialect.name == "sqlite" or not self._in_transaction or dialect.driver == "asyncpg":
            return sql_text.statements(self._text, dialect.name)
        return [(0, self._text)]

    def _locate(self, error: DBAPIError, offset: int, statement: str, dialect: str) -> None:
        """The line in the file, and not fifty megabytes of it."""
        position = _position(error)
        if position is not None:
            offset += position
            statement = self._around(offset, dialect)
        elif statement is self._text:
            offset, statement = self._only(dialect)
        error.statement = _cut(statement)
        error.shed_line = self._line + self._text.count("\n", 0, offset) if offset >= 0 else None  # type: ignore[attr-defined]

    def _only(self, dialect: str) -> sql_text.Piece:
        """Of several statements nobody says which one it was."""
        pieces = sql_text.statements(self._text, dialect) if len(self._text) <= TAKEN_APART else []
        return pieces[0] if len(pieces) == 1 else (-1, self._text)

    def _around(self, offset: int, dialect: str) -> str:
        if len(self._text) <= TAKEN_APART:
            for begin, statement in sql_text.statements(self._text, dialect):
                if begin <= offset < begin + len(statement) + 1:
                    return statement
        return self._text[max(0, offset - LONGEST // 2) : offset + LONGEST // 2]


def _leave_transaction(context: Any) -> None:
    """Asking pg8000 for the isolation level, as Alembic does there, begins a transaction."""
    if not context.as_sql and context.dialect.driver == "pg8000":
        context.connection.connection.dbapi_connection.rollback()


def _closed(text: str, dialect: str) -> str:
    """What follows must not become a part of its last statement."""
    text = text.replace("\r\n", "\n").strip()
    pieces = sql_text.statements(text, dialect)
    is_open = bool(pieces) and not pieces[-1][1].rstrip().endswith(";")
    return f"{text}\n;" if is_open else text


def _position(error: DBAPIError) -> Optional[int]:
    """From 0, in characters; each driver has it in its own place."""
    shown: Any = error.orig
    details = shown.args[0] if getattr(shown, "args", None) else None
    found = [
        getattr(getattr(shown, "diag", None), "statement_position", None),
        details.get("P") if isinstance(details, dict) else None,
        getattr(getattr(shown, "__cause__", None), "position", None),
    ]
    for value in found:
        if value is not None and str(value).isdigit():
            return int(value) - 1
    return None


def _cut(statement: str) -> str:
    statement = statement.strip()
    return statement if len(statement) <= LONGEST else statement[:LONGEST] + " …"
