"""Which database driver the project's interpreter has."""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
from typing import Any, Dict, List, Optional, Tuple

from .refusal import Refusal

# SQLAlchemy's name of a driver: the module it imports, and what to install for it.
POSTGRES: Dict[str, Tuple[str, str]] = {
    "psycopg": ("psycopg", "psycopg[binary]"),
    "psycopg2": ("psycopg2", "psycopg2-binary"),
    "pg8000": ("pg8000", "pg8000"),
    "asyncpg": ("asyncpg", "asyncpg"),
    "psycopg_async": ("psycopg", "psycopg[binary]"),
    "psycopg2cffi": ("psycopg2cffi", "psycopg2cffi"),
}
SQLITE: Dict[str, Tuple[str, str]] = {
    "pysqlite": ("sqlite3", "pysqlite3"),
    "aiosqlite": ("aiosqlite", "aiosqlite"),
    "pysqlcipher": ("sqlcipher3", "sqlcipher3"),
}
ASYNC = ("asyncpg", "aiosqlite", "psycopg_async")


def choose(dialect: str, wanted: Optional[str]) -> Tuple[str, Optional[str]]:
    """The driver to use, and a sentence if it is not the wanted one."""
    if wanted is None:
        return _first_usable(dialect), None
    known = SQLITE if dialect == "sqlite" else POSTGRES
    if wanted not in known:
        return wanted, None  # SQLAlchemy knows more drivers than we do; it says what is wrong
    problem = _problem(wanted, known)
    if problem is None:
        return wanted, None
    if wanted in ASYNC:
        return _instead_of(dialect, wanted, problem)
    raise Refusal(
        "environment",
        f'the driver "{wanted}" cannot be used in {sys.executable}: {problem}',
        f"{install(known[wanted][1])}{_others(dialect)}",
    )


def likely(parts: Optional[Dict[str, Any]]) -> Optional[str]:
    """Without importing one: what the run will most probably use."""
    if not parts:
        return None
    if parts.get("driver") or parts["dialect"] == "sqlite":
        return parts.get("driver") or "pysqlite"
    found = [name for name in _order("postgresql") if importlib.util.find_spec(POSTGRES[name][0]) is not None]
    return found[0] if found else None


def numbers(version: str) -> Tuple[int, int]:
    found = re.findall(r"\d+", version)
    return int(found[0]), int(found[1]) if len(found) > 1 else 0


def install(package: str) -> str:
    return f'{sys.executable} -m pip install "{package}"'


def is_async(driver: str) -> bool:
    return driver in ASYNC


def installed(dialect: str) -> List[str]:
    """The usable drivers, the one first that SQLAlchemy itself would take."""
    known = SQLITE if dialect == "sqlite" else POSTGRES
    return [name for name in _order(dialect) if _problem(name, known) is None]


def _order(dialect: str) -> List[str]:
    if dialect == "sqlite":
        return ["pysqlite"]
    import sqlalchemy

    first = ["psycopg2", "psycopg"] if sqlalchemy.__version__.startswith("2.0") else ["psycopg", "psycopg2"]
    return [*first, "pg8000", "asyncpg"]


def _first_usable(dialect: str) -> str:
    known = SQLITE if dialect == "sqlite" else POSTGRES
    problems = []
    for name in _order(dialect):
        problem = _problem(name, known)
        if problem is None:
            return name
        problems.append(f"{name}: {problem}")
    raise Refusal(
        "environment",
        f"no driver for {dialect} in {sys.executable} ({'; '.join(problems)})",
        install(known[_order(dialect)[0]][1]),
    )


def _instead_of(dialect: str, wanted: str, problem: str) -> Tuple[str, str]:
    for name in installed(dialect):
        return name, f'the driver "{wanted}" cannot be used ({problem}); using {name}'
    known = SQLITE if dialect == "sqlite" else POSTGRES
    package = "sqlalchemy[asyncio]" if "greenlet" in problem else known[wanted][1]
    raise Refusal(
        "environment",
        f'the driver "{wanted}" cannot be used in {sys.executable}: {problem}',
        install(package),
    )


def _problem(name: str, known: Dict[str, Tuple[str, str]]) -> Optional[str]:
    """Why a driver cannot be imported; found by importing it, because psycopg without libpq only then says so."""
    needed = [known[name][0]] + (["greenlet"] if name in ASYNC else [])
    for module in needed:
        try:
            importlib.import_module(module)
        except ImportError as error:
            return str(error).strip().splitlines()[0]
    return None


def _others(dialect: str) -> str:
    others = installed(dialect)
    return f"; or remove `driver`: {', '.join(others)} is there" if others else ""
