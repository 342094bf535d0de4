"""`models --verify`: what is wrong with the models, each thing with an id, a place and a way out."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Optional, Set, Tuple

from sqlalchemy.exc import InvalidRequestError, NoReferenceError
from sqlalchemy.sql.naming import conv

from . import unimported
from .inventory import Inventory, Item, in_order, name_of

Finding = Dict[str, Any]
KINDS = {
    "foreign_key_constraint": "foreign key",
    "unique_constraint": "unique constraint",
    "check_constraint": "check constraint",
}


def finding(id: str, what: str, help: str, item: Optional[Item] = None, **place: Any) -> Finding:
    found = {"id": id, "what": what, "help": help, "file": None, "line": None, "table": None, "column": None}
    if item is not None:
        found.update(file=item["file"], line=item["line"], table=full_name(item))
    return {**found, **place}


def full_name(item: Item) -> str:
    return item["table"] if item["schema"] is None else f"{item['schema']}.{item['table']}"


def find(inventory: Inventory, items: List[Item]) -> List[Finding]:
    """What can be told without a database."""
    items_of = _items_of_tables(inventory, items)
    found = [*_unimported(inventory), *_two_classes(inventory, items)]
    for table, item in items_of:
        found += _of_keys(table, item)
        found += _of_constraints(table, item)
        found += _of_names(table, item, inventory.wanted.get("longest"))
    return found


def _items_of_tables(inventory: Inventory, items: List[Item]) -> List[Tuple[Any, Item]]:
    """Each table once, in the order of their places."""
    tables = {(table.schema, str(table.name)): table for table in inventory.tables}
    found = []
    for item in items:
        table = tables.pop((item["schema"], item["table"]), None)
        if table is not None:
            found.append((table, item))
    return found


def _unimported(inventory: Inventory) -> Iterator[Finding]:
    run, wanted = inventory.run, inventory.wanted
    bases = _bases(inventory)
    for left in unimported.find(run.project.loaded, run.settings.versions, wanted.get("others") or [], bases):
        names = ", ".join(left.names[:5]) + (", …" if len(left.names) > 5 else "")
        yield finding(
            "not-imported",
            f"{names}: no module of the project imports this file, so autogenerate would drop its tables",
            "import it where `module` points to, add it to `module`, or set `auto_discovery: true`",
            file=left.path,
            line=left.line,
        )


def _bases(inventory: Inventory) -> Set[str]:
    """Whatever the models that are known derive from."""
    found = {cls.__name__ for mapper in inventory.mappers for cls in mapper.class_.__mro__}
    return found - {"object", "DeclarativeBase", "BaseModel", "Generic", "Representation"}


def _two_classes(inventory: Inventory, items: List[Item]) -> Iterator[Finding]:
    """One table per hierarchy is no mistake: its subclasses share the table of the first."""
    first: Dict[Tuple[Any, str], Item] = {}
    shares = {
        mapper.class_.__name__
        for mapper in inventory.mappers
        if mapper.inherits is not None and mapper.inherits.local_table is mapper.local_table
    }
    for item in items:
        key = (item["schema"], item["table"])
        if item["class"] in shares:
            continue
        if key in first:
            other = first[key]
            yield finding(
                "two-classes",
                f"{item['class'] or 'a Table'} and {other['class'] or 'a Table'} "
                f'({other["file"]}:{other["line"]}) are both the table "{full_name(item)}"',
                "give one of them another table, or make it a subclass of the other",
                item,
            )
        first.setdefault(key, item)


def _of_keys(table: Any, item: Item) -> Iterator[Finding]:
    if item["primary_key"] is None:
        yield finding(
            "no-primary-key",
            f'the table "{full_name(item)}" has no primary key',
            "give it one: rows cannot be told apart, and logical replication cannot update them",
            item,
        )
    for key in table.foreign_keys:
        if not is_known(key):
            yield finding(
                "missing-table",
                f"{item['table']}.{key.parent.name} refers to {key.target_fullname}, which no model has",
                "correct the name, or import the module that has the table",
                item,
                **_at(item, str(key.parent.name)),
            )


def is_known(key: Any) -> bool:
    """Whether there is a column that the foreign key leads to."""
    try:
        return key.column is not None
    except (NoReferenceError, InvalidRequestError):
        return False


def _of_constraints(table: Any, item: Item) -> Iterator[Finding]:
    """Columns that are sets of values or booleans bring constraints that are not the model's own."""
    nameless = []
    for one in in_order(table.constraints):
        if one.__visit_name__ in KINDS and name_of(one) is None and not getattr(one, "_type_bound", False):
            columns = ", ".join(str(column.name) for column in one.columns)
            nameless.append(f"{KINDS[one.__visit_name__]}{f' ({columns})' if columns else ''}")
    for one in _indexes(table):
        if name_of(one) is None:
            nameless.append(f"index ({', '.join(str(column.name) for column in one.columns)})")
    if nameless:
        yield finding(
            "unnamed-constraint",
            f'"{full_name(item)}" has no name for: {"; ".join(nameless)}',
            "set MetaData(naming_convention=…), or names: what has none cannot be dropped by a revision",
            item,
        )


def _indexes(table: Any) -> List[Any]:
    return sorted(table.indexes, key=lambda one: (name_of(one) or "", [str(column.name) for column in one.columns]))


def _of_names(table: Any, item: Item, longest: Optional[int]) -> Iterator[Finding]:
    if longest is None:
        return
    for kind, name, column in _names(table):
        if len(name.encode()) > longest:
            yield finding(
                "name-too-long",
                f'the {kind} name "{name}" has {len(name.encode())} bytes, and PostgreSQL keeps {longest}',
                "shorten it: what is cut off differs from the model in every comparison",
                item,
                **(_at(item, column) if column else {}),
            )


def _names(table: Any) -> Iterator[Tuple[str, str, Optional[str]]]:
    yield "table", str(table.name), None
    if table.schema:
        yield "schema", str(table.schema), None
    for column in table.columns:
        yield "column", str(column.name), str(column.name)
    for part in (*in_order(table.constraints), *_indexes(table)):
        # SQLAlchemy shortens a name that it has made itself.
        if name_of(part) is not None and not isinstance(part.name, conv):
            yield "index" if part.__visit_name__ == "index" else "constraint", str(part.name), None


def _at(item: Item, column: str) -> Dict[str, Any]:
    line = next((one["line"] for one in item["columns"] if one["name"] == column), None)
    return {"column": column, "line": line or item["line"]}


def of_column(items: List[Item], schema: Optional[str], table: Optional[str], column: Optional[str]) -> Dict[str, Any]:
    """Where a difference that was found in a database is written."""
    for item in items:
        if (item["schema"], item["table"]) == (schema, table):
            place = {"file": item["file"], "line": item["line"], "table": full_name(item), "column": None}
            return {**place, **(_at(item, column) if column else {})}
    return {"table": table, "column": column}
