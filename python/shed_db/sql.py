"""Migrations as SQL files: as revisions of Alembic's, and the table that tells which of them a database holds.

The rows of that table are the truth. A run has one chain: the applied files by name, then the pending ones by name,
so that a file merged late is applied once, wherever its name puts it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Dict, Iterable, List, Optional, Set, Tuple

from alembic.runtime import migration as alembic_migration
from alembic.script import Script, ScriptDirectory
from alembic.script.revision import RevisionMap
from alembic.util import CommandError
from sqlalchemy import Column, MetaData, String, Table
from sqlalchemy.schema import CreateTable

from . import sql_run
from .refusal import Refusal

COLUMN = "version"
# As dbmate makes it there; on PostgreSQL it has no limit.
SQLITE_WIDTH = 128


@dataclass
class File:
    """One file, as shed has read it."""

    version: str
    name: str
    path: str
    message: str
    size: int
    sections: List[Dict[str, Any]]
    problem: Optional[Dict[str, Any]] = None

    def blocks(self, direction: str) -> List[Dict[str, Any]]:
        """What is undone last was done first."""
        blocks = [section[direction] for section in self.sections]
        return blocks if direction == "up" else blocks[::-1]

    def read(self) -> bytes:
        with open(self.path, "rb") as source:
            content = source.read()
        if len(content) != self.size:
            raise Refusal("revision_file", f"{self.path} was changed while it was to be run", "run it again")
        return content


class Migrations:
    """The files of a run, and what the database holds of them."""

    def __init__(self, wanted: Dict[str, Any], warn: Any) -> None:
        self.files = [File(**file) for file in wanted["files"]]
        self.strict = bool(wanted.get("strict"))
        self.rows: Set[str] = set()
        self._warn = warn
        self._known = {file.version: file for file in self.files}
        self._chain = self.files
        self._script: Optional[ScriptDirectory] = None
        self._warned = False

    def attach(self, script: ScriptDirectory) -> None:
        """Alembic reads no revision files: it gets the chain."""
        self._script = script
        self._link()

    def take(self, rows: Optional[Iterable[str]]) -> None:
        """What the database holds, read just now."""
        self.rows = set(rows or ())
        applied = [file for file in self.files if file.version in self.rows]
        self._chain = applied + self.pending()
        self._link()

    def pending(self) -> List[File]:
        return [file for file in self.files if file.version not in self.rows]

    def heads(self) -> Tuple[str, ...]:
        """The applied file with the highest name: where Alembic stands."""
        return tuple(file.version for file in self.files if file.version in self.rows)[-1:]

    def before_writing(self, command: str, revision: Optional[str]) -> None:
        """What is refused while nothing is touched."""
        strangers = sorted(self.rows - set(self._known))
        if strangers and not self._warned:
            self._warned = True
            names = ", ".join(strangers[:5]) + (", …" if len(strangers) > 5 else "")
            self._warn(f"the database holds {names}, and there is no such file: left as it is")
        if command == "upgrade" and self.strict:
            self._refuse_out_of_order()
        if command == "downgrade" and (revision or "").startswith("-") and not self.heads():
            raise Refusal("command", "can't rollback: no migrations have been applied")

    def _refuse_out_of_order(self) -> None:
        """By version, as dbmate compares."""
        applied = [file.version for file in self.files if file.version in self.rows]
        pending = self.pending()
        if applied and pending and pending[0].version <= max(applied):
            raise Refusal(
                "command",
                f"migration `{pending[0].version}` is out of order with already applied migrations, the version number "
                f"has to be higher than the applied migration `{max(applied)}` in --strict mode",
                f"rename {pending[0].path}, or leave --strict out: then it is applied now",
            )

    def demand_readable(self, steps: List[Any]) -> None:
        """Before anything is run."""
        revisions = [getattr(step, "revision", None) for step in steps]
        for revision in revisions:
            file = self._known.get(revision.revision) if revision is not None else None
            if file is not None and file.problem is not None:
                line = file.problem.get("line")
                where = file.path if line is None else f"{file.path}:{line}"
                raise Refusal(
                    "revision_file",
                    f"{where}: {file.problem['text']}",
                    file.problem.get("help"),
                    path=file.path,
                    line=line,
                )

    def _link(self) -> None:
        if self._script is not None:
            self._script.revision_map = RevisionMap(self._scripts)

    def _scripts(self) -> List[Script]:
        found: List[Script] = []
        for before, file in zip([None, *self._chain], self._chain):
            module = ModuleType(f"shed_sql_{file.version}", file.message)
            module.down_revision = before.version if before else None  # type: ignore[attr-defined]
            module.upgrade = sql_run.runner(file, "up")  # type: ignore[attr-defined]
            module.downgrade = sql_run.runner(file, "down")  # type: ignore[attr-defined]
            found.append(Script(module, file.version, os.path.abspath(file.path)))
        return found

    def take_over(self, migration: Any) -> None:
        """The rows instead of Alembic's one: a row each, written with the step that it stands for."""
        offline = migration.as_sql
        migration._version = _table(migration)
        if offline:
            _create_if_missing(migration)
        else:
            migration.get_current_heads = self.heads
        migrations = self

        class Maintainer(Rows):
            files = migrations

        alembic_migration.HeadMaintainer = Maintainer  # type: ignore[misc]

    def up_to(self, version: Optional[str]) -> Set[str]:
        """The versions of the chain up to this one."""
        versions = [file.version for file in self._chain]
        return set(versions[: versions.index(version) + 1]) if version is not None else set()

    def highest(self, versions: Iterable[str]) -> Optional[str]:
        order = {file.version: place for place, file in enumerate(self._chain)}
        return max(versions, key=lambda version: order[version], default=None)

    def is_at_head(self, rows: Set[str]) -> bool:
        return bool(self.files) and all(file.version in rows for file in self.files)


class Rows(alembic_migration.HeadMaintainer):
    """Alembic's keeper of heads, with all of the rows."""

    files: Migrations

    def __init__(self, context: Any, heads: Iterable[str]) -> None:
        super().__init__(context, heads)
        head = self.files.highest(self.heads)
        # Without a database, what lies before the beginning of the range is there; `--purge` empties the table.
        if context.as_sql:
            self.files.rows = self.files.up_to(head)
        elif context.purge:
            self.files.rows = set()

    def update_to_step(self, step: Any) -> None:
        head = self.files.highest(step.to_revisions)
        known = {file.version for file in self.files.files}
        wanted = self.files.up_to(head) | (self.files.rows - known)
        for version in sorted(self.files.rows - wanted):
            self._delete(version)
        for version in sorted(wanted - self.files.rows):
            self._exec(self._table.insert().values({COLUMN: version}))
        self.files.rows = wanted
        self.heads = {head} if head is not None else set()

    def _delete(self, version: str) -> None:
        result = self._exec(self._table.delete().where(self._table.c[COLUMN] == version))
        if not self.context.as_sql and result is not None and result.rowcount == 0:
            raise CommandError(f"version {version} was taken from {self._table.name} by somebody else meanwhile")

    @property
    def _table(self) -> Table:
        return self.context._version

    def _exec(self, construct: Any) -> Any:
        return self.context.impl._exec(construct)


def _table(migration: Any) -> Table:
    kind = String(SQLITE_WIDTH) if migration.dialect.name == "sqlite" else String()
    return Table(
        migration.version_table,
        MetaData(),
        Column(COLUMN, kind, primary_key=True),
        schema=migration.version_table_schema,
    )


def _create_if_missing(migration: Any) -> None:
    """Nobody knows whether dbmate was there."""
    table = migration._version

    def create(*_: Any, **__: Any) -> None:
        migration.impl._exec(CreateTable(table, if_not_exists=True))

    table.create = create
