"""Operations as SQL in a database's dialect, without carrying them out."""

from __future__ import annotations

import io
import warnings
from typing import Any, Dict, List, Optional, Set, Tuple

from alembic.operations import Operations, ops
from alembic.runtime.migration import MigrationContext
from sqlalchemy import ARRAY, Enum, ForeignKeyConstraint, MetaData, Table, UniqueConstraint, inspect
from sqlalchemy.dialects.postgresql import DOMAIN, ENUM
from sqlalchemy.dialects.postgresql.named_types import CreateDomainType, CreateEnumType

Name = Tuple[Optional[str], str]


def text(context: Any, scripts: List[Any], search_path: Optional[str] = None) -> str:
    """One transaction; nothing where there are no operations."""
    found = [operation for script in scripts for each in script.upgrade_ops_list for operation in each.ops]
    if not found:
        return ""
    writer = Writer(context)
    writer.begin(search_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Alembic's, of its own operations
        for operation in _in_order(found):
            writer.write(operation)
    return writer.end()


class Writer:
    """Asks the database only what it has."""

    def __init__(self, context: Any) -> None:
        self._live = context
        self._buffer = io.StringIO()
        options = {"as_sql": True, "output_buffer": self._buffer, "literal_binds": True}
        options["target_metadata"] = context.opts.get("target_metadata")
        # Without a parameter style of its own, a driver's `%%` would be written.
        self._context = MigrationContext.configure(
            url=f"{context.dialect.name}://", dialect_opts={"paramstyle": "named"}, opts=options
        )
        self._operations = Operations(self._context)
        self._is_sqlite = context.dialect.name == "sqlite"
        self._types = self._known_types()

    def begin(self, search_path: Optional[str]) -> None:
        if self._is_sqlite:
            # A table that is rebuilt is dropped: with foreign keys on, rows that refer to it could go with it.
            self._line("PRAGMA foreign_keys=OFF;")
        self._line("BEGIN;")
        if search_path and not self._is_sqlite:
            preparer = self._live.dialect.identifier_preparer
            self._line(f"SET LOCAL search_path TO {preparer.quote_schema(search_path)};")

    def end(self) -> str:
        self._line("COMMIT;")
        return self._buffer.getvalue().rstrip("\n") + "\n"

    def write(self, operation: Any) -> None:
        if isinstance(operation, ops.ModifyTableOps):
            return self._modify(operation)
        if isinstance(operation, ops.CreateTableOp):
            self._make_types(column for column in operation.columns if hasattr(column, "type"))
        self._operations.invoke(operation)

    def _modify(self, operation: Any) -> None:
        for part in operation.ops:
            self._make_types(_columns_of(part))
            self._cast(part)
        if self._is_sqlite and inspect(self._live.connection).has_table(operation.table_name):
            return self._rebuild(operation)
        for part in operation.ops:
            self._operations.invoke(part)

    def _rebuild(self, operation: Any) -> None:
        """SQLite changes little in place: a new table, the rows, the old name."""
        table = self._reflected(operation)
        # A new column comes after the last one that stays.
        parts = sorted(operation.ops, key=lambda part: not isinstance(part, ops.DropColumnOp))
        with self._operations.batch_alter_table(operation.table_name, copy_from=table) as batch:
            for part in parts:
                _give_name(part)
                batch.invoke(part)

    def _reflected(self, operation: Any) -> Table:
        impl: Any = self._live.impl
        listener = ("column_reflect", impl.autogen_column_reflect)
        table = Table(
            operation.table_name,
            MetaData(),
            autoload_with=self._live.connection,
            resolve_fks=False,
            listeners=[listener],
        )
        for one in table.constraints:
            if one.name is None and isinstance(one, (ForeignKeyConstraint, UniqueConstraint)):
                one.name = _made_name(one.__visit_name__, str(table.name), [column.name for column in one.columns])
        return table

    def _known_types(self) -> Set[Name]:
        if self._live.dialect.name != "postgresql":
            return set()
        inspector: Any = inspect(self._live.connection)
        found = [*inspector.get_enums(schema="*"), *inspector.get_domains(schema="*")]
        return {self._name(one["schema"], one["name"]) for one in found}

    def _name(self, schema: Optional[str], name: str) -> Name:
        return (None if schema == self._live.dialect.default_schema_name else schema, str(name))

    def _make_types(self, columns: Any) -> None:
        """Each type once, before it is used: Alembic leaves it out for a column, and repeats it for tables."""
        if self._live.dialect.name == "postgresql":
            for column in columns:
                column.type = self._made(column.type)

    def _made(self, kind: Any) -> Any:
        """The same type, which its table does not make."""
        if isinstance(kind, ARRAY):
            kind.item_type = self._made(kind.item_type)
            return kind
        if isinstance(kind, Enum) and kind.native_enum and kind.name:
            made: Any = ENUM(*kind.enums, name=kind.name, schema=kind.schema, create_type=False)
            self._make(made, CreateEnumType(made))
            return made
        if isinstance(kind, DOMAIN):
            kind.create_type = False
            self._make(kind, CreateDomainType(kind))
        return kind

    def _cast(self, part: Any) -> None:
        """To an enum only by word; elsewhere a cast by word could cut values off."""
        kind = getattr(part, "modify_type", None)
        if isinstance(part, ops.AlterColumnOp) and isinstance(kind, ENUM):
            column = self._live.dialect.identifier_preparer.quote(part.column_name)
            part.kw.setdefault("postgresql_using", f"{column}::{kind.compile(dialect=self._live.dialect)}")

    def _make(self, kind: Any, statement: Any) -> None:
        name = self._name(kind.schema, kind.name)
        if name not in self._types:
            self._types.add(name)
            self._context.impl._exec(statement)

    def _line(self, line: str) -> None:
        self._buffer.write(line + "\n\n")


def _columns_of(part: Any) -> List[Any]:
    if isinstance(part, ops.AddColumnOp):
        return [part.column]
    if isinstance(part, ops.AlterColumnOp) and part.modify_type is not None:
        return [_Modified(part)]
    return []


class _Modified:
    """The new type of a column, as if it were a column."""

    def __init__(self, part: Any) -> None:
        self._part = part

    @property
    def type(self) -> Any:
        return self._part.modify_type

    @type.setter
    def type(self, value: Any) -> None:
        self._part.modify_type = value


def _in_order(operations: List[Any]) -> List[Any]:
    """Tables are dropped last, those that refer to others first; each after the indexes that are dropped with it."""
    dropped = {(one.schema, one.table_name): one for one in operations if isinstance(one, ops.DropTableOp)}
    changes = [one for one in operations if not isinstance(one, ops.DropTableOp)]
    of_dropped = [one for one in changes if (getattr(one, "schema", None), getattr(one, "table_name", "")) in dropped]
    of_dropped = [one for one in of_dropped if not isinstance(one, ops.CreateTableOp)]
    kept = [one for one in changes if not any(one is other for other in of_dropped)]
    return [*kept, *of_dropped, *_referring_first(dropped)]


def _referring_first(dropped: Dict[Name, Any]) -> List[Any]:
    """Tables that refer to each other in a circle stay as they come."""
    referred = {name: _referred_by(operation) & set(dropped) - {name} for name, operation in dropped.items()}
    ordered: List[Any] = []
    while referred:
        needed = {name for names in referred.values() for name in names}
        free = [name for name in referred if name not in needed] or list(referred)
        for name in free:
            ordered.append(dropped[name])
            del referred[name]
    return ordered


def _referred_by(operation: Any) -> Set[Name]:
    table = operation.to_table()
    names = [
        element.target_fullname.split(".")[:-1] for one in table.foreign_key_constraints for element in one.elements
    ]
    return {(".".join(parts[:-1]) or None, parts[-1]) for parts in names}


def _give_name(part: Any) -> None:
    """SQLite's rebuilding finds and adds constraints by their names."""
    if getattr(part, "constraint_name", "") is not None:
        return
    made = part.reverse() if isinstance(part, ops.DropConstraintOp) else part
    if isinstance(made, ops.CreateForeignKeyOp):
        part.constraint_name = _made_name("foreign_key_constraint", made.source_table, list(made.local_cols))
    elif isinstance(made, ops.CreateUniqueConstraintOp):
        part.constraint_name = _made_name("unique_constraint", made.table_name, [str(name) for name in made.columns])


def _made_name(kind: str, table: str, columns: List[Any]) -> str:
    short = {"foreign_key_constraint": "fk", "unique_constraint": "uq"}[kind]
    return "_".join([short, table, *(str(column) for column in columns)])
