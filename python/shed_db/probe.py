"""What this interpreter has: works without Alembic, and imports nothing that it only reports."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import re
import sqlite3
import sys
from typing import Any, Dict, List, Optional, Tuple

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
        "problems": _problems({"alembic": alembic, "sqlalchemy": sqlalchemy}),
    }


def numbers(version: str) -> Tuple[int, int]:
    found = re.findall(r"\d+", version)
    return int(found[0]), int(found[1]) if len(found) > 1 else 0


def likely_driver(parts: Optional[Dict[str, Any]]) -> Optional[str]:
    """Without importing one: what the run will most probably use."""
    if not parts:
        return None
    if parts.get("driver") or parts["dialect"] == "sqlite":
        return parts.get("driver") or "pysqlite"
    first = ["psycopg2", "psycopg"] if (_version("sqlalchemy") or "").startswith("2.0") else ["psycopg", "psycopg2"]
    for name in [*first, "pg8000", "asyncpg"]:
        if importlib.util.find_spec(name) is not None:
            return name
    return None


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
        elif numbers(version) < OLDEST[name]:
            problems.append(
                f'{name} {version} is older than {needed}: {sys.executable} -m pip install --upgrade "{name}>={needed}"'
            )
    return problems
