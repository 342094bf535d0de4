"""How far a command has come: which revision runs, what the database should hold afterwards."""

from __future__ import annotations

import time
from typing import Any, Dict, Iterator, Optional, Sequence, Set, Tuple

from .events import Events


class Progress:
    """Of one Alembic command."""

    def __init__(self, events: Events, silent: bool = False, guard: Any = None, sql: Any = None) -> None:
        self._events = events
        self._silent = silent
        self._guard = guard
        self._sql = sql
        self.since = 0.0
        self.before: Optional[Tuple[str, ...]] = None
        self.expected: Optional[Set[str]] = None
        self.step: Any = None
        self.script: Any = None
        self.connected = False
        self.offline = False
        self._active = False

    def watch(self, migration: Any, before: Optional[Sequence[str]] = None) -> None:
        """Alembic's own function gives the heads it read and the steps it will take."""
        work = migration._migrations_fn

        def watched(heads: Sequence[str], context: Any) -> Iterator[Any]:
            self.script = context.script
            self.begins(heads, before)
            steps = list(work(heads, context))
            if self._sql is not None:
                self._sql.demand_readable(steps)
            if self._guard is not None:
                self._guard.before(steps, list(self.before or ()))
            for step in steps:
                self.step_begins(step)
                yield step

        migration._migrations_fn = watched

    def begins(self, heads: Sequence[str], before: Optional[Sequence[str]] = None) -> None:
        self._active = True
        self.before = tuple(sorted(heads if before is None else before))
        self.expected = set(heads) if self._sql is None else set(self._sql.rows)
        if not self.offline:
            self._write("heads", heads=list(self.before))

    def step_begins(self, step: Any) -> None:
        self.step, self.since = step, time.monotonic()
        if not self.offline:
            self._write("step_started", **describe(step))

    def step_applied(self, heads: Set[str]) -> None:
        self.expected = set(heads)
        rows = {}
        if self._sql is not None:
            self.expected, heads = set(self._sql.rows), set(self._sql.heads())
            rows = {"rows": sorted(self.expected)}
        seconds = round(time.monotonic() - self.since, 6)
        self._write("step_applied", **describe(self.step), heads=sorted(heads), seconds=seconds, **rows)
        self.step = None

    def on_version_apply(self, ctx: Any, step: Any, heads: Set[str], run_args: Any, **_: Any) -> None:
        if not self.offline:
            self.step_applied(heads)
        self.step = None

    def ends(self) -> None:
        """Commits of other connections, to look at the result, are not the migration's."""
        self._active = False

    def committing(self) -> None:
        if self._active:
            if self._guard is not None:
                self._guard.demand()
            self._write("commit")

    def autocommitting(self) -> None:
        if self._active:
            self._write("autocommit")

    def _write(self, event: str, **fields: Any) -> None:
        if not self._silent:
            self._events.write(event, **fields)


def describe(step: Any) -> Dict[str, Any]:
    revision = getattr(step, "revision", None)
    return {
        "revision": revision.revision if revision is not None else ", ".join(step.to_revisions) or None,
        "direction": "stamp" if revision is None else "upgrade" if step.is_upgrade else "downgrade",
        "from": list(step.from_revisions_no_deps),
        "to": list(step.to_revisions_no_deps),
        "message": step.doc,
        "path": revision.path if revision is not None else None,
    }
