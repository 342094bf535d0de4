"""The warm interpreter: it imports libraries once, never a project's code, and forks a child for every run."""

from __future__ import annotations

import contextlib
import gc
import importlib
import itertools
import json
import os
import signal
import sys
import time
from typing import Any, Dict, Iterator, List, NoReturn, Optional, Set, Tuple

from . import boot

# What a child may tell us to import for those that come after it; nothing that begins threads or connects.
LIBRARIES = [
    "_shed_db",
    "sqlalchemy",
    "alembic",
    "mako",
    "sqlmodel",
    "pydantic",
    "pydantic_core",
    "annotated_types",
    "typing_inspection",
    "typing_extensions",
    "greenlet",
    "sqlite3",
    "psycopg",
    "psycopg_binary",
    "psycopg_c",
    "psycopg2",
    "asyncpg",
    "aiosqlite",
    "pg8000",
]
# In this order in the message: how it ends, its two streams, the events, the pipe from shed, the lock.
STREAMS_AND_MORE = (1, 2, 3, 4, 5)
ALL_DESCRIPTORS = 1 + len(STREAMS_AND_MORE)
ABOVE_ALL = 64
LONGEST_REPORT = 4096
DEATH_SIGNAL = 1


class Server:
    """One thread, no connection, nothing of any project."""

    def __init__(self, number: int, worker: str, targets: int) -> None:
        # What a fresh interpreter has when the project's folders come onto its path.
        _import_quietly(["queue", "_shed_db.steps", "_shed_db.carry"])
        self._at_first = _top_level()
        self._early: Set[str] = set()
        self._tried: Set[str] = set()
        self._targets = targets
        import select
        import socket

        self._select, self._receive = select.select, socket.recv_fds
        os.set_inheritable(number, False)
        self._channel = socket.socket(fileno=number)
        self._worker = worker
        self._running: Dict[int, int] = {}
        self._learned, self._teach = os.pipe()
        self._ended, wake = os.pipe()
        for end in (wake, self._teach, self._learned, self._ended):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(wake)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self._own = (self._learned, self._ended, wake)
        self._die_with = _death_signal()

    def serve(self) -> NoReturn:
        """Until shed closes its end; the children end with theirs."""
        with contextlib.suppress(Exception):
            from . import commands

            commands.ready()
        _import_quietly(["_shed_db.modules"])
        self._settle()
        while True:
            ready, _, _ = self._select([self._channel, self._ended, self._learned], [], [])
            if self._ended in ready:
                self._reap()
            if self._learned in ready:
                self._learn()
            if self._channel in ready:
                job = self._next_job()
                if job is None:
                    os._exit(0)
                self._fork(*job)
                self._rehearse(job[0])

    def _settle(self) -> None:
        """What is here stays, and a project may have modules of these names."""
        self._early = _top_level() - self._at_first
        gc.freeze()

    def _rehearse(self, job: Dict[str, Any]) -> None:
        """While the first child runs, for those that come after it."""
        targets, self._targets = self._targets, 0
        if not targets:
            return
        from . import rehearsal, settings

        with contextlib.suppress(Exception):
            steps = settings.read(json.loads(job["start"])["context"]).steps
            if targets >= rehearsal.WORTH_IT and any("check" in step.get("argv", ()) for step in steps):
                rehearsal.rehearse()
                self._settle()

    def _next_job(self) -> Optional[Tuple[Dict[str, Any], List[int]]]:
        """A length in four bytes, with the descriptors, and that much of JSON."""
        head, descriptors, _, _ = self._receive(self._channel, 4, ALL_DESCRIPTORS)
        if len(head) < 4:
            return None
        left, body = int.from_bytes(head, "big"), b""
        while left:
            part = self._channel.recv(left)
            if not part:
                return None
            body, left = body + part, left - len(part)
        return json.loads(body), descriptors

    def _fork(self, job: Dict[str, Any], descriptors: List[int]) -> None:
        alone = _threads() == 1
        pid = os.fork()
        if pid == 0:
            try:
                self._be_child(job, descriptors, alone)
            finally:
                os._exit(1)
        status, *others = descriptors
        for descriptor in others:
            os.close(descriptor)
        with contextlib.suppress(OSError):
            os.setpgid(pid, pid)
        self._running[pid] = status
        _tell(status, pid)

    def _reap(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while os.read(self._ended, 512):
                pass
        while self._running:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            descriptor = self._running.pop(pid, None)
            if descriptor is not None:
                _tell(descriptor, status)
                os.close(descriptor)

    def _learn(self) -> None:
        """What one child had to import, the next ones find imported."""
        with contextlib.suppress(BlockingIOError):
            names = os.read(self._learned, 16 * LONGEST_REPORT).decode().split()
            _import_quietly([name for name in names if name not in self._tried])
            self._tried.update(names)
            self._settle()

    def _be_child(self, job: Dict[str, Any], descriptors: List[int], alone: bool) -> NoReturn:
        os.setpgid(0, 0)
        if self._die_with is not None:
            self._die_with()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        self._channel.close()
        for descriptor in (*self._own, *self._running.values()):
            os.close(descriptor)
        self._place(descriptors)
        os.chdir(job["cwd"])
        os.environ.clear()
        os.environ.update(job["env"])
        time.tzset()
        start = json.loads(job["start"])
        if not alone or self._is_shadowed(start):
            # A fresh interpreter, as if there were no warm one.
            os.execve(sys.executable, [sys.executable, self._worker], {**job["env"], "SHED_RUN": job["start"]})
        self._teach_at_exit()
        boot.run(start)

    def _place(self, descriptors: List[int]) -> None:
        """Under the numbers that the run knows, whatever numbers they came with."""
        import fcntl

        others = descriptors[1:]
        self._teach = fcntl.fcntl(self._teach, fcntl.F_DUPFD_CLOEXEC, ABOVE_ALL)
        above = [fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, ABOVE_ALL) for descriptor in others]
        for descriptor in descriptors:
            os.close(descriptor)
        for descriptor, number in zip(above, STREAMS_AND_MORE):
            os.dup2(descriptor, number)
            os.close(descriptor)

    def _is_shadowed(self, start: Dict[str, Any]) -> bool:
        """Whether the project has a module of the name of one that only a warm interpreter has imported by now."""
        from . import settings

        wanted = start["settings"] = settings.read(start["context"])
        if not self._early:
            return False
        folders = {os.path.abspath(folder) for folder in wanted.python_path or [os.getcwd()]}
        for module in wanted.models.modules if wanted.models is not None else []:
            if "path" in module:
                from . import modules

                folders.add(modules.dotted_name(os.path.abspath(module["path"]), wanted.python_path)[1])
        return any(_has_module_of(folder, self._early) for folder in folders)

    def _teach_at_exit(self) -> None:
        import atexit

        known, teach = len(sys.modules), self._teach

        def tell() -> None:
            # The newest come last; to look at every name would copy the memory in which they lie.
            new = itertools.islice(reversed(sys.modules), max(0, len(sys.modules) - known))
            with contextlib.suppress(OSError):
                for report in _reports(sorted(name for name in new if name.partition(".")[0] in LIBRARIES)):
                    os.write(teach, report)

        atexit.register(tell)


def serve(number: int, worker: str, targets: int) -> NoReturn:
    Server(number, worker, targets).serve()


def _top_level() -> Set[str]:
    return {name for name in sys.modules if "." not in name}


def _reports(names: List[str]) -> Iterator[bytes]:
    """Whole lines, as many at a time as a pipe takes in one piece."""
    report = b""
    for line in (name.encode() + b"\n" for name in names):
        if len(report) + len(line) > LONGEST_REPORT:
            yield report
            report = b""
        report += line
    if report:
        yield report


def _import_quietly(names: List[str]) -> None:
    """A library that is missing or broken is the children's to complain of."""
    for name in names:
        with contextlib.suppress(Exception):
            importlib.import_module(name)


def _has_module_of(folder: str, names: Set[str]) -> bool:
    """Whether a folder on the path gives one of these names to import."""
    try:
        with os.scandir(folder) as entries:
            return any(entry.name.partition(".")[0] in names and _is_module(entry) for entry in entries)
    except OSError:
        return False


def _is_module(entry: os.DirEntry) -> bool:
    return entry.name.endswith((".py", ".so", ".pyc")) or os.path.isfile(os.path.join(entry.path, "__init__.py"))


def _threads() -> int:
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:
        import threading

        return threading.active_count()


def _tell(descriptor: int, number: int) -> None:
    with contextlib.suppress(OSError):
        os.write(descriptor, b"%d\n" % number)


def _death_signal() -> Any:
    """Makes a child end when this process does, whatever it is doing then; Linux has it."""
    try:
        import ctypes

        prctl = ctypes.CDLL(None).prctl
    except (ImportError, OSError, AttributeError):
        return None
    return lambda: prctl(DEATH_SIGNAL, int(signal.SIGKILL))
