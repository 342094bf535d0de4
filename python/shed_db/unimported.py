"""Files with models that nothing imports: their tables are missing from the comparison, and would be dropped."""

from __future__ import annotations

import ast
import os
import sys
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Set

from . import modules
from .places import COLUMNS, Source, assigned, file_of, is_call, last_name

# Folders of a package whose models are nobody's tables.
NEVER = ("tests", "test", "testing", "__pycache__", "node_modules", "site-packages")

# Without any of these words there is no model in a file.
SIGNS = (b"__table", b"Table(", b"table=True", b"table = True", b"olumn(")


class Left(NamedTuple):
    path: str
    line: int
    names: List[str]


def find(loaded: List[Any], versions: List[str], others: List[str], bases: Set[str]) -> List[Left]:
    """`others`: where other projects have their models; `bases`: names of classes that models are made of."""
    imported = {file_of(module) for module in list(sys.modules.values())}
    found: Dict[str, Left] = {}
    for folder, deep in _folders(loaded):
        for path in _files(folder, deep, versions, others):
            if path not in imported and path not in found:
                left = _look_at(path, bases)
                if left is not None:
                    found[path] = left
    return sorted(found.values())


def _folders(loaded: List[Any]) -> Iterator[Any]:
    """The package of each module, from the top; of a file without a package, the files beside it."""
    for module in loaded:
        path = file_of(module)
        if path is None:
            yield from ((os.path.realpath(folder), True) for folder in getattr(module, "__path__", []))
            continue
        folder, deep = os.path.dirname(path), False
        while os.path.isfile(os.path.join(folder, "__init__.py")):
            folder, deep, top = os.path.dirname(folder), True, folder
        yield (top, True) if deep else (folder, False)


def _files(folder: str, deep: bool, versions: List[str], others: List[str]) -> Iterator[str]:
    never = {os.path.realpath(path) for path in [*versions, *others]}
    for root, names, files in os.walk(folder):
        kept = sorted(name for name in names if deep and name not in NEVER and name.isidentifier())
        names[:] = [name for name in kept if os.path.join(root, name) not in never]
        for path in modules.module_files(root, files):
            if os.path.realpath(path) not in never and not path.endswith("_test.py"):
                yield os.path.realpath(path)


def _look_at(path: str, bases: Set[str]) -> Optional[Left]:
    try:
        with open(path, "rb") as file:
            text = file.read()
        if not any(word in text for word in SIGNS):
            return None
        tree = ast.parse(text)
    except (OSError, SyntaxError, ValueError):
        return None
    classes = {name: node for name, node in Source(tree).classes.items() if "<locals>" not in name}
    # A base that is defined beside its models is one as well.
    own = {node.name for node in classes.values() if "DeclarativeBase" in map(last_name, node.bases)}
    found = {name: node.lineno for name, node in classes.items() if _is_model(node, bases | own)}
    found.update(_tables(tree))
    return Left(path, min(found.values()), sorted(found, key=lambda name: found[name])) if found else None


def _is_model(node: ast.ClassDef, bases: Set[str]) -> bool:
    """Not a base, not a mixin: a class that has a table."""
    if any(keyword.arg == "table" and getattr(keyword.value, "value", None) is True for keyword in node.keywords):
        return True
    names = {name for statement in node.body for name in assigned(statement)}
    if "__abstract__" in names:
        return False
    if names & {"__tablename__", "__table__"}:
        return bool(node.bases)
    # `__tablename__` comes from the base.
    has_columns = any(is_call(getattr(statement, "value", None), COLUMNS[:2]) for statement in node.body)
    return has_columns and bool(bases & {str(last_name(base)) for base in node.bases})


def _tables(tree: ast.Module) -> Dict[str, int]:
    found = {}
    for statement in tree.body:
        value = getattr(statement, "value", None)
        if is_call(value, ("Table",)) and len(value.args) > 1 and isinstance(value.args[0], ast.Constant):  # type: ignore[union-attr]
            found[str(value.args[0].value)] = statement.lineno  # type: ignore[union-attr]
    return found
