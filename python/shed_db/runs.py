"""One run: everything that its steps share."""

from __future__ import annotations

import os
from typing import Any, Dict, Optional, Tuple

from . import boot, models, versions
from .database import Database
from .events import Events
from .models import Project
from .progress import Progress
from .settings import Settings

WRITERS = ("upgrade", "downgrade", "stamp", "ensure_version")
# `diff` is shed's own: Alembic's comparison, wherever the database stands.
COMPARERS = ("check", "diff")


class Run:
    """Alembic's Config carries it to env.py."""

    def __init__(self, settings: Settings, events: Events, parts: Optional[Dict[str, Any]], parent: Any = None) -> None:
        self.settings = settings
        self.events = events
        self.parent = parent
        self.guard: Any = None
        self.witness: Any = None
        self.database = Database(settings, parts, self.warn) if parts else None
        self.version_table = versions.from_settings(settings)
        self.sql: Any = None
        if settings.sql is not None:
            from . import sql  # what few runs need

            self.sql = sql.Migrations(settings.sql, self.warn)
        self.progress = Progress(events, sql=self.sql)
        self.command = ""
        self.options: Any = None
        self.passthrough = False
        self.preparing = False
        self.has_written = False
        self.dry_from: Optional[Tuple[str, ...]] = None
        self.table_exists = False
        self.is_wide_enough = False
        self.own_env_elsewhere: Optional[str] = None
        self.script: Any = None
        self.tells_differences = True
        self.other_parts: Optional[Dict[str, Any]] = None
        # What an env.py of the project's own hands over.
        self.given: Optional[Project] = None
        self._project: Optional[Project] = None

    def warn(self, text: str) -> None:
        self.events.write("warning", text=text)

    @property
    def folder(self) -> str:
        return os.path.dirname(self.settings.ini)

    @property
    def in_memory(self) -> bool:
        return self.database is not None and self.database.in_memory

    @property
    def writes(self) -> bool:
        """A database in memory is migrated even by commands that only read."""
        allowed = self.settings.writes or self.in_memory or self.passthrough
        return allowed and self.command in WRITERS and not getattr(self.options, "sql", False)

    @property
    def compares(self) -> bool:
        return self.command in COMPARERS or bool(getattr(self.options, "autogenerate", False))

    @property
    def project(self) -> Project:
        return self.load_project()

    @property
    def hooks_file(self) -> Optional[str]:
        return getattr(self._project.hooks, "__file__", None) if self._project else None

    def load_project(self) -> Project:
        """Imported once, unless a later command needs more of it."""
        if self.given is not None:
            self._project = self.given
            return self.given
        needed = self.settings.need_models == "yes" or self.compares or self.in_memory
        known = self._project
        if known is None or (self.compares and known.metadata is None and not known.loaded):
            with boot.importing():
                known = self._project = models.load(self.settings, needed, self.compares)
        elif self.compares and not known.compared:
            models.compare(known)
        return known

    def use_project(self, project: Project) -> None:
        """Instead of what the settings name."""
        self._project = project

    def new_progress(self, silent: bool = False) -> Progress:
        guarded = self.guard if self.writes and not self.preparing else None
        return Progress(self.events, silent=silent, guard=guarded, sql=self.sql)

    def starts(self, command: str, options: Any) -> None:
        """A command of Alembic's begins."""
        self.command = command
        self.options = options
        self.progress = self.new_progress(silent=self.preparing)
        self.has_written = self.has_written or self.writes
        if self.database is not None:
            self.database.on_commit = self.progress.committing if self.writes else _nothing
            self.database.on_autocommit = self.progress.autocommitting if self.writes else _nothing


def _nothing() -> None:
    return None
