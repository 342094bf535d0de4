"""SQLite's foreign keys, off while migrations run, are looked at before each revision is committed."""

from __future__ import annotations

from collections import Counter
from typing import Any, Optional, Tuple

from sqlalchemy.exc import DBAPIError

from .refusal import Refusal

Broken = Optional["Counter[Tuple[Any, ...]]"]


class Check:
    """Compares the rows without a parent with those that were there before."""

    def __init__(self) -> None:
        self._before: Broken = None

    def begins(self, connection: Any) -> None:
        self._before = _broken(connection)

    def on_version_apply(self, ctx: Any, step: Any, **_: Any) -> None:
        now = None if self._before is None or step.is_stamp else _broken(ctx.connection)
        if now is None or self._before is None:
            return
        new = now - self._before
        if new:
            raise Refusal("migration", f"foreign keys are broken: {_sentence(new)}", _HELP)


_HELP = "the migration was not committed; move or delete these rows in it (foreign keys are off while migrations run)"


def _broken(connection: Any) -> Broken:
    try:
        rows = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
    except DBAPIError:
        return None  # a parent without a unique key: SQLite cannot say
    return Counter((row[0], row[2]) for row in rows)


def _sentence(broken: Counter[Tuple[Any, ...]]) -> str:
    return ", ".join(
        f'{count} row{"" if count == 1 else "s"} of "{table}" without a row in "{parent}"'
        for (table, parent), count in sorted(broken.items())
    )
