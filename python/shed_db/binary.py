"""In the wheel alone: where the program `shed` is, and what its surroundings are."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from typing import Dict, Iterator, List, Mapping, Optional

from .errors import EnvironmentFault

VARIABLE = "SHED_BINARY"


def find() -> str:
    """`SHED_BINARY`; beside this interpreter, where the wheel puts it; on PATH."""
    named = os.environ.get(VARIABLE)
    if named:
        if not shutil.which(named):
            raise EnvironmentFault(f"{VARIABLE} is {named}, which is no program")
        return named
    strangers: List[str] = []
    for path in _candidates():
        if not _is_formatter(path):
            return path
        strangers.append(path)
    if strangers:
        raise EnvironmentFault(
            f"{strangers[0]} is the formatter `shed`, not the program of shed-db",
            help=f"pip uninstall shed, then pip install --force-reinstall shed-db; or name the program in {VARIABLE}",
        )
    raise EnvironmentFault("the program `shed` was not found", help=f"pip install shed-db, or name it in {VARIABLE}")


def _candidates() -> Iterator[str]:
    folders = [sysconfig.get_path("scripts"), os.path.dirname(sys.executable)]
    if hasattr(sysconfig, "get_preferred_scheme"):
        folders.append(sysconfig.get_path("scripts", sysconfig.get_preferred_scheme("user")))
    for folder in [*folders, *os.environ.get("PATH", "").split(os.pathsep)]:
        path = shutil.which("shed", path=folder) if folder else None
        if path:
            yield path


def _is_formatter(path: str) -> bool:
    """PyPI has a formatter of this name, whose command is a script of Python's."""
    try:
        with open(path, "rb") as file:
            head = file.read(4096)
    except OSError:
        return False
    return head.startswith(b"#!") and b"from shed" in head


def surroundings(
    python: Optional[str], database_url: Optional[str], version_table_schema: Optional[str], env: Mapping[str, str]
) -> Dict[str, str]:
    """The environment of a call: secrets ride here, and the interpreter that is to run Alembic."""
    found = {**os.environ, **env}
    if python is not None:
        _point_at(found, python)
    elif sys.prefix != sys.base_prefix:
        found["VIRTUAL_ENV"] = sys.prefix
    elif not found.get("VIRTUAL_ENV") and not found.get("CONDA_PREFIX"):
        _prefer(found, os.path.dirname(sys.executable))
    if database_url is not None:
        found["SHED_DATABASE_URL"] = database_url
    if version_table_schema is not None:
        found["SHED_VERSION_TABLE_SCHEMA"] = version_table_schema
    return found


def _point_at(found: Dict[str, str], python: str) -> None:
    """An environment's folder, or an interpreter."""
    path = os.path.abspath(python)
    folder = os.path.dirname(os.path.dirname(path)) if os.path.isfile(path) else path
    if not any(os.path.isfile(os.path.join(folder, "bin", name)) for name in ("python", "python3")):
        raise EnvironmentFault(f"{python} is neither an interpreter nor a virtual environment")
    found["VIRTUAL_ENV"] = folder


def _prefer(found: Dict[str, str], folder: str) -> None:
    if folder:
        found["PATH"] = os.pathsep.join([folder, found.get("PATH", "")])
