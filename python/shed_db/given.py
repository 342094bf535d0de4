"""What a project's own env.py hands over: its MetaData, its hooks, its keywords."""

from __future__ import annotations

from importlib import import_module
from types import SimpleNamespace
from typing import Any, Callable, Dict, List, Sequence

from sqlalchemy import MetaData

from . import models
from .models import Project
from .settings import Settings
from .versions import VersionTable

ATTRIBUTE = "shed"
RUNNING = "_shed_db"
HOOKS = (
    "include_object",
    "include_name",
    "process_revision_directives",
    "compare_type",
    "compare_server_default",
    "render_item",
    "on_version_apply",
)
SETTINGS = (
    "schemas",
    "include_tables",
    "exclude_tables",
    "schema",
    "schema_translate_map",
    "on_connect",
    "transactional",
    "lock_timeout",
    "statement_timeout",
    "script_imports",
)


def run(context: Any, target_metadata: Any, keywords: Dict[str, Any]) -> None:
    """Under shed the run that is under way takes it over, with the files it was started with."""
    this = context.config.attributes.get(ATTRIBUTE)
    if this is None or not hasattr(this, "given"):
        from . import plain

        plain.run(context, target_metadata, keywords)
        return
    import_module(f"{RUNNING}.given").under_shed(this, target_metadata, keywords)


def under_shed(this: Any, target_metadata: Any, keywords: Dict[str, Any]) -> None:
    keywords.pop("url", None)  # the run has its own
    take(this, target_metadata, keywords)
    from . import env

    env.migrate(this)


def take(this: Any, target_metadata: Any, keywords: Dict[str, Any]) -> None:
    """Into the run: what is said here wins over the settings."""
    settings: Settings = this.settings
    hooks = {name: keywords.pop(name) for name in HOOKS if _is_hook(name, keywords.get(name))}
    for name in SETTINGS:
        if keywords.get(name) is not None:
            setattr(settings, name, keywords.pop(name))
    own = this.version_table
    name = keywords.pop("version_table", None) or own.name
    schema = keywords.pop("version_table_schema", None) or own.schema
    this.version_table = VersionTable(name, schema)
    settings.revision["allow_empty"] = bool(keywords.pop("allow_empty", settings.revision.get("allow_empty")))
    settings.configure = {**settings.configure, **{key: value for key, value in keywords.items() if value is not None}}
    this.given = _project(settings, target_metadata, hooks)


def _is_hook(name: str, value: Any) -> bool:
    """`compare_type=True` is a plain keyword; callbacks may be a list."""
    return callable(value) or (name == "on_version_apply" and bool(value))


def _project(settings: Settings, target_metadata: Any, hooks: Dict[str, Any]) -> Project:
    project = Project(settings)
    project.compared = True
    project.metadata = _target(target_metadata)
    of_settings = models.load_hooks(settings) if settings.hooks is not None else None
    if "on_version_apply" in hooks:
        hooks["on_version_apply"] = _one(hooks["on_version_apply"])
    project.hooks = _Hooks(of_settings, hooks)  # type: ignore[assignment]
    return project


class _Hooks(SimpleNamespace):
    """Those of the settings, and over them those that were handed over."""

    def __init__(self, of_settings: Any, given: Dict[str, Any]) -> None:
        super().__init__(**{**(vars(of_settings) if of_settings is not None else {}), **given})


def _target(given: Any) -> Any:
    """A declarative base is meant as its MetaData."""
    if isinstance(given, (list, tuple)):
        from . import metadata

        found: List[MetaData] = [_target(one) for one in given]
        return metadata.several(found) if found else None
    return given if given is None or isinstance(given, MetaData) else getattr(given, "metadata", given)


def _one(callbacks: Any) -> Callable[..., None]:
    """Alembic takes one callback or several."""
    several: Sequence[Callable[..., None]] = [callbacks] if callable(callbacks) else list(callbacks)

    def call(**given: Any) -> None:
        for callback in several:
            callback(**given)

    return call
