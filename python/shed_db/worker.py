"""Started by shed in a project's own interpreter: carries out one run, or forks a child for each of several."""

from __future__ import annotations

import sys

# Before any other import: a file of this folder must never shadow a module.
_FOLDER = __file__.rpartition("/")[0] or "."
if sys.path and sys.path[0] == _FOLDER:
    del sys.path[0]

import gc  # noqa: E402

gc.disable()  # until everything is imported

import os  # noqa: E402

_START = os.environ.pop("SHED_RUN", "{}")
os.environ.pop("ALEMBIC_CONFIG", None)

import importlib.util  # noqa: E402
import json  # noqa: E402
from types import ModuleType  # noqa: E402


def _load_package(folder: str) -> ModuleType:
    """The files beside this one, as a package that is importable by its private name only."""
    spec = importlib.util.spec_from_file_location(
        "_shed_db", os.path.join(folder, "__init__.py"), submodule_search_locations=[folder]
    )
    assert spec is not None and spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules["_shed_db"] = package
    spec.loader.exec_module(package)
    return package


if __name__ == "__main__":
    _load_package(os.path.abspath(_FOLDER))
    _start = json.loads(_START)
    if "jobs" in _start:
        from _shed_db import fork  # type: ignore[import-not-found]

        fork.serve(_start["jobs"], os.path.abspath(__file__), _start.get("targets", 0))
    else:
        from _shed_db import boot

        boot.run(_start)
