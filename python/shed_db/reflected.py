"""A database in the place of the models: its tables as a MetaData."""

from __future__ import annotations

import dataclasses
from typing import Any, Dict, List, Optional

from alembic.runtime.migration import MigrationContext
from sqlalchemy import MetaData, event, inspect
from sqlalchemy.engine import Connection

from . import models, versions
from .database import Database
from .filters import Filters
from .models import Project
from .runs import Run
from .settings import Settings


def read(run: Run, keys: Dict[str, Any]) -> MetaData:
    """`keys`: what the settings say of that database alone."""
    known = {entry.name for entry in dataclasses.fields(Settings)}
    own = dataclasses.replace(run.settings, **{name: value for name, value in keys.items() if name in known})
    own.models, own.env_py = None, None
    assert run.other_parts is not None
    return Database(own, run.other_parts, run.warn).use(lambda connection: _read(own, connection))


def stand_in(run: Run, metadata: MetaData) -> None:
    """Compared instead of the models, which are not imported."""
    run.settings.models, run.settings.env_py = None, None
    # Both sides have the words of the database itself.
    run.settings.configure = {"compare_server_default": True, **run.settings.configure}
    run.use_project(models.given(Project(run.settings), metadata))


def _read(settings: Settings, connection: Connection) -> MetaData:
    own = versions.from_settings(settings)
    filters = Filters(settings, Project(settings), [], connection.dialect.default_schema_name, (own.schema, own.name))
    metadata = MetaData()
    impl: Any = MigrationContext.configure(connection).impl

    @event.listens_for(metadata, "column_reflect")
    def reflects(inspector: Any, table: Any, column: Any) -> None:
        impl.autogen_column_reflect(inspector, table, column)

    for schema in _schemas(connection, filters):
        metadata.reflect(connection, schema=schema, only=_Admitted(filters, schema))
    return metadata


class _Admitted:
    """Which tables of a schema are compared."""

    def __init__(self, filters: Filters, schema: Optional[str]) -> None:
        self._filters, self._schema = filters, schema

    def __call__(self, name: str, _: MetaData) -> bool:
        if self._filters.is_others(self._schema, name):
            return False
        return self._filters.include_name(name, "table", {"schema_name": self._schema})


def _schemas(connection: Connection, filters: Filters) -> List[Optional[str]]:
    if not filters.include_schemas:
        return [None]
    default = connection.dialect.default_schema_name
    names = [name for name in inspect(connection).get_schema_names() if name not in (default, "information_schema")]
    return [None, *(name for name in names if filters.include_name(name, "schema", {}))]
