"""What happens between the comparison and the new file."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional

from sqlalchemy.engine import Connection

from . import differences, metadata
from .events import Events
from .filters import Filters
from .imports import RenderItem
from .refusal import Refusal
from .runs import COMPARERS, Run
from .settings import schemas_of


def keywords(this: Run, connection: Optional[Connection]) -> Dict[str, Any]:
    """What only a comparison needs; the project's hooks are asked as well as our filters."""
    settings, project, own = this.settings, this.project, this.version_table
    default_schema = connection.dialect.default_schema_name if connection is not None else None
    target = _target(this)
    filters = Filters(settings, project, metadata.tables(target), default_schema, (own.schema, own.name))
    directives = Directives(this.events, target, filters, bool(settings.revision.get("allow_empty")))
    directives.command, directives.compares = this.command, this.compares
    directives.tells = this.tells_differences
    directives.may_drop_all = this.other_parts is not None
    directives.is_sql = this.sql is not None
    directives.script_imports = settings.script_imports
    directives.hook = project.hook("process_revision_directives")
    template = f"{this.folder}/script.py.mako"
    found: Dict[str, Any] = {
        "target_metadata": target,
        "include_schemas": filters.include_schemas or bool(settings.configure.get("include_schemas")),
        "include_name": filters.include_name,
        "include_object": filters.include_object,
        "process_revision_directives": directives,
        "render_item": RenderItem(project.hook("render_item"), settings.script_imports, template),
    }
    for name in ("compare_type", "compare_server_default"):
        if project.hook(name) is not None:
            found[name] = project.hook(name)
    return found


def _target(this: Run) -> metadata.Target:
    """A check looks for the tables where this database has them; a new file must keep the models' own schemas."""
    mapping = schemas_of(this.settings)
    if this.command in COMPARERS:
        return metadata.translated(this.project.metadata, mapping)
    if mapping and this.compares:
        raise Refusal(
            "settings",
            "autogenerate compares names as they are, and schema_translate_map changes them: the file would be wrong",
            "compare with a database that has the models' own schemas, or write the revision without --autogenerate",
        )
    return this.project.metadata  # type: ignore[no-any-return]


class Directives:
    """Alembic's process_revision_directives, for `revision` and for `check`."""

    def __init__(self, events: Events, target: metadata.Target, filters: Filters, allow_empty: bool) -> None:
        self._events = events
        self._target = target
        self._filters = filters
        self._allow_empty = allow_empty
        self.hook: Optional[Callable[..., None]] = None
        self.command = ""
        self.is_sql = False
        self.script_imports: List[str] = []
        self.compares = False
        self.may_drop_all = False
        self.tells = True

    def __call__(self, context: Any, revision: Any, directives: List[Any]) -> None:
        """Also called for a plain `revision` of a project whose environment always runs."""
        if self.compares:
            self._refuse_to_drop_everything(context, directives)
        kept = list(directives)
        if self.hook is not None:
            self.hook(context, revision, directives)
        if self.command in COMPARERS:
            _keep_for_check(directives, kept)
        if self.compares and self.tells:
            self._report(context, directives)
        if self.is_sql and self.command == "revision":
            self._give_away(context, directives)

    def _give_away(self, context: Any, directives: List[Any]) -> None:
        """shed writes the SQL file; Alembic writes none."""
        if directives:
            from . import sql_write  # what few runs need

            self._events.write("result", data=sql_write.blocks(context, directives[0], self.script_imports))
        directives[:] = []

    def _report(self, context: Any, directives: List[Any]) -> None:
        items = [
            item
            for script in directives
            for operations in script.upgrade_ops_list
            for item in differences.from_operations(operations, context.dialect)
        ]
        self._events.write("differences", items=items)
        for text in differences.probable_renames(items):
            self._events.write("warning", text=text, about="rename")
        self._say_what_was_ignored()
        self._say_unnamed_schemas(items)
        if self.command in COMPARERS:
            return
        if not items and not self._allow_empty and _is_empty(directives):
            directives[:] = []
        if not directives:
            self._events.write("empty")

    def _say_what_was_ignored(self) -> None:
        ignored = self._filters.ignored
        if ignored:
            names = ", ".join(f"{name} ({owner})" for name, owner in sorted(ignored.items()))
            text = f"not compared, because they belong to others: {names}"
            self._events.write("warning", text=text, about="default_filters")

    def _say_unnamed_schemas(self, items: List[Any]) -> None:
        """Alembic looks at the default schema alone, and would add these tables for ever."""
        schemas = {item["schema"] for item in items if item["kind"] == "add_table" and item["schema"]}
        if schemas and not self._filters.include_schemas:
            names = ", ".join(sorted(schemas))
            text = f"the models have tables in {names}; only the default schema is compared: set `schemas: [{names}]`"
            self._events.write("warning", text=text, about="schemas")

    def _refuse_to_drop_everything(self, context: Any, directives: List[Any]) -> None:
        """No table in the models and some in the database: nobody means that."""
        if metadata.tables(self._target) or self.may_drop_all:
            return
        items = [
            item
            for script in directives
            for operations in script.upgrade_ops_list
            for item in differences.from_operations(operations, context.dialect)
        ]
        dropped = [item["table"] for item in items if item["kind"] == "remove_table"]
        if dropped:
            raise Refusal(
                "settings",
                f"the models have no tables, and the database has {len(dropped)}: {_some(dropped)}",
                "check `module` and `metadata`; `auto_discovery: true` imports every module of a package",
            )


def _is_empty(directives: List[Any]) -> bool:
    return all(operations.is_empty() for script in directives for operations in script.upgrade_ops_list)


def _keep_for_check(directives: List[Any], kept: List[Any]) -> None:
    """The well-known hook against empty files empties the list, which `check` then indexes."""
    if directives or not kept:
        return
    for script in kept:
        for operations in script.upgrade_ops_list:
            operations.ops[:] = []
    directives[:] = kept


def _some(names: List[str]) -> str:
    shown = sorted(names)
    return ", ".join(shown[:5]) + (", …" if len(shown) > 5 else "")
