"""In the wheel alone: Alembic's own Config, for those who call Alembic themselves."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Optional

from .errors import EnvironmentFault

if TYPE_CHECKING:
    from alembic.config import Config

    from .calls import PathLike


def create_alembic_config(
    migrations_dir: PathLike,
    database_url: Optional[str] = None,
    version_table_schema: Optional[str] = None,
    target_metadata: Any = None,
) -> Config:
    """A plain Config: a folder with an env.py of its own is used as it is, a folder of revisions runs under shed's.

    An env.py that calls `shed_db.env.run_migrations` heeds `version_table_schema` and `target_metadata`.
    """
    try:
        from alembic.config import Config
    except ImportError as error:
        raise EnvironmentFault(f"alembic cannot be imported: {error}", help="pip install alembic") from error

    folder = os.path.abspath(migrations_dir)
    config = Config()
    if os.path.isfile(os.path.join(folder, "env.py")):
        _set(config, "script_location", folder)
    else:
        own = os.path.join(os.path.dirname(os.path.abspath(__file__)), "environment")
        _set(config, "script_location", own)
        _set(config, "version_locations", folder)
        # Otherwise a blank parts two folders; the first name is for Alembic before 1.16.
        _set(config, "version_path_separator", "os")
        _set(config, "path_separator", "os")
    if database_url is not None:
        _set(config, "sqlalchemy.url", database_url)
    if version_table_schema is not None:
        config.attributes["version_table_schema"] = version_table_schema
    if target_metadata is not None:
        config.attributes["target_metadata"] = target_metadata
    return config


def _set(config: Config, name: str, value: str) -> None:
    """A single % is an interpolation to Alembic's config."""
    config.set_main_option(name, value.replace("%", "%%"))
