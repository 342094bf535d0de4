"""`models --verify`: the tables are made in a scratch database, and compared with what it made of them."""

from __future__ import annotations

import re
from typing import Any, Dict, List, Optional, Set, Tuple

from sqlalchemy.engine import Connection
from sqlalchemy.exc import CompileError, DBAPIError

from . import blame, differences, findings, metadata
from .commands import Commands
from .compare import compare
from .database import message_of
from .findings import Finding
from .from_models import Wanted
from .inventory import Inventory, Item, name_of
from .refusal import Refusal

ENGINES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
# SQLAlchemy names the object that could not do it.
_OBJECT = re.compile(r"Compiler <[^>]*>")
Name = Tuple[Optional[str], str]


def answer(commands: Commands, wanted: Dict[str, Any]) -> Dict[str, Any]:
    run = commands.this
    if run.database is None:
        return {"findings": []}
    inventory = Inventory(run, wanted)
    if not inventory.tables:
        return {"findings": []}
    reason = _cannot_be_tried(metadata.tables(run.project.metadata))
    if reason is not None:
        return {"findings": [], "not_tried": reason}
    run.tells_differences = False  # they are findings here
    run.settings.env_py = None  # the models' own tables, whatever an env.py leaves out
    trip = Trip(inventory, ENGINES[run.database.dialect])
    run.database.use(trip.make, writing=True)
    compare(commands, trip.look)
    return {"findings": trip.found}


def _cannot_be_tried(tables: List[Any]) -> Optional[str]:
    """What has a finding of its own, and what neither SQLAlchemy nor Alembic can go on with."""
    if not all(findings.is_known(key) for table in tables for key in table.foreign_keys):
        return "foreign keys refer to tables that are missing"
    if any(name_of(index) is None for table in tables for index in table.indexes):
        return "an index has no name"
    return None


class Trip:
    """There, and back again."""

    def __init__(self, inventory: Inventory, engine: str) -> None:
        self._inventory, self._engine = inventory, engine
        self._items: List[Item] = inventory.items()
        self._made: Dict[Name, Name] = {}
        self.found: List[Finding] = []

    def make(self, connection: Connection) -> None:
        """All at once, for tables may refer to each other; where that fails, one by one tells which cannot be made."""
        own = {id(table) for table in self._inventory.tables}
        try:
            wanted = Wanted(self._inventory.run, connection)
        except Refusal:
            return  # the settings leave out every table
        wanted.tables = [table for table in wanted.tables if id(table) in own]
        wanted.make_schemas()
        connection.commit()
        if self._attempt(connection, wanted.make_tables) is None:
            self._made = {wanted.name(table): (table.schema, table.name) for table in wanted.tables}
            return
        failed: Set[int] = set()
        for table in wanted.tables:
            self._make_one(connection, wanted, table, failed)

    def _make_one(self, connection: Connection, wanted: Wanted, table: Any, failed: Set[int]) -> None:
        error = self._attempt(connection, lambda: table.create(connection))
        if error is None:
            self._made[wanted.name(table)] = (table.schema, table.name)
            return
        failed.add(id(table))
        # What refers to a table that cannot be made fails as well, and is right by itself.
        if any(id(other) in failed for other in _referred(table) if other is not table):
            return
        self._tell(f"cannot be made: {error}", "use a type that this database has", table.schema, table.name, None)

    def _attempt(self, connection: Connection, work: Any) -> Optional[str]:
        try:
            with connection.begin():
                work()
        except DBAPIError as error:
            return message_of(error).splitlines()[0]
        except CompileError as error:
            return _OBJECT.sub("this database", str(error).splitlines()[0])
        except Exception as error:
            return blame.sentence(error)  # of a type that the project has made itself
        return None

    def look(self, context: Any, directives: List[Any]) -> None:
        for script in directives:
            for operations in script.upgrade_ops_list:
                for item in differences.from_operations(operations, context.dialect):
                    name = self._made.get((item["schema"], item["table"]))
                    if name is not None:
                        self._tell(item["text"], HELP, *name, item["column"])

    def _tell(self, what: str, help: str, schema: Optional[str], table: str, column: Optional[str]) -> None:
        place = findings.of_column(self._items, schema, table, column)
        shown = what if what.startswith(table) else f"{table}: {what}"
        self.found.append(findings.finding("round-trip", f"{self._engine}: {shown}", help, **place))


HELP = (
    "a comparison finds this again after every migration: use a type that this database keeps as it is, "
    "or `compare_type` in `hooks`"
)


def _referred(table: Any) -> List[Any]:
    return [key.column.table for key in table.foreign_keys]
