"""What a run looked at: so that shed can tell, another time, whether it would still see the same."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Any, Dict, Iterator, List, Optional, Set, Tuple

from .events import Events

_STANDARD = os.path.dirname(os.__file__)
_INSTALLED = ("site-packages", "dist-packages")
_IMPORTING = "<frozen importlib._bootstrap_external>"
_WRITING = os.O_WRONLY | os.O_RDWR
_SYSTEM = ("/dev/", "/proc/", "/sys/")
_LIBRARIES = ("libsqlite3", "libpq", "libmariadb")
# They ask the system about itself.
_HARMLESS = ("ctypes/util.py", "/platform.py")
_STARTS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn")


class Witness:
    """Hears of every file that Python opens and every folder that it lists, by the interpreter's own audit."""

    def __init__(self, folder: str, parts: Optional[Dict[str, Any]]) -> None:
        self._folder = folder
        self._address = (parts or {}).get("host"), (parts or {}).get("port") or 5432
        self._seen: Set[Tuple[str, str]] = set()
        self._doubts: Set[str] = set()
        self._listens = True
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: Tuple[Any, ...]) -> None:
        if not self._listens:
            return
        if event == "open":
            self._opened(*arguments)
        elif event in ("os.listdir", "os.scandir"):
            by_import = sys._getframe(1).f_code.co_filename == _IMPORTING
            self._add("imports" if by_import else "names", arguments[0] if arguments[0] is not None else ".")
        elif event in _STARTS:
            self._doubt(f"a program was started: {arguments[0]}")
        elif event == "socket.connect":
            self._connected(arguments[1])
        elif event == "sqlite3.connect":
            self._opened_database(arguments[0])

    def _opened(self, path: Any, _mode: Any, flags: int) -> None:
        if not flags & _WRITING:
            self._add("file", path)

    def _connected(self, address: Any) -> None:
        host, port = self._address
        by_socket = isinstance(address, str) and str(host).startswith("/") and address.startswith(str(host))
        if not by_socket and not (isinstance(address, tuple) and address[1] == port):
            self._doubt(f"a connection was made: {address}")

    def _opened_database(self, database: Any) -> None:
        name = os.fsdecode(database) if isinstance(database, (str, bytes, os.PathLike)) else str(database)
        if name not in ("", ":memory:") and "mode=memory" not in name and not name.startswith(self._scratch()):
            self._doubt(f"a database was opened: {name}")

    def _scratch(self) -> str:
        """The scratch file lies in a folder of shed's beside ours."""
        return os.path.join(os.path.dirname(self._folder), "shed-")

    def _doubt(self, text: str) -> None:
        frame: Any = sys._getframe(2)
        while frame is not None:
            if frame.f_code.co_filename.endswith(_HARMLESS):
                return
            frame = frame.f_back
        self._doubts.add(text)

    def _add(self, aspect: str, path: Any) -> None:
        # A descriptor was opened before, by its name.
        if isinstance(path, (str, bytes, os.PathLike)):
            self._seen.add((aspect, os.path.abspath(os.fsdecode(path))))

    @contextlib.contextmanager
    def quiet(self) -> Iterator[None]:
        """For what shed itself looks at."""
        self._listens = False
        try:
            yield
        finally:
            self._listens = True

    def seen(self) -> Tuple[Set[Tuple[str, str]], Set[str]]:
        return set(self._seen), set(self._doubts)

    def looked_beyond(self, before: Tuple[Set[Tuple[str, str]], Set[str]], folders: List[str]) -> bool:
        """Whether files or folders outside of these were read since then, or worse."""
        inside = tuple(os.path.abspath(folder) + os.sep for folder in folders)
        new = {path for aspect, path in self._seen - before[0] if aspect != "imports" and not self._passes(path)}
        return self._doubts != before[1] or any(not (path + os.sep).startswith(inside) for path in new)

    def tell(self, events: Events, versions: List[str]) -> None:
        """At the end of a run that went well."""
        self._listens = False
        found = {(aspect, path) for aspect, path in self._seen if not self._passes(path)}
        found.update(("imports", os.path.abspath(entry)) for entry in sys.path)
        found.update(("tree", folder) for folder in versions)
        for module in list(sys.modules.values()):
            found.update(self._of_module(module))
        found.update(("program", path) for path in _libraries())
        events.write("witness", watched=sorted(found), doubts=sorted(self._doubts))

    def _of_module(self, module: Any) -> List[Tuple[str, str]]:
        """The file, and the folder, where another file may come to stand before it."""
        path = getattr(module, "__file__", None)
        if not isinstance(path, str) or self._passes(path):
            return []
        path = os.path.abspath(path)
        found = [("file", path), ("imports", os.path.dirname(path))]
        package = module.__name__.partition(".")[0]
        root = getattr(sys.modules.get(package), "__file__", None)
        entry = os.path.dirname(os.path.dirname(root)) if isinstance(root, str) else None
        # A package that stands on the path by itself belongs to it as a whole; the working directory is everybody's.
        if root is not None and os.path.basename(root).startswith("__init__.") and entry != os.getcwd():
            found.append(("tree", os.path.dirname(os.path.abspath(root))))
        return found

    def _passes(self, path: str) -> bool:
        """Installed things go by their distributions, and ours by shed's version."""
        ours = path.startswith((self._folder, os.path.dirname(__file__)))
        parts = path.split(os.sep)
        return (
            ours
            or path.startswith(_SYSTEM)
            or path == _STANDARD
            or path.startswith(_STANDARD + os.sep)
            or "__pycache__" in parts
            or any(name in parts for name in _INSTALLED)
        )


def _libraries() -> List[str]:
    """The database's own library, which the system may replace under Python."""
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="replace") as file:
            paths = {line.split(None, 5)[5].strip() for line in file if any(name in line for name in _LIBRARIES)}
    except OSError:
        return []
    return [path for path in paths if os.path.isfile(path)]
