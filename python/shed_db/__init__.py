"""shed for Python: run migrations from an application; the worker that runs Alembic lies beside it.

Names are imported when they are first asked for: the worker loads this file in every run.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .answers import (
        Column,
        Finding,
        Migration,
        MigrationResult,
        Model,
        NewRevision,
        PendingRevision,
        Revision,
        Step,
    )
    from .api import (
        auto,
        create_migration,
        current_revision,
        discover_models,
        history,
        latest_revision,
        pending,
        run_downgrade,
        run_migration,
        should_run_migration,
        validate_models,
    )
    from .app import create_migration_app
    from .config import create_alembic_config
    from .errors import (
        AnswerIsNo,
        DatabaseUnreachable,
        EnvironmentFault,
        Interrupted,
        LockNotObtained,
        MigrationFailed,
        ShedError,
        UsageError,
    )

_HOMES = {
    "answers": (
        "Column",
        "Finding",
        "Migration",
        "MigrationResult",
        "Model",
        "NewRevision",
        "PendingRevision",
        "Revision",
        "Step",
    ),
    "api": (
        "auto",
        "create_migration",
        "current_revision",
        "discover_models",
        "history",
        "latest_revision",
        "pending",
        "run_downgrade",
        "run_migration",
        "should_run_migration",
        "validate_models",
    ),
    "app": ("create_migration_app",),
    "config": ("create_alembic_config",),
    "errors": (
        "AnswerIsNo",
        "DatabaseUnreachable",
        "EnvironmentFault",
        "Interrupted",
        "LockNotObtained",
        "MigrationFailed",
        "ShedError",
        "UsageError",
    ),
}

__all__ = [
    "AnswerIsNo",
    "Column",
    "DatabaseUnreachable",
    "EnvironmentFault",
    "Finding",
    "Interrupted",
    "LockNotObtained",
    "Migration",
    "MigrationFailed",
    "MigrationResult",
    "Model",
    "NewRevision",
    "PendingRevision",
    "Revision",
    "ShedError",
    "Step",
    "UsageError",
    "auto",
    "create_alembic_config",
    "create_migration",
    "create_migration_app",
    "current_revision",
    "discover_models",
    "history",
    "latest_revision",
    "pending",
    "run_downgrade",
    "run_migration",
    "should_run_migration",
    "validate_models",
]


def __getattr__(name: str) -> object:
    for home, names in _HOMES.items():
        if name in names:
            from importlib import import_module

            return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> "list[str]":
    return sorted({*globals(), *__all__})
