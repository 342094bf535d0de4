"""What the rendered env.py calls: one migration environment for every project."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

from alembic import context
from alembic.util import CommandError
from sqlalchemy.engine import Connection

from . import own_env, versions
from .autogenerate import Directives
from .database import Database
from .filters import Filters
from .foreign_keys import Check
from .imports import RenderItem
from .refusal import Refusal
from .runs import Run
from .versions import VersionTable

ATTRIBUTE = "shed"


def run() -> None:
    this: Run = context.config.attributes[ATTRIBUTE]
    try:
        _run(this)
    except Refusal as refusal:
        if this.passthrough:
            raise CommandError(refusal.text) from refusal
        raise


def _run(this: Run) -> None:
    if this.settings.env_py:
        own_env.run(this, this.settings.env_py)
    elif context.is_offline_mode():
        _offline(this)
    else:
        _online(this)


def _online(this: Run) -> None:
    if this.database is None:
        raise Refusal("settings", "this command needs a database, and the run has none")
    # Before connecting: listeners that the models register must be there first, so that ours run last.
    this.project
    this.database.use(lambda connection: _migrate(this, connection), writing=this.writes)


def _migrate(this: Run, connection: Connection) -> None:
    this.progress.connected = True
    wide = _wide(this)
    if this.writes:
        versions.make_room(connection, this.version_table, wide)
    checks = _checks(this)
    context.configure(connection=connection, **_keywords(this, connection, checks))
    migration = context.get_context()
    if wide is not None:
        versions.create_wide(migration._version, wide)
    this.progress.watch(migration)
    for check in checks:
        check.begins(connection)
    connection.rollback()  # the look before must not stay open as somebody else's transaction
    with context.begin_transaction():
        context.run_migrations()
    # A migration that committed leaves the rest in a transaction that nobody else would commit.
    if connection.in_transaction():
        connection.commit()


def _offline(this: Run) -> None:
    this.progress.offline = True
    dialect = this.database.dialect if this.database else "sqlite"
    keywords = _keywords(this, None, [])
    if this.dry_from:
        keywords["starting_rev"] = this.dry_from
    context.configure(url=f"{dialect}://", literal_binds=True, dialect_opts={"paramstyle": "named"}, **keywords)
    migration = context.get_context()
    if this.table_exists and not this.dry_from:
        migration._version.create = lambda *_, **__: None  # it is there already, and empty
    this.progress.watch(migration)
    wide = _wide(this) if dialect == "postgresql" else None
    with context.begin_transaction():
        if wide is not None:
            _widen_offline(migration, wide)
        context.run_migrations()


def _widen_offline(migration: Any, wide: int) -> None:
    versions.create_wide(migration._version, wide)
    if migration.get_current_heads():
        table = migration._version
        migration.impl.static_output(versions.widening(migration.dialect, table.name, table.schema, wide) + ";")


def _wide(this: Run) -> Optional[int]:
    """SQLite does not look at the length."""
    is_writer = this.writes or getattr(this.options, "sql", False)
    if this.database is None or this.database.dialect != "postgresql" or not is_writer:
        return None
    return versions.width(context.script)


def _checks(this: Run) -> List[Check]:
    database = this.database
    return [Check()] if database is not None and database.dialect == "sqlite" and this.writes else []


def _keywords(this: Run, connection: Optional[Connection], checks: List[Check]) -> Dict[str, Any]:
    """What Alembic's configure gets: ours, then the settings', then the project's hooks."""
    settings, project = this.settings, this.project
    own = this.version_table
    default_schema = connection.dialect.default_schema_name if connection is not None else None
    filters = Filters(settings, project, default_schema, (own.schema, own.name))
    directives = Directives(this.events, project.metadata, filters, bool(settings.revision.get("allow_empty")))
    directives.command = this.command
    directives.hook = project.hook("process_revision_directives")
    keywords: Dict[str, Any] = {
        "target_metadata": project.metadata,
        "render_as_batch": this.database is not None and this.database.dialect == "sqlite",
        "include_schemas": filters.include_schemas,
        **settings.configure,
        "version_table": own.name,
        "version_table_schema": own.effective_schema(connection) if connection is not None else own.schema,
        "include_name": filters.include_name,
        "include_object": filters.include_object,
        "process_revision_directives": directives,
        "render_item": RenderItem(
            project.hook("render_item"), settings.script_imports, f"{this.folder}/script.py.mako"
        ),
    }
    if connection is not None:
        keywords.update(_online_keywords(this, this.database, checks))
    for name in ("compare_type", "compare_server_default"):
        if project.hook(name) is not None:
            keywords[name] = project.hook(name)
    return _last_word(this, keywords)


def _online_keywords(this: Run, database: Optional[Database], checks: List[Check]) -> Dict[str, Any]:
    keywords: Dict[str, Any] = {}
    if database is not None and database.transactional_sqlite:
        keywords["transactional_ddl"] = True
    if not this.writes:
        keywords["dont_mutate"] = True  # Alembic's own, for `current`: no version table is created
    hook = this.project.hook("on_version_apply")
    callbacks = [check.on_version_apply for check in checks]
    keywords["on_version_apply"] = (*callbacks, *([hook] if hook else []), this.progress.on_version_apply)
    return keywords


def _last_word(this: Run, keywords: Dict[str, Any]) -> Dict[str, Any]:
    """`configure(keywords)` of the hooks may change all of it."""
    hook = this.project.hook("configure")
    if hook is not None:
        changed = hook(keywords)
        keywords = keywords if changed is None else changed
        this.version_table = VersionTable(keywords["version_table"], keywords["version_table_schema"])
    return keywords
