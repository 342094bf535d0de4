"""Started by shed in a project's own interpreter: carries out the steps of one run."""

from __future__ import annotations

import sys

# Before any other import: a file of this folder must never shadow a module.
_FOLDER = __file__.rpartition("/")[0] or "."
if sys.path and sys.path[0] == _FOLDER:
    del sys.path[0]

import os  # noqa: E402

_START = os.environ.pop("SHED_RUN", "{}")
os.environ.pop("ALEMBIC_CONFIG", None)

import importlib.util  # noqa: E402
import json  # noqa: E402
import threading  # noqa: E402
from types import ModuleType  # noqa: E402
from typing import Any, Optional  # noqa: E402

PARENT_GONE = 75
INTERRUPTED = 130


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


class Parent:
    """shed, at the other end of a pipe that nobody else holds: its words are bytes, its death is the end of file."""

    def __init__(self, descriptor: Optional[int]) -> None:
        self._said: Any = None
        if descriptor is not None:
            from queue import SimpleQueue

            self._said = SimpleQueue()
            os.set_inheritable(descriptor, False)
            threading.Thread(target=self._listen, args=(descriptor,), name="shed-alive", daemon=True).start()

    def _listen(self, descriptor: int) -> None:
        try:
            while True:
                word = os.read(descriptor, 1)
                if not word:
                    break
                self._said.put(word)
        except OSError:
            return
        os._exit(PARENT_GONE)

    def next_word(self) -> bytes:
        """`g`: go on; `s`: stop; `r`: give the lock back. Without a parent there is nothing to wait for."""
        return bytes(self._said.get()) if self._said is not None else b"g"


def main() -> int:
    start = json.loads(_START)
    start["parent"] = Parent(start.get("alive"))
    if start.get("lock") is not None:
        # Ours to hold, not our children's.
        os.set_inheritable(start["lock"], False)
    _load_package(os.path.abspath(_FOLDER))
    from _shed_db import steps  # type: ignore[import-not-found]

    return int(steps.run(start))


if __name__ == "__main__":
    try:
        _status = main()
        sys.stdout.flush()
    except KeyboardInterrupt:
        _status = INTERRUPTED
    sys.exit(_status)
