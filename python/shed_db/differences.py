"""Differences between models and database, as data and as sentences."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Optional

Item = Dict[str, Any]


def from_operations(operations: Any, dialect: Any) -> List[Item]:
    items: List[Item] = []
    for entry in operations.as_diffs():
        for diff in entry if isinstance(entry, list) else [entry]:
            items.append(_item(diff, dialect))
    return items


def probable_renames(items: List[Item]) -> Iterator[str]:
    """A column dropped and one of the same type added in one table: most often a new name."""
    for dropped in items:
        for added in items:
            if (dropped["kind"], added["kind"]) != ("remove_column", "add_column"):
                continue
            if (dropped["schema"], dropped["table"], dropped["before"]) == (
                added["schema"],
                added["table"],
                added["after"],
            ):
                yield (
                    f'table "{dropped["table"]}": the column "{dropped["column"]}" is dropped and "{added["column"]}" '
                    f'added, both {added["after"]}: if this is a rename, write op.alter_column("{dropped["table"]}", '
                    f'"{dropped["column"]}", new_column_name="{added["column"]}") instead, or the data is lost'
                )


def _item(diff: Any, dialect: Any) -> Item:
    kind, rest = diff[0], diff[1:]
    item: Item = dict.fromkeys(("schema", "table", "column", "name", "before", "after"))
    item = {"kind": kind, **item}
    if kind in ("add_table", "remove_table", "add_table_comment", "remove_table_comment"):
        _of_table(item, kind, rest)
    elif kind in ("add_column", "remove_column"):
        _of_column(item, kind, rest, dialect)
    elif kind.startswith("modify_"):
        _of_change(item, kind, rest, dialect)
    else:
        _of_part(item, kind, rest)
    item["text"] = _text(item)
    return item


def _of_table(item: Item, kind: str, rest: Any) -> None:
    table = rest[0]
    item["schema"], item["table"] = table.schema, str(table.name)
    if kind.endswith("_comment"):
        item["before"] = (rest[1] if len(rest) > 1 else None) if kind.startswith("add") else table.comment
        item["after"] = table.comment if kind.startswith("add") else None


def _of_column(item: Item, kind: str, rest: Any, dialect: Any) -> None:
    schema, table, column = rest
    item["schema"], item["table"], item["column"] = schema, str(table), str(column.name)
    item["after" if kind == "add_column" else "before"] = shown(column.type, dialect)


def _of_change(item: Item, kind: str, rest: Any, dialect: Any) -> None:
    schema, table, column, _, before, after = rest
    item["schema"], item["table"], item["column"] = schema, str(table), str(column)
    item["before"], item["after"] = shown(before, dialect), shown(after, dialect)


def _of_part(item: Item, kind: str, rest: Any) -> None:
    """Indexes, constraints, foreign keys, and whatever a plugin of Alembic's brings."""
    part = rest[0] if rest else None
    table = getattr(part, "table", None)
    if table is not None:
        item["schema"], item["table"] = table.schema, str(table.name)
    name = getattr(part, "name", None)
    item["name"] = str(name) if name is not None else None
    shown = _columns(part) if table is not None else str(part)
    item["after" if kind.startswith("add_") else "before"] = shown


def _columns(part: Any) -> str:
    try:
        names = ", ".join(getattr(column, "name", None) or str(column) for column in part.columns)
        elements = getattr(part, "elements", None)
        if elements:
            return f"{names} -> {', '.join(element.target_fullname for element in elements)}"
        return names or str(getattr(part, "sqltext", ""))
    except Exception:
        return ""  # a constraint that cannot say its columns still has its name


def shown(value: Any, dialect: Any) -> Any:
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if hasattr(value, "arg"):
        return str(getattr(value.arg, "text", value.arg))
    try:
        return str(value.compile(dialect=dialect))
    except Exception:
        return repr(value)


def _text(item: Item) -> str:
    kind = item["kind"]
    table = item["table"] if not item["schema"] else f"{item['schema']}.{item['table']}"
    if kind.startswith("modify_"):
        what = kind[len("modify_") :]
        return f"{table}.{item['column']}: {what} is {_word(item['before'])} and should be {_word(item['after'])}"
    verb, _, noun = kind.partition("_")
    noun = {"fk": "foreign key"}.get(noun, noun.replace("_", " "))
    verb = {"add": "add", "remove": "drop"}.get(verb, verb)
    return f"{verb} {noun} {_subject(item, table)}".strip()


def _subject(item: Item, table: Optional[str]) -> str:
    if item["column"]:
        return f"{table}.{item['column']} ({item['after'] or item['before']})"
    if item["name"] or table is None:
        return f"{item['name'] or ''}{f' on {table}' if table else ''} ({item['after'] or item['before']})".strip()
    columns = item["after"] or item["before"]
    return f"{table} ({columns})" if columns and item["kind"] not in ("add_table", "remove_table") else str(table)


def _word(value: Any) -> str:
    return "unset" if value is None else str(value)
