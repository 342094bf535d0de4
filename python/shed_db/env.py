"""What the rendered env.py calls, and an env.py of a project's own: one migration environment for every project."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional

from alembic import context
from alembic.util import CommandError
from sqlalchemy.engine import Connection

from . import models, versions
from .database import Database
from .refusal import Refusal
from .runs import COMPARERS, Run
from .versions import VersionTable

ATTRIBUTE = "shed"


def run_migrations(
    context: Any,
    target_metadata: Any,
    *,
    include_object: Optional[Callable[..., bool]] = None,
    include_schemas: Optional[bool] = None,
    version_table: Optional[str] = None,
    version_table_schema: Optional[str] = None,
    url: Optional[Any] = None,
    **keywords: Any,
) -> None:
    """For an env.py of one's own: `run_migrations(context, target_metadata)`, under `alembic` and under shed.

    `target_metadata` is a MetaData, a declarative base, or a list of them. More keywords are those of
    `context.configure`, and of shed's settings (`schemas`, `exclude_tables`, `on_connect`, `lock_timeout` …); `url` is
    for plain `alembic`, otherwise `sqlalchemy.url` of its configuration.
    """
    from . import given

    keywords.update(include_object=include_object, include_schemas=include_schemas, version_table=version_table)
    keywords.update(version_table_schema=version_table_schema, url=url)
    given.run(context, target_metadata, keywords)


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
        from . import own_env  # what few runs need is imported where it is needed

        own_env.run(this, this.settings.env_py)
    else:
        migrate(this)


def migrate(this: Run) -> None:
    if context.is_offline_mode():
        _offline(this)
    else:
        _online(this)


def _online(this: Run) -> None:
    if this.database is None:
        raise Refusal("settings", "this command needs a database, and the run has none")
    # Before connecting: listeners that the models register must be there first, so that ours run last.
    this.load_project()
    try:
        this.database.use(lambda connection: _migrate(this, connection), writing=this.writes)
    finally:
        this.progress.ends()


def _migrate(this: Run, connection: Connection) -> None:
    this.progress.connected = True
    is_lent = connection.in_transaction()  # by the caller, who ends it
    _look_at_sql(this, connection)
    wide = _wide(this)
    if this.writes:
        versions.make_room(connection, this.version_table, wide, commits=not is_lent)
    checks = _checks(this)
    context.configure(connection=connection, **_keywords(this, connection, checks))
    migration = context.get_context()
    if this.sql is not None:
        this.sql.take_over(migration)
    if wide is not None:
        versions.create_wide(migration._version, wide)
    # `stamp --purge` empties the table before it tells Alembic's function what was in it.
    purged = this.version_table.rows(connection) if getattr(this.options, "purge", False) else None
    if this.sql is not None and purged is not None:
        purged = this.sql.heads()
    this.progress.watch(migration, purged)
    for check in checks:
        check.begins(connection)
    if not is_lent:
        connection.rollback()  # the look before must not stay open as somebody else's transaction
    with context.begin_transaction():
        context.run_migrations()
    # A migration that committed leaves the rest in a transaction that nobody else would commit.
    if connection.in_transaction() and not is_lent:
        connection.commit()


def _look_at_sql(this: Run, connection: Connection) -> None:
    """Under the lock, where there is one: what is applied, and so the chain of this run."""
    if this.sql is None:
        return
    this.sql.take(this.version_table.rows(connection))
    connection.rollback()
    if this.writes:
        this.sql.before_writing(this.command, getattr(this.options, "revision", None))


def _offline(this: Run) -> None:
    if this.database is None:
        raise Refusal("settings", "SQL can be written for a known kind of database only, and the run has none")
    this.progress.offline = True
    keywords = _keywords(this, None, [])
    if this.dry_from:
        keywords["starting_rev"] = this.dry_from
    if this.sql is not None and this.dry_from is not None:
        this.sql.before_writing(this.command, None)
    url = f"{this.database.dialect}://"
    context.configure(url=url, literal_binds=True, dialect_opts={"paramstyle": "named"}, **keywords)
    migration = context.get_context()
    if this.sql is not None:
        this.sql.take_over(migration)
    elif this.table_exists and not this.dry_from:
        # It is there already, and empty.
        migration._version.create = lambda *_, **__: None  # type: ignore[method-assign]
    this.progress.watch(migration)
    wide = None if this.is_wide_enough else _wide(this)
    with context.begin_transaction():
        _set_up_offline(this, migration)
        if wide is not None:
            _widen_offline(migration, wide)
        context.run_migrations()


def _set_up_offline(this: Run, migration: Any) -> None:
    """What a connection would have been given."""
    if migration.dialect.name != "postgresql":
        return
    preparer = migration.dialect.identifier_preparer
    if this.settings.schema:
        migration.impl.static_output(f"SET search_path TO {preparer.quote_schema(this.settings.schema)};")
    own = migration._version.schema
    if own is not None and not migration.get_current_heads():
        migration.impl.static_output(f"CREATE SCHEMA IF NOT EXISTS {preparer.quote_schema(own)};")


def _widen_offline(migration: Any, wide: int) -> None:
    versions.create_wide(migration._version, wide)
    if migration.get_current_heads():
        table = migration._version
        migration.impl.static_output(versions.widening(migration.dialect, table.name, table.schema, wide) + ";")


def _wide(this: Run) -> Optional[int]:
    """SQLite does not look at the length."""
    is_writer = this.writes or getattr(this.options, "sql", False)
    if this.database is None or this.database.dialect != "postgresql" or not is_writer or this.sql is not None:
        return None
    return versions.width(context.script)


def _checks(this: Run) -> List[Any]:
    if this.database is None or this.database.dialect != "sqlite" or not this.writes:
        return []
    from .foreign_keys import Check

    return [Check()]


def _keywords(this: Run, connection: Optional[Connection], checks: List[Any]) -> Dict[str, Any]:
    """What Alembic's configure gets: ours, then the settings', then the project's hooks."""
    project, own = this.project, this.version_table
    keywords: Dict[str, Any] = {
        "target_metadata": project.metadata,
        "render_as_batch": this.database is not None and this.database.dialect == "sqlite",
        # One for each file, as dbmate has it.
        "transaction_per_migration": this.sql is not None,
        **this.settings.configure,
        "version_table": own.name,
        "version_table_schema": own.effective_schema(connection) if connection is not None else _offline_schema(this),
    }
    if this.command in (*COMPARERS, "revision"):
        from . import autogenerate

        keywords.update(autogenerate.keywords(this, connection))
    if connection is not None:
        keywords.update(_online_keywords(this, this.database, checks))
    keywords = _last_word(this, keywords)
    if this.compares and keywords.get("target_metadata") is None:
        raise models.nothing_to_compare(project)
    return keywords


def _offline_schema(this: Run) -> Optional[str]:
    """Without a connection, the default schema is what it is nearly everywhere."""
    return None if this.version_table.schema in (this.settings.schema, "public", "main") else this.version_table.schema


def _online_keywords(this: Run, database: Optional[Database], checks: List[Any]) -> Dict[str, Any]:
    keywords: Dict[str, Any] = {}
    if database is not None and database.transactional_sqlite:
        keywords["transactional_ddl"] = this.settings.configure.get("transactional_ddl", True)
    if not this.writes:
        keywords["dont_mutate"] = True  # Alembic's own, for `current`: no version table is created
    hook = this.project.hook("on_version_apply")
    callbacks = [check.on_version_apply for check in checks]
    kept = _ledger(this)
    own = [hook] if hook else []
    keywords["on_version_apply"] = (*callbacks, *own, *kept, this.progress.on_version_apply)
    return keywords


def _ledger(this: Run) -> List[Any]:
    if this.settings.ledger is None:
        return []
    from . import ledger

    kept = ledger.of(this)
    return [kept.on_version_apply] if kept is not None else []


def _last_word(this: Run, keywords: Dict[str, Any]) -> Dict[str, Any]:
    """`configure(keywords)` of the hooks may change all of it."""
    hook = this.project.hook("configure")
    if hook is not None:
        changed = hook(keywords)
        keywords = keywords if changed is None else changed
        name, schema = keywords["version_table"], keywords["version_table_schema"]
        this.version_table = VersionTable(name, schema, this.version_table.column)
    return keywords
