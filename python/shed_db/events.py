"""What happens, told to shed: one JSON line each, written at once so that it survives a kill."""

from __future__ import annotations

import json
import os
import threading
import time
from typing import Any, Optional

from .redact import Redactor

VERSION = 1


class Events:
    """The events file of one run."""

    def __init__(self, descriptor: Optional[int], run: str, target: str, redact: Redactor) -> None:
        self._descriptor = descriptor
        self._run = run
        self._target = target
        self._redact = redact
        self._sequence = 0
        self._lock = threading.Lock()
        if descriptor is not None:
            os.set_inheritable(descriptor, False)

    def write(self, event: str, **fields: Any) -> None:
        if self._descriptor is None:
            return
        with self._lock:
            self._sequence += 1
            head = {
                "v": VERSION,
                "run": self._run,
                "target": self._target,
                "seq": self._sequence,
                "t": round(time.time(), 6),
                "ev": event,
            }
            line = json.dumps({**head, **self._redact(fields)}, default=str) + "\n"
            _write_all(self._descriptor, line.encode())


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
