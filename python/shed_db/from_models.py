"""`create --from-models`: the tables of the models in one transaction, then the revisions that they stand for."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Set, Tuple

from alembic.script import ScriptDirectory
from sqlalchemy import inspect
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateSchema

from . import metadata, models, verify
from .commands import Commands, config_of
from .database import message_of
from .filters import Filters
from .refusal import Refusal
from .runs import Run
from .settings import schemas_of


def make(commands: Commands, force: bool) -> None:
    run = commands.this
    database = run.database
    if database is None:
        raise Refusal("settings", "this command needs a database, and the run has none")
    if run.settings.env_py:
        raise Refusal(
            "settings",
            f"with `env_py` ({run.settings.env_py}) only that file knows what is to be made",
            f"shed migrate {run.settings.target}",
        )
    if run.load_project().metadata is None:
        raise models.nothing_to_compare(run.project)
    ScriptDirectory.from_config(config_of(run)).get_heads()  # a broken revision file is found before anything is made
    made = database.use(lambda connection: _make(run, connection, force), writing=True)
    run.events.write("result", data=made)
    try:
        commands.run(["stamp", "heads"])
        verify.verify(run)
    except Exception:
        run.warn(f"the tables are there, and no revision is stamped: shed stamp {run.settings.target} heads")
        raise


def _make(run: Run, connection: Connection, force: bool) -> Dict[str, List[str]]:
    """All or nothing."""
    with connection.begin():
        wanted = Wanted(run, connection)
        if not force:
            wanted.refuse_others()
        there = [table for table in wanted.tables if wanted.is_there(table)]
        try:
            schemas = wanted.make()
        except DBAPIError as error:
            words = message_of(error)
            text = f"{words.splitlines()[0]}; nothing was made"
            raise Refusal("migration", text, sql=error.statement, database_message=words) from error
        new = [table for table in wanted.tables if table not in there]
        return {"tables": wanted.names(new), "there": wanted.names(there), "schemas": schemas}


class Wanted:
    """What autogenerate would see of the models, and what the database holds of it."""

    def __init__(self, run: Run, connection: Connection) -> None:
        self._run, self._connection = run, connection
        self._inspector = inspect(connection)
        self._default: Optional[str] = connection.dialect.default_schema_name
        self._mapping = schemas_of(run.settings)
        target = run.project.metadata
        self.targets: List[Any] = target if isinstance(target, list) else [target]
        own = run.version_table
        self._filters = Filters(
            run.settings, run.project, metadata.tables(target), self._default, (own.schema, own.name)
        )
        self.tables: List[Any] = [table for each in self.targets for table in each.sorted_tables if self._admits(table)]
        if not self.tables:
            raise Refusal(
                "settings",
                "the models have no tables to make",
                "check `module`, `metadata` and what `include_tables`, `exclude_tables` and `owned_modules` leave; "
                "`auto_discovery: true` imports every module of a package",
            )

    def refuse_others(self) -> None:
        """A database that anybody uses is not bootstrapped."""
        held = sorted(self._held())
        rows = self._run.version_table.rows(self._connection)
        if not held and not rows:
            return
        shown = ", ".join(held[:5]) + (", …" if len(held) > 5 else "")
        what = f"holds {len(held)} table{'' if len(held) == 1 else 's'}: {shown}" if held else ""
        if not held:
            what = f"is at revision {', '.join(rows or ())}"
        raise Refusal(
            "usage",
            f"the database {what}; --from-models is for empty ones",
            "migrate it instead, or add --force, which makes the tables that are missing and drops nothing",
        )

    def make(self) -> List[str]:
        """The schemas and tables that are missing; the schemas are told."""
        schemas = self.make_schemas()
        self.make_tables()
        return schemas

    def make_tables(self) -> None:
        for each in self.targets:
            each.create_all(self._connection, tables=[table for table in each.sorted_tables if table in self.tables])

    def make_schemas(self) -> List[str]:
        if self._connection.dialect.name != "postgresql":
            return []
        known = set(self._inspector.get_schema_names())
        wanted = {self._schema(table) for table in self.tables} | {self._run.settings.schema}
        missing = sorted(str(name) for name in wanted - known if name)
        for name in missing:
            self._connection.execute(CreateSchema(name))
        return missing

    def is_there(self, table: Any) -> bool:
        return bool(inspect(self._connection).has_table(table.name, schema=self._schema(table)))

    def names(self, tables: List[Any]) -> List[str]:
        pairs = [self.name(table) for table in tables]
        return sorted(name if schema is None else f"{schema}.{name}" for schema, name in pairs)

    def name(self, table: Any) -> Tuple[Optional[str], str]:
        return (self._schema(table), table.name)

    def _admits(self, table: Any) -> bool:
        return bool(self._filters.include_object(table, table.name, "table", False, None))

    def _schema(self, table: Any) -> Optional[str]:
        """Where the table lies in this database."""
        return self._mapping.get(table.schema, table.schema)

    def _held(self) -> Set[str]:
        """The tables of anybody but extensions, version tables and shed."""
        found: Set[str] = set()
        for schema in self._schemas():
            for name in self._inspector.get_table_names(schema=schema):
                if not self._filters.is_others(schema, name):
                    found.add(name if schema is None else f"{schema}.{name}")
        return found

    def _schemas(self) -> List[Optional[str]]:
        if self._connection.dialect.name != "postgresql":
            return [None]
        names = self._inspector.get_schema_names()
        others = [name for name in names if name != self._default and not name.startswith("pg_")]
        return [None, *(name for name in others if name != "information_schema")]
