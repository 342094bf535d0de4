"""What this interpreter has: works without Alembic, and imports nothing that it only reports."""

from __future__ import annotations

import importlib.metadata
import platform
import sqlite3
import sys
from typing import Any, Dict, List, Optional

from . import drivers

DRIVERS = {
    "psycopg": ("psycopg",),
    "psycopg2": ("psycopg2", "psycopg2-binary"),
    "pg8000": ("pg8000",),
    "asyncpg": ("asyncpg",),
    "aiosqlite": ("aiosqlite",),
}
OLDEST = {"alembic": (1, 13), "sqlalchemy": (2, 0)}


def answer() -> Dict[str, Any]:
    alembic, sqlalchemy = _version("alembic"), _version("sqlalchemy")
    return {
        "python": platform.python_version(),
        "executable": sys.executable,
        "prefix": sys.prefix,
        "alembic": alembic,
        "sqlalchemy": sqlalchemy,
        "sqlmodel": _version("sqlmodel"),
        "drivers": {name: _driver_version(name) for name in DRIVERS},
        "greenlet": _version("greenlet"),
        "sqlite": sqlite3.sqlite_version,
        "formatter": _version("shed"),
        "problems": _problems({"alembic": alembic, "sqlalchemy": sqlalchemy}),
    }


def _version(distribution: str) -> Optional[str]:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _driver_version(name: str) -> Optional[str]:
    versions = [_version(distribution) for distribution in DRIVERS[name]]
    return next((version for version in versions if version), None)


def _problems(found: Dict[str, Optional[str]]) -> List[str]:
    problems = []
    for name, version in found.items():
        needed = ".".join(str(number) for number in OLDEST[name])
        if version is None:
            problems.append(f'{name} is missing: {sys.executable} -m pip install "{name}"')
        elif drivers.numbers(version) < OLDEST[name]:
            problems.append(
                f'{name} {version} is older than {needed}: {sys.executable} -m pip install --upgrade "{name}>={needed}"'
            )
    return problems
