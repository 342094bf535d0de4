"""Finding the MetaData that holds the project's tables."""

from __future__ import annotations

import difflib
from types import ModuleType
from typing import Any, Dict, Iterator, List, Optional, Tuple, Union

from sqlalchemy import MetaData, Table
from sqlalchemy.schema import BLANK_SCHEMA

from . import modules
from .refusal import Refusal

Found = Dict[int, Tuple[str, MetaData]]


class Several(List[MetaData]):
    """Alembic takes the naming convention from one MetaData only; a list of them has it here."""

    naming_convention: Any = None


Target = Union[MetaData, Several, None]


def named(references: List[str], loaded: List[ModuleType]) -> Target:
    """What `metadata` in the settings names."""
    found = [_resolve(reference, loaded) for reference in references]
    return found[0] if len(found) == 1 else several(found)


def several(found: List[MetaData]) -> Several:
    target = Several(found)
    target.naming_convention = found[0].naming_convention
    return target


def find(loaded: List[ModuleType], comparing: bool) -> Target:
    """The only one with tables; the only one at all in a project that has none yet."""
    found = _candidates(loaded)
    with_tables = [entry for entry in found.values() if entry[1].tables]
    if len(with_tables) > 1 and (comparing or not _agree(with_tables)):
        raise _ambiguous(with_tables)
    for _, metadata in [*with_tables, *found.values()]:
        return metadata
    return None


def all_of(loaded: List[ModuleType]) -> List[MetaData]:
    """All that have tables, however many."""
    return [metadata for _, metadata in _candidates(loaded).values() if metadata.tables]


def none_found(loaded: List[ModuleType]) -> Refusal:
    looked = ", ".join(module.__name__ for module in loaded) or "no module"
    empty = [module.__name__ for module in loaded if hasattr(module, "__path__")]
    if empty:
        help = (
            f"`auto_discovery: true` imports the modules of {empty[0]}, or name it: `metadata: {empty[0]}.models:Base`"
        )
    else:
        help = "set `metadata`, such as `metadata: package.module:Base`"
    places = ", ".join(str(module.__file__) for module in loaded if getattr(module, "__file__", None))
    where = f" ({places})" if places else ""
    return Refusal("settings", f"no MetaData, declarative base or SQLModel in {looked}{where}", help)


def translated(target: Target, mapping: Dict[Optional[str], Optional[str]]) -> Target:
    """The tables under the schemas that they have in this database; Alembic compares names as they are."""
    if target is None or not mapping:
        return target
    copies = [_translate(each, mapping) for each in (target if isinstance(target, list) else [target])]
    return copies[0] if len(copies) == 1 else several(copies)


def _translate(original: MetaData, mapping: Dict[Optional[str], Optional[str]]) -> MetaData:
    copy = MetaData(naming_convention=original.naming_convention)
    for table in original.sorted_tables:
        schema: Any = mapping.get(table.schema, table.schema)
        table.to_metadata(
            copy,
            schema=schema,
            # None would keep the name that the foreign key is written with.
            referred_schema_fn=lambda _table, _to, _key, referred: mapping.get(referred, referred) or BLANK_SCHEMA,  # type: ignore
        )
    return copy


def tables(target: Target) -> List[Any]:
    if target is None:
        return []
    targets = target if isinstance(target, list) else [target]
    return [table for metadata in targets for table in metadata.tables.values()]


def _agree(entries: List[Tuple[str, MetaData]]) -> bool:
    """Migrating needs the naming convention alone."""
    return all(entry[1].naming_convention == entries[0][1].naming_convention for entry in entries)


def _ambiguous(entries: List[Tuple[str, MetaData]]) -> Refusal:
    lines = "\n".join(f"    metadata: {name}    # {_count(metadata)}" for name, metadata in entries)
    names = ", ".join(name for name, _ in entries)
    return Refusal(
        "settings",
        f"several MetaData have tables; write one of these lines into the settings:\n{lines}",
        f"or all of them: `metadata: [{names}]`",
    )


def _count(metadata: MetaData) -> str:
    count = len(metadata.tables)
    return f"{count} table{'' if count == 1 else 's'}"


def _candidates(loaded: List[ModuleType]) -> Found:
    """Each MetaData under the name that people would write: a base class rather than one of its models."""
    found: Found = {}
    ranks: Dict[int, Tuple[bool, int]] = {}
    for module in loaded:
        for name, metadata, is_model in _in_module(module):
            shown = name if len(loaded) == 1 else f"{module.__name__}:{name}"
            rank = (is_model, len(shown))
            if id(metadata) not in found or rank < ranks[id(metadata)]:
                found[id(metadata)], ranks[id(metadata)] = (shown, metadata), rank
    return found


def _in_module(module: ModuleType) -> Iterator[Tuple[str, MetaData, bool]]:
    for name, value in list(vars(module).items()):
        metadata = as_metadata(value)
        if metadata is not None:
            shown = name if value is metadata else f"{name}.metadata"
            yield shown, metadata, hasattr(value, "__table__") or isinstance(value, Table)


def as_metadata(value: Any) -> Optional[MetaData]:
    if isinstance(value, MetaData):
        return value
    try:
        metadata = getattr(value, "metadata", None)
    except Exception:
        return None  # a lazy object that cannot answer yet
    return metadata if isinstance(metadata, MetaData) else None


def _resolve(reference: str, loaded: List[ModuleType]) -> MetaData:
    value = modules.attribute(reference) if ":" in reference else _in_loaded(reference, loaded)
    metadata = as_metadata(value)
    if metadata is None:
        raise Refusal(
            "settings",
            f'"metadata: {reference}" is a {type(value).__name__}, not a MetaData and not a base class with one',
        )
    return metadata


def _in_loaded(reference: str, loaded: List[ModuleType]) -> Any:
    for module in loaded:
        value: Any = module
        for part in reference.split("."):
            value = getattr(value, part, None)
        if value is not None:
            return value
    names = [name for module in loaded for name, _, is_model in _in_module(module) if not is_model]
    near = difflib.get_close_matches(reference, names, 1) or names[:1]
    looked = ", ".join(module.__name__ for module in loaded) or "no module"
    raise Refusal(
        "settings",
        f'"metadata: {reference}" is not found in {looked}',
        f"did you mean {near[0]}?" if near else "write it as `package.module:attribute`",
    )
