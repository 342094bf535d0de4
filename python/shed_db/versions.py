"""The version table: its name, its rows, its width."""

from __future__ import annotations

from typing import NamedTuple, Optional, Tuple

from alembic.script import ScriptDirectory
from sqlalchemy import String, column, inspect, select, table
from sqlalchemy.engine import Connection
from sqlalchemy.schema import CreateSchema

from .settings import Settings

DEFAULT_NAME = "alembic_version"
ALEMBICS_WIDTH = 32
WIDE = 255


class VersionTable(NamedTuple):
    """Where Alembic keeps the revisions that a database holds."""

    name: str
    schema: Optional[str]
    column: str = "version_num"

    def rows(self, connection: Connection) -> Optional[Tuple[str, ...]]:
        """The heads in the database; None where there is no version table."""
        schema = self.effective_schema(connection)
        if not inspect(connection).has_table(self.name, schema=schema):
            return None
        versions = table(self.name, column(self.column), schema=schema)
        return tuple(sorted(connection.execute(select(versions.c[self.column])).scalars()))

    def length(self, connection: Connection) -> Optional[int]:
        """The width of the column; None where it has none."""
        columns = inspect(connection).get_columns(self.name, schema=self.effective_schema(connection))
        types = {entry["name"]: entry["type"] for entry in columns}
        return getattr(types.get("version_num"), "length", None)

    def effective_schema(self, connection: Connection) -> Optional[str]:
        """The default schema by name would make autogenerate take the table for a stranger's."""
        return None if self.schema == connection.dialect.default_schema_name else self.schema


def from_settings(settings: Settings) -> VersionTable:
    name = settings.version_table or settings.configure.get("version_table")
    schema = settings.version_table_schema or settings.configure.get("version_table_schema")
    if settings.sql is not None:
        return VersionTable(name or "schema_migrations", schema, "version")
    return VersionTable(name or DEFAULT_NAME, schema)


def width(script: ScriptDirectory) -> Optional[int]:
    """How wide the column must be, where Alembic's own width does not do."""
    longest = max((len(revision.revision) for revision in script.walk_revisions()), default=0)
    return max(WIDE, longest) if longest > ALEMBICS_WIDTH else None


def make_room(connection: Connection, versions: VersionTable, needed: Optional[int], commits: bool = True) -> None:
    """Before a run that writes: the schema exists, and the column is wide enough."""
    schema = versions.effective_schema(connection)
    inspector = inspect(connection)
    if schema is not None and schema not in inspector.get_schema_names():
        connection.execute(CreateSchema(schema))
    elif needed is not None and inspector.has_table(versions.name, schema=schema):
        length = versions.length(connection)
        if length is not None and length < needed:
            connection.exec_driver_sql(widening(connection.dialect, versions.name, schema, needed))
    if commits:
        connection.commit()


def widening(dialect: object, name: str, schema: Optional[str], needed: int) -> str:
    preparer = dialect.identifier_preparer  # type: ignore[attr-defined]
    shown = preparer.quote(name) if schema is None else f"{preparer.quote_schema(schema)}.{preparer.quote(name)}"
    return f"ALTER TABLE {shown} ALTER COLUMN version_num TYPE VARCHAR({needed})"


def create_wide(version_table: object, needed: int) -> None:
    version_table.c.version_num.type = String(needed)  # type: ignore[attr-defined]
