"""`models`: every class with its table, and every table without a class, as data."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import Any, Dict, Iterator, List, Optional, Set

from sqlalchemy import Table

from . import differences, filters, metadata, models, modules
from .places import Places
from .refusal import Refusal
from .runs import Run

Item = Dict[str, Any]


def answer(run: Run, wanted: Dict[str, Any]) -> Item:
    found = Inventory(run, wanted)
    items = found.items()
    if not wanted.get("verify"):
        return {"models": items}
    from . import findings

    return {"models": items, "findings": findings.find(found, items)}


class Inventory:
    """What the project's models are, and where they stand."""

    def __init__(self, run: Run, wanted: Dict[str, Any]) -> None:
        self.run, self.wanted, self.places = run, wanted, Places()
        self._load()
        tables = self._tables()
        known = {id(table) for table in tables}
        mapped = [mapper for mapper in filters.mappers() if id(mapper.local_table) in known]
        base = wanted.get("base")
        self.mappers = [one for one in mapped if base is None or _is_based(one.class_, self._base(base))]
        with_class = {id(mapper.local_table) for mapper in mapped}
        self.alone = [table for table in tables if id(table) not in with_class] if base is None else []
        self.tables = _each_once([*(mapper.local_table for mapper in self.mappers), *self.alone])
        self._dialect = import_module(f"sqlalchemy.dialects.{wanted['dialect']}").dialect()

    def _tables(self) -> List[Any]:
        settings = self.run.settings.models
        tables = metadata.tables(self.run.project.metadata)
        if settings is None or not settings.owned_modules or self.wanted.get("package"):
            return tables
        owned = {id(table) for table in filters.tables_of(settings.owned_modules)}
        return [table for table in tables if id(table) in owned]

    def items(self) -> List[Item]:
        found = [self._of_class(mapper) for mapper in self.mappers] + [self._of_table(table) for table in self.alone]
        return sorted(found, key=_order)

    def _load(self) -> None:
        """`--package` and `--base` say themselves which MetaData are meant."""
        run = self.run
        if run.settings.models is None:
            raise Refusal(
                "settings",
                f'the project "{run.settings.project}" has no `module`, so there are no models',
                "set `module`, or name a package: --package PACKAGE",
            )
        if self.wanted.get("package"):
            run.settings.models.auto_discovery = True
        if self.wanted.get("package") or self.wanted.get("base"):
            run.use_project(models.load_all(run.settings))
        elif not run.project.compared:
            models.compare(run.project)

    def _base(self, reference: str) -> type:
        base = modules.attribute(reference)
        if not isinstance(base, type):
            raise Refusal("settings", f'"--base {reference}" is a {type(base).__name__}, not a class')
        return base

    def _of_class(self, mapper: Any) -> Item:
        place, cls = self.places.of_class(mapper.class_), mapper.class_
        inherits = mapper.inherits.class_.__name__ if mapper.inherits is not None else None
        item = {"class": cls.__name__, "module": place.module, "file": place.path, "line": place.line}
        item.update(inherits=inherits, **self._of(mapper.local_table))
        for column, shown in zip(mapper.local_table.columns, item["columns"]):
            attribute = mapper._columntoproperty[column].key if column in mapper._columntoproperty else column.name
            shown["line"] = self.places.of_column(cls, attribute)
        return item

    def _of_table(self, table: Any) -> Item:
        place = self.places.of_table(table)
        item = {"class": None, "module": place.module, "file": place.path, "line": place.line, "inherits": None}
        return {**item, **self._of(table)}

    def _of(self, table: Any) -> Item:
        constraints = in_order(table.constraints)
        primary = table.primary_key
        return {
            "schema": table.schema,
            "table": str(table.name),
            "columns": [self._column(column) for column in table.columns],
            "primary_key": _key(primary) if primary is not None and len(primary.columns) else None,
            "foreign_keys": [
                {**_key(one), "references": [element.target_fullname for element in one.elements]}
                for one in constraints
                if one.__visit_name__ == "foreign_key_constraint"
            ],
            "unique": [_key(one) for one in constraints if one.__visit_name__ == "unique_constraint"],
            "indexes": sorted((_index(one) for one in table.indexes), key=lambda one: one["name"] or ""),
        }

    def _column(self, column: Any) -> Item:
        return {
            "name": str(column.name),
            "type": differences.shown(column.type, self._dialect),
            "nullable": bool(column.nullable),
            "primary_key": bool(column.primary_key),
            "line": None,
        }


def name_of(part: Any) -> Optional[str]:
    """A name that is given, or that the naming convention gives."""
    return str(part.name) if isinstance(part.name, str) else None


def in_order(constraints: Any) -> List[Any]:
    """They come as a set."""
    return sorted(
        constraints,
        key=lambda one: ([str(column.name) for column in one.columns], one.__visit_name__, name_of(one) or ""),
    )


def _key(constraint: Any) -> Item:
    return {"name": name_of(constraint), "columns": [str(column.name) for column in constraint.columns]}


def _index(index: Any) -> Item:
    columns = [str(getattr(one, "name", None) or one) for one in index.expressions]
    return {"name": name_of(index), "columns": columns, "unique": bool(index.unique)}


def _order(item: Item) -> Any:
    return (item["file"] or "", item["line"] or 0, item["table"], item["class"] or "")


def _each_once(tables: List[Any]) -> List[Any]:
    return list({id(table): table for table in tables if isinstance(table, Table)}.values())


def _is_based(cls: type, base: type) -> bool:
    """A subclass; of a Protocol, a class that has what it asks for."""
    if not getattr(base, "_is_protocol", False):
        return issubclass(cls, base)
    return all(hasattr(cls, name) for name in _asked_by(base))


def _asked_by(protocol: type) -> Set[str]:
    return {name for name in _names_in(protocol) if not name.startswith("_") or name.startswith("__table")}


def _names_in(protocol: type) -> Iterator[str]:
    for cls in inspect.getmro(protocol):
        if getattr(cls, "_is_protocol", False) and cls.__name__ != "Protocol":
            yield from getattr(cls, "__annotations__", {})
            yield from vars(cls)
