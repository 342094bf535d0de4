"""What every comparison does, done once by the warm interpreter with nothing of any project: the patterns that were
compiled, the attributes that were found and the code that Python has specialized are there in every child."""

from __future__ import annotations

import contextlib
import gc
from typing import Any

from . import engine

# From so many targets on it saves more than it takes.
WORTH_IT = 8


def rehearse() -> None:
    """On a database in memory that is closed again: who forks must have no connection."""
    with contextlib.suppress(Exception):
        opened = engine.create(_url(), False, {})
        with opened.connect() as connection:
            _compare(connection)
        opened.dispose()
    gc.collect()


def _url() -> Any:
    from sqlalchemy.engine import URL

    return URL.create("sqlite")


def _compare(connection: Any) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    metadata = _models().metadata
    metadata.create_all(connection)
    context = MigrationContext.configure(connection, opts={"render_as_batch": True})
    context._ensure_version_table()
    context.get_current_heads()
    compare_metadata(context, metadata)


def _models() -> Any:
    from sqlalchemy import Column, ForeignKey, Integer, String
    from sqlalchemy.orm import declarative_base

    base: Any = declarative_base()
    type(
        "One",
        (base,),
        {
            "__tablename__": "one",
            "id": Column(Integer, primary_key=True),
            "name": Column(String(50), index=True),
        },
    )
    type(
        "Two",
        (base,),
        {
            "__tablename__": "two",
            "id": Column(Integer, primary_key=True),
            "one": Column(ForeignKey("one.id"), nullable=False),
        },
    )
    return base
