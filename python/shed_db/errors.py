"""In the wheel alone: what `shed` refuses or fails at, one type for each exit code."""

from __future__ import annotations

from typing import Any, Dict, Optional, Type


class ShedError(Exception):
    """The base of them all. `str()` of it is what a person needs; the parts are fields."""

    code = 1

    def __init__(
        self,
        message: str,
        *,
        detail: Optional[str] = None,
        help: Optional[str] = None,
        log: Optional[str] = None,
        code: Optional[int] = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        """What went wrong, with the value."""
        self.detail = detail
        """Quoted lines that belong to it: the database's own verdict."""
        self.help = help
        """The next step."""
        self.log = log
        """The file with the whole traceback."""
        self.was_said = False
        """Whether shed said it on its own stderr, which is logged."""
        self.result: Any = None
        """What was reached all the same: the `MigrationResult` of `auto`."""
        if code is not None:
            self.code = code

    def __str__(self) -> str:
        parts = [self.message, self.detail and self.detail.rstrip(), self.help and f"help: {self.help}"]
        return "\n".join(part for part in parts if part)


class AnswerIsNo(ShedError):
    """Exit code 1: the answer is no (drift, not up to date)."""


class UsageError(ShedError):
    """Exit code 2: arguments, settings, a protected database, or what Alembic itself refuses."""

    code = 2


class EnvironmentFault(ShedError):
    """Exit code 3: no Python, no Alembic, a program that is missing, models that do not import."""

    code = 3


class DatabaseUnreachable(ShedError):
    """Exit code 4: the database is out of reach, missing, or refuses the password."""

    code = 4


class MigrationFailed(ShedError):
    """Exit code 5: a migration, backup or restore failed, or its result was lost."""

    code = 5


class LockNotObtained(ShedError):
    """Exit code 6: somebody else is at work on this database."""

    code = 6


class Interrupted(ShedError):
    """Exit code 130 or 143, or a signal that ended shed itself."""

    code = 130


_BY_CODE: Dict[int, Type[ShedError]] = {
    kind.code: kind
    for kind in (AnswerIsNo, UsageError, EnvironmentFault, DatabaseUnreachable, MigrationFailed, LockNotObtained)
}


def of(code: int, fault: Dict[str, Any], said: str) -> ShedError:
    """The error of an exit code: from the document where there is one, from what was said on stderr otherwise."""
    if code < 0:
        code = 128 - code
    kind = Interrupted if code > 128 else _BY_CODE.get(code, ShedError)
    message = fault.get("message") or _last_words(said) or f"shed ended with exit code {code}"
    error = kind(message, detail=fault.get("detail"), help=fault.get("help"), log=fault.get("log"), code=code)
    error.was_said = bool(said)
    return error


def _last_words(said: str) -> str:
    lines = [line for line in said.splitlines() if line.strip()]
    errors = [at for at, line in enumerate(lines) if line.startswith("error: ")]
    return "\n".join(lines[errors[-1] :] if errors else lines[-1:]).replace("error: ", "", 1)
