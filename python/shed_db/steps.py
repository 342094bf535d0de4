"""The kinds of steps, carried out in order until one fails."""

from __future__ import annotations

import gc
import os
import platform
import sys
import time
from typing import Any, Dict, Optional

from . import boot, drivers, logs, redact, settings
from .events import Events
from .refusal import Refusal

DONE = 0
TOLD = 70
OLDEST_ALEMBIC = (1, 13)
OLDEST_SQLALCHEMY = (2, 0)
Step = Dict[str, Any]


def run(start: Dict[str, Any]) -> int:
    began = time.monotonic()
    wanted = start.get("settings") or settings.read(start["context"])
    parts = start.get("connection")
    secrets = [*_secrets(parts), *_secrets(start.get("other"))]
    events = Events(start.get("events"), wanted.run, wanted.target, redact.Redactor(secrets))
    if all(step["kind"] == "probe" for step in wanted.steps):
        from . import probe

        events.write("result", data=probe.answer())
        status = DONE
    else:
        status = _run_steps(wanted, events, start)
    sys.stdout.flush()
    events.write("finished", seconds=round(time.monotonic() - began, 6))
    return status


def _secrets(parts: Optional[Dict[str, Any]]) -> list:
    query = (parts or {}).get("query") or {}
    found = [(parts or {}).get("password"), query.get("password"), query.get("sslpassword")]
    return [str(secret) for secret in found if secret]


def _run_steps(wanted: settings.Settings, events: Events, start: Dict[str, Any]) -> int:
    parts = start.get("connection")
    try:
        _demand_versions()
    except Refusal as refusal:
        events.write("error", kind=refusal.kind, text=refusal.text, help=refusal.help, type="Refusal", traceback="")
        return TOLD
    # Before the project's folders are on the path: one of them may be called `alembic`.
    with boot.importing():
        from . import carry
    gc.enable()
    _say_started(events, parts)
    logs.start(wanted.log_levels, "INFO" if wanted.verbose or _has_passthrough(wanted) else "WARNING")
    witness = _witness(wanted, parts) if wanted.witness else None
    # Without a path of its own a project has its working directory, as in Alembic's template (prepend_sys_path = .).
    sys.path[:0] = wanted.python_path or [os.getcwd()]
    status = carry.out(wanted, events, parts, start["parent"], witness, start.get("other"))
    if witness is not None and status == DONE:
        witness.tell(events, wanted.versions)
    return status


def _witness(wanted: settings.Settings, parts: Optional[Dict[str, Any]]) -> Any:
    from . import witness  # what few runs need

    return witness.Witness(os.path.dirname(wanted.ini), parts)


def _has_passthrough(wanted: settings.Settings) -> bool:
    return any(step["kind"] == "passthrough" for step in wanted.steps)


def _demand_versions() -> None:
    for package, oldest in (("alembic", OLDEST_ALEMBIC), ("sqlalchemy", OLDEST_SQLALCHEMY)):
        try:
            module = __import__(package)
        except ImportError as error:
            raise Refusal(
                "environment",
                f"{package} cannot be imported in {sys.executable}: {error}",
                f'{sys.executable} -m pip install "{package}"',
            ) from error
        if drivers.numbers(module.__version__) < oldest:
            needed = ".".join(str(number) for number in oldest)
            raise Refusal(
                "environment",
                f"{package} {module.__version__} in {sys.executable} is too old: shed needs {needed} or newer",
                f'{sys.executable} -m pip install --upgrade "{package}>={needed}"',
            )


def _say_started(events: Events, parts: Optional[Dict[str, Any]]) -> None:
    import alembic
    import sqlalchemy

    events.write(
        "started",
        python=platform.python_version(),
        executable=sys.executable,
        alembic=alembic.__version__,
        sqlalchemy=sqlalchemy.__version__,
        driver=drivers.likely(parts),
    )
