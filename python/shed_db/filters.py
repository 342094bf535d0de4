"""Which tables autogenerate sees."""

from __future__ import annotations

import os
import sys
from fnmatch import fnmatchcase
from importlib import import_module
from typing import Any, Callable, Dict, Iterable, List, Optional, Set, Tuple

from sqlalchemy import Table as SqlTable

from . import metadata
from .models import Project
from .settings import Settings, schemas_of

Table = Tuple[Optional[str], str]

# Made by extensions, shed and other tools; compared only where the models have them.
OTHERS_TABLES = {
    "spatial_ref_sys": "PostGIS",
    "geometry_columns": "PostGIS",
    "geography_columns": "PostGIS",
    "raster_columns": "PostGIS",
    "raster_overviews": "PostGIS",
    "schema_migrations": "dbmate",
    "shed_history": "shed",
}
OTHERS_SCHEMAS = {
    "tiger": "PostGIS",
    "tiger_data": "PostGIS",
    "topology": "PostGIS",
    "_timescaledb_*": "TimescaleDB",
    "timescaledb_*": "TimescaleDB",
    "toolkit_experimental": "TimescaleDB",
}


class Filters:
    """include_name keeps reflection fast; include_object keeps an excluded model from becoming `add_table`."""

    def __init__(
        self,
        settings: Settings,
        project: Project,
        tables: Iterable[Any],
        default_schema: Optional[str],
        own: Table,
    ) -> None:
        self._settings = settings
        self._default = default_schema
        self._hook_name: Optional[Callable[..., bool]] = project.hook("include_name")
        self._hook_object: Optional[Callable[..., bool]] = project.hook("include_object")
        self._in_models: Set[Table] = {self._key(table.schema, table.name) for table in tables}
        self._versions = {self._key(schema, name) for schema, name in settings.other_version_tables}  # type: ignore[arg-type]
        self._versions.add(self._key(*own))
        self._owned = self._owned_tables(metadata.tables(project.metadata))
        self.ignored: Dict[str, str] = {}

    @property
    def include_schemas(self) -> bool:
        return bool(self._settings.schemas)

    def include_name(self, name: Optional[str], kind: str, parents: Dict[str, Any]) -> bool:
        if kind == "schema" and not self._admits_schema(name):
            return False
        if kind == "table" and not self._admits(parents.get("schema_name"), str(name)):
            return False
        return self._hook_name is None or bool(self._hook_name(name, kind, parents))

    def include_object(self, item: Any, name: Optional[str], kind: str, reflected: bool, other: Any) -> bool:
        if kind == "table":
            if not self._admits(item.schema, item.name) or (reflected and other is None and _is_version_table(item)):
                return False
            if not self._admits_schema(item.schema):
                return False
        return self._hook_object is None or bool(self._hook_object(item, name, kind, reflected, other))

    def _admits_schema(self, name: Optional[str]) -> bool:
        if name in (None, self._default) or not self._settings.schemas:
            return True
        return _matches([str(name)], self._settings.schemas)

    def _admits(self, schema: Optional[str], name: str) -> bool:
        key = self._key(schema, name)
        if key not in self._in_models and self._is_others(schema, name, key):
            return False
        full = f"{schema or self._default}.{name}"
        include, exclude = self._settings.include_tables, self._settings.exclude_tables
        if (include and not _matches_table(name, full, include)) or _matches_table(name, full, exclude):
            return False
        return self._owned is None or key in self._owned or (key not in self._in_models and self._is_in_revisions(name))

    def is_others(self, schema: Optional[str], name: str) -> bool:
        """Whether a table of the database is no project's: a version table, or made by an extension."""
        return self._is_others(schema, name, self._key(schema, name))

    def _is_others(self, schema: Optional[str], name: str, key: Table) -> bool:
        if key in self._versions:
            return True
        owner = OTHERS_TABLES.get(name)
        for pattern, extension in OTHERS_SCHEMAS.items():
            if schema and fnmatchcase(schema, pattern):
                owner = extension
        if owner and owner != "shed":
            self.ignored[name if schema is None else f"{schema}.{name}"] = owner
        return owner is not None

    def _key(self, schema: Optional[str], name: str) -> Table:
        return (None if schema == self._default else schema, name)

    def _owned_tables(self, tables: Iterable[Any]) -> Optional[Set[Table]]:
        models = self._settings.models
        if models is None or not models.owned_modules:
            return None
        owned = {id(table) for table in tables_of(models.owned_modules)}
        mapping = schemas_of(self._settings)
        return {
            key
            for table in tables
            if id(table) in owned
            for key in (
                self._key(table.schema, table.name),
                self._key(mapping.get(table.schema, table.schema), table.name),
            )
        }

    def _is_in_revisions(self, name: str) -> bool:
        """A table without a model is the project's own if its revisions speak of it."""
        return name in _quoted_words(self._settings.versions)


def _matches(names: List[str], patterns: List[str]) -> bool:
    return any(fnmatchcase(name, pattern) for name in names for pattern in patterns)


def _matches_table(name: str, with_schema: str, patterns: List[str]) -> bool:
    """A pattern without a dot is for the table's own name: `p*` is not for public.anything."""
    return any(fnmatchcase(with_schema if "." in pattern else name, pattern) for pattern in patterns)


def _is_version_table(table: Any) -> bool:
    return [column.name for column in table.columns] == ["version_num"]


def _lies_in(module: Optional[str], owned: List[str]) -> bool:
    return any(module == name or str(module).startswith(name + ".") for name in owned)


def tables_of(owned: List[str]) -> List[Any]:
    """Tables of classes defined in these modules, and Table objects that stand in them."""
    found: List[Any] = []
    for name, module in list(sys.modules.items()):
        if module is None or not _lies_in(name, owned):
            continue
        for value in list(vars(module).values()):
            if isinstance(value, SqlTable):
                found.append(value)
    return found + [mapper.local_table for mapper in mappers() if _lies_in(mapper.class_.__module__, owned)]


def mappers() -> List[Any]:
    registries = import_module("sqlalchemy.orm.mapper")._all_registries()
    return [mapper for registry in registries for mapper in registry.mappers]


def _quoted_words(versions: List[str]) -> Set[str]:
    words: Set[str] = set()
    for folder in versions:
        for root, _, files in os.walk(folder):
            for file in files:
                if file.endswith((".py", ".sql")):
                    with open(os.path.join(root, file), encoding="utf-8", errors="replace") as source:
                        words.update(source.read().replace('"', "'").split("'"))
    return words
