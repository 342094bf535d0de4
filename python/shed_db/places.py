"""Where classes, their columns and tables are written: file and line, from the syntax tree."""

from __future__ import annotations

import ast
import os
import sys
from types import ModuleType
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

from sqlalchemy import Table

from . import blame

# What makes a column in the body of a class.
COLUMNS = ("mapped_column", "Column", "Field", "relationship")


class Place(NamedTuple):
    module: Optional[str]
    path: Optional[str]
    line: Optional[int]


class Source:
    """One file of Python, by the names in it."""

    def __init__(self, tree: ast.Module) -> None:
        self.classes: Dict[str, ast.ClassDef] = {}
        self.tables: Dict[str, int] = {}
        self.names: Dict[str, int] = {}
        self._visit(tree.body, "")
        for node in ast.walk(tree):
            if is_call(node, ("Table",)) and node.args and isinstance(node.args[0], ast.Constant):  # type: ignore[attr-defined]
                self.tables.setdefault(str(node.args[0].value), node.lineno)  # type: ignore[attr-defined]

    def column(self, name: str, attribute: str) -> Optional[int]:
        for node in getattr(self.classes.get(name), "body", ()):
            if attribute in assigned(node):
                return int(node.lineno)
        return None

    def _visit(self, body: List[ast.stmt], prefix: str) -> None:
        for node in body:
            if isinstance(node, ast.ClassDef):
                self.classes[prefix + node.name] = node
                self._visit(node.body, f"{prefix}{node.name}.")
            elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                self._visit(node.body, f"{prefix}{node.name}.<locals>.")
            elif isinstance(node, (ast.If, ast.Try, ast.With)):
                self._visit([*node.body, *getattr(node, "orelse", [])], prefix)
            elif not prefix:
                self.names.update({name: node.lineno for name in assigned(node)})


def read(path: str) -> Optional[Source]:
    try:
        with open(path, "rb") as file:
            return Source(ast.parse(file.read()))
    except (OSError, SyntaxError, ValueError):
        return None


def assigned(node: ast.stmt) -> Iterator[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    yield from (target.id for target in targets if isinstance(target, ast.Name))


def is_call(node: Any, names: Tuple[str, ...]) -> bool:
    return isinstance(node, ast.Call) and last_name(node.func) in names


def last_name(node: Any) -> Optional[str]:
    """`Column` of `sa.Column`, `Mapped` of `Mapped[int]`."""
    if isinstance(node, ast.Subscript):
        node = node.value
    return getattr(node, "attr", None) or getattr(node, "id", None)


class Places:
    """Of everything that is imported."""

    def __init__(self) -> None:
        self._sources: Dict[str, Optional[Source]] = {}
        self._holders: Optional[Dict[int, List[Tuple[str, ModuleType]]]] = None

    def source(self, path: Optional[str]) -> Optional[Source]:
        if path is None:
            return None
        if path not in self._sources:
            self._sources[path] = read(path)
        return self._sources[path]

    def of_class(self, cls: type) -> Place:
        path = file_of(sys.modules.get(cls.__module__))
        source = self.source(path)
        node = source.classes.get(cls.__qualname__) if source else None
        return Place(cls.__module__, path, node.lineno if node else None)

    def of_column(self, cls: type, attribute: str) -> Optional[int]:
        """In the class itself, or in the class that it has the column from, if that stands in the same file."""
        source = self.source(file_of(sys.modules.get(cls.__module__)))
        return source.column(cls.__qualname__, attribute) if source else None

    def of_table(self, table: Any) -> Place:
        """A table without a class: where it is called so, or else where it has a name."""
        holders = self._holding(table)
        for _, module in holders:
            source = self.source(file_of(module))
            if source is not None and str(table.name) in source.tables:
                return Place(module.__name__, file_of(module), source.tables[str(table.name)])
        for name, module in holders:
            source = self.source(file_of(module))
            if source is not None and name in source.names:
                return Place(module.__name__, file_of(module), source.names[name])
        return self._by_its_name(table)

    def _by_its_name(self, table: Any) -> Place:
        for module in _own_modules():
            source = self.source(file_of(module))
            if source is not None and str(table.name) in source.tables:
                return Place(module.__name__, file_of(module), source.tables[str(table.name)])
        return Place(None, None, None)

    def _holding(self, table: Any) -> List[Tuple[str, ModuleType]]:
        if self._holders is None:
            self._holders = {}
            for module in _modules():
                for name, value in list(vars(module).items()):
                    if isinstance(value, Table):
                        self._holders.setdefault(id(value), []).append((name, module))
        return self._holders.get(id(table), [])


def file_of(module: Optional[ModuleType]) -> Optional[str]:
    path = getattr(module, "__file__", None)
    return os.path.realpath(path) if isinstance(path, str) and path.endswith(".py") else None


def _modules() -> Iterator[ModuleType]:
    yield from (module for module in list(sys.modules.values()) if isinstance(module, ModuleType))


def _own_modules() -> Iterator[ModuleType]:
    for module in _modules():
        path = file_of(module)
        if path is not None and not blame.is_installed(path) and not module.__name__.startswith("_shed_db"):
            yield module
