"""A project's own env.py, run unchanged: the URL is where it looks for it."""

from __future__ import annotations

import os
from typing import Any, Optional

from alembic import context
from alembic.runtime.environment import EnvironmentContext
from alembic.util import load_python_file

from .runs import Run
from .versions import DEFAULT_NAME, VersionTable

LEDGER = "shed_history"


def run(this: Run, path: str) -> None:
    if this.database is not None:
        # A single % is an interpolation to Alembic's config.
        url = this.database.url_text(exact=not context.is_offline_mode())
        context.config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    script, folder = context.script, context.script.dir
    restore = _note_version_table(this)
    script.dir = os.path.dirname(path)
    try:
        load_python_file(os.path.dirname(path), os.path.basename(path))
    finally:
        script.dir = folder
        restore()


def _note_version_table(this: Run) -> Any:
    """Which table and database it really used, so that the run can be verified."""
    original = EnvironmentContext.configure

    def configure(self: Any, *args: Any, **keywords: Any) -> None:
        if this.command == "diff":
            keywords["dont_mutate"] = True  # it only looks: no version table is made
        keywords["include_object"] = _without_ledger(keywords.get("include_object"))
        original(self, *args, **keywords)
        if this.given is not None:
            return  # it called shed's own env.py, which sees to all of this
        migration = self.get_context()
        _watch(this, migration)
        this.version_table = VersionTable(
            getattr(migration, "version_table", DEFAULT_NAME), getattr(migration, "version_table_schema", None)
        )
        this.own_env_elsewhere = _elsewhere(this, migration)

    EnvironmentContext.configure = configure  # type: ignore[method-assign]

    def restore() -> None:
        EnvironmentContext.configure = original  # type: ignore[method-assign]

    return restore


def _watch(this: Run, migration: Any) -> None:
    """In silence: an error must still name its revision."""
    this.progress = this.new_progress(silent=True)
    this.progress.offline = migration.as_sql
    this.progress.connected = not migration.as_sql
    this.progress.watch(migration)
    callbacks = [*migration.on_version_apply_callbacks]
    if this.settings.ledger is not None:
        from . import ledger

        kept = ledger.of(this)
        callbacks += [kept.on_version_apply] if kept is not None else []
    migration.on_version_apply_callbacks = (*callbacks, this.progress.on_version_apply)


def _without_ledger(asked: Any) -> Any:
    """Autogenerate never sees shed's own table, unless the models have one of its name."""

    def include_object(item: Any, name: Any, kind: str, reflected: bool, other: Any) -> bool:
        if kind == "table" and name == LEDGER and reflected and other is None:
            return False
        return asked is None or bool(asked(item, name, kind, reflected, other))

    return include_object


def _elsewhere(this: Run, migration: Any) -> Optional[str]:
    """Its database, where that is not the run's own."""
    engine = getattr(getattr(migration, "connection", None), "engine", None)
    if engine is None or migration.as_sql or this.database is None:
        return None
    used, parts = engine.url, this.database.parts
    wanted = parts["path"] if parts["dialect"] == "sqlite" else parts.get("database")
    if parts["dialect"] == "sqlite" and used.database not in (None, "", ":memory:"):
        same = os.path.realpath(used.database) == os.path.realpath(str(wanted))
    else:
        same = used.database == wanted
    return None if same and used.get_backend_name() == parts["dialect"] else str(used)
