"""The beginning and the end of an interpreter: as Python's own, without what only costs time."""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import gc
import io
import os
import sys
import threading
from typing import Any, Callable, Dict, Iterator, NoReturn, Optional, Set, Tuple

PARENT_GONE = 75
INTERRUPTED = 130
UNFLUSHED = 120
ACCESS = 3
# A number, and the file behind it.
Descriptors = Set[Tuple[int, int, int]]


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

    def next_line(self) -> str:
        """What follows on a word, up to the end of its line."""
        if self._said is None:
            return ""
        return b"".join(iter(self._said.get, b"\n")).decode()


def run(start: Dict[str, Any]) -> NoReturn:
    """The steps of one run, and the end of this process."""
    at_first = _written_to()
    end(status_of(lambda: _run(start)), at_first)


def _run(start: Dict[str, Any]) -> int:
    start["parent"] = Parent(start.get("alive"))
    if start.get("lock") is not None:
        # Ours to hold, not our children's.
        os.set_inheritable(start["lock"], False)
    from . import steps

    return int(steps.run(start))


@contextlib.contextmanager
def importing() -> Iterator[None]:
    """What is imported stays: looking for garbage among it is in vain, then and later."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_on:
            gc.enable()


def status_of(work: Callable[[], Optional[int]]) -> int:
    """The exit status that Python itself would give; what it would print is printed."""
    try:
        return work() or 0
    except KeyboardInterrupt:
        return INTERRUPTED
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return int(end.code or 0) & 0xFF
        print(end.code, file=sys.stderr)
        return 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return 1


def end(status: int, at_first: Optional[Descriptors]) -> NoReturn:
    """As Python ends, in its order: threads, `atexit` (logging and pools are among it), open files. Taking the modules
    apart one by one is a fourth of a short run and done by the system better."""
    for last in (threading._shutdown, atexit._run_exitfuncs):  # type: ignore[attr-defined]
        with contextlib.suppress(BaseException):
            last()
    _flush_files(at_first)
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None and not stream.closed:
                stream.flush()
        except BaseException:
            status = UNFLUSHED
    os._exit(status)


def _flush_files(at_first: Optional[Descriptors]) -> None:
    """Files that were left open still hold what was written last; where none is open, nobody is asked: asking touches
    every object there is, which a forked process would have to copy."""
    now = _written_to()
    if at_first is not None and now is not None and now <= at_first:
        return
    gc.unfreeze()
    kinds = (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom)
    for file in [one for one in gc.get_objects() if type(one) in kinds]:
        with contextlib.suppress(BaseException):
            file.flush()


def _written_to() -> Optional[Descriptors]:
    """What can be written to now: shed's own descriptors, and whatever our caller's caller left open."""
    found = set()
    try:
        numbers = [int(name) for name in os.listdir("/dev/fd")]
    except OSError:
        return None
    for number in numbers:
        with contextlib.suppress(OSError):
            if fcntl.fcntl(number, fcntl.F_GETFL) & ACCESS != os.O_RDONLY:
                file = os.fstat(number)
                found.add((number, file.st_dev, file.st_ino))
    return found
