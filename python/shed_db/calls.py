"""In the wheel alone: each function as a command line of `shed` and the reading of its answer."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Callable, Dict, Generic, List, Mapping, Optional, Sequence, TypedDict, TypeVar, Union

from . import answers, binary, errors
from .answers import (
    Document,
    Finding,
    Migration,
    MigrationResult,
    Model,
    NewRevision,
    PendingRevision,
    Revision,
)

if TYPE_CHECKING:
    from typing_extensions import Unpack

Answer = TypeVar("Answer")
PathLike = Union[str, "os.PathLike[str]"]


class Within(TypedDict, total=False):
    """The keywords that every function takes."""

    settings: PathLike
    """The settings file; otherwise it is looked for, as on the command line."""
    python: PathLike
    """The environment with Alembic and the models (this one), where the project's `python:` names none."""
    database_url: str
    """Replaces the connection of the target."""
    version_table_schema: str
    """Where the version table is."""
    cwd: PathLike
    """The working directory."""
    time_limit: float
    """Seconds after which the run is ended."""
    env: Mapping[str, str]
    """More variables."""


@dataclass(frozen=True)
class Call(Generic[Answer]):
    """A command line, and what its document means."""

    words: Sequence[str]
    read: Callable[[Document, int], Answer]
    within: Within = field(repr=False)

    def line(self) -> List[str]:
        """No secret is among them: URLs go by the environment."""
        flags = ["--format=json", "--no-input"]
        if self.within.get("settings") is not None:
            flags.append(f"--settings={os.fspath(self.within['settings'])}")
        if self.within.get("time_limit") is not None:
            flags.append(f"--time-limit={round(self.within['time_limit'] * 1000)}ms")
        return [binary.find(), self.words[0], *flags, *self.words[1:]]

    def variables(self) -> Dict[str, str]:
        within = self.within
        python = os.fspath(within["python"]) if within.get("python") is not None else None
        return binary.surroundings(
            python, within.get("database_url"), within.get("version_table_schema"), within.get("env") or {}
        )

    def cwd(self) -> Optional[PathLike]:
        return self.within.get("cwd")

    def answer(self, code: int, stdout: str, said: str) -> Answer:
        document = _document(stdout)
        if document is None or document.keys() == {"error"}:
            raise errors.of(code or 1, (document or {}).get("error") or {}, said)
        return self.read(document, code)


def _document(stdout: str) -> Optional[Document]:
    try:
        document = json.loads(stdout)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def run_migration(
    target: str,
    revision: str = "head",
    *,
    backup: Optional[bool] = None,
    restore: Optional[str] = None,
    yes_i_mean: bool = False,
    **within: Unpack[Within],
) -> Call[Migration]:
    """Applies revisions, as `shed migrate`; `yes_i_mean` is for a protected database, by its full name."""
    words = ["upgrade", target, f"--revision={revision}", *_care(backup, restore), *_meant(target, yes_i_mean)]
    return Call(words, _done(answers.migration), within)


def run_downgrade(
    target: str,
    revision: str = "-1",
    *,
    backup: Optional[bool] = None,
    restore: Optional[str] = None,
    yes_i_mean: bool = False,
    **within: Unpack[Within],
) -> Call[Migration]:
    """Takes revisions back, as `shed downgrade`; the call is the yes that it asks for."""
    words = ["downgrade", target, f"--revision={revision}", "--yes", *_care(backup, restore)]
    return Call([*words, *_meant(target, yes_i_mean)], _done(answers.migration), within)


def should_run_migration(target: str, **within: Unpack[Within]) -> Call[bool]:
    """Whether anything is pending; of a pattern, anywhere. Starts no Python."""
    return Call(["status", target], _done(answers.is_pending), within)


def pending(target: str, **within: Unpack[Within]) -> Call[List[PendingRevision]]:
    """The revisions that the database has not, oldest first."""
    return Call(["status", target], _done(answers.pending), within)


def current_revision(target: str, **within: Unpack[Within]) -> Call[Optional[str]]:
    """The revision that the database holds; None where it holds none, `UsageError` where it holds several."""
    return Call(["status", target], _done(lambda found: answers.only(found, "current")), within)


def latest_revision(target: str, **within: Unpack[Within]) -> Call[Optional[str]]:
    """The head of the revision files; None where there are none, `UsageError` where there are several."""
    return Call(["heads", target], _done(answers.head), within)


def history(target: str, rev_range: Optional[str] = None, **within: Unpack[Within]) -> Call[List[Revision]]:
    """The revision files, newest first; `rev_range` is `START:END`."""
    words = ["history", target, *([] if rev_range is None else [f"--rev-range={rev_range}"])]
    return Call(words, _done(answers.revisions), within)


def create_migration(
    target: str,
    message: str,
    autogenerate: bool = True,
    *,
    models: Optional[str] = None,
    allow_empty: bool = False,
    rev_id: Optional[str] = None,
    **within: Unpack[Within],
) -> Call[Optional[NewRevision]]:
    """Writes a revision file; None where autogenerate finds nothing to write."""
    words = ["revision", target, f"--message={message}"]
    words += ["--autogenerate"] if autogenerate else []
    words += ["--allow-empty"] if autogenerate and allow_empty else []
    words += [] if models is None else [f"--models={models}"]
    words += [] if rev_id is None else [f"--rev-id={rev_id}"]
    return Call(words, _done(answers.new_revision), within)


def auto(
    target: str,
    *,
    backup: Optional[bool] = None,
    restore: Optional[str] = None,
    create_revision: bool = False,
    dry_run: bool = False,
    check: bool = True,
    yes_i_mean: bool = False,
    **within: Unpack[Within],
) -> Call[MigrationResult]:
    """Migrates at start-up, as `shed auto`. A failure raises, with `result` in it; `check=False` gives the result."""
    words = ["auto", target, *_care(backup, restore), *_meant(target, yes_i_mean)]
    words += [*_flag("create-revision", create_revision), *_flag("dry-run", dry_run)]

    def read(document: Document, code: int) -> MigrationResult:
        result = answers.result(document)
        if check and not result.success:
            error = errors.of(code or 5, document["error"] or {}, "")
            error.result, error.was_said = result, True
            raise error
        return result

    return Call(words, read, within)


def discover_models(
    package_path: PathLike, base_class: Optional[str] = None, project: Optional[str] = None, **within: Unpack[Within]
) -> Call[List[Model]]:
    """Every model of a package, a folder or a dotted name; `base_class` is `package.module:Base`."""
    words = ["models", *([] if project is None else [project]), f"--package={os.fspath(package_path)}"]
    words += [] if base_class is None else [f"--base={base_class}"]
    return Call(words, _done(answers.models), within)


def validate_models(project: Optional[str] = None, **within: Unpack[Within]) -> Call[List[Finding]]:
    """What is wrong with a project's models, as `shed models --verify`: an empty list where nothing is."""
    words = ["models", *([] if project is None else [project]), "--verify"]
    return Call(words, _found, within)


def _found(document: Document, code: int) -> List[Finding]:
    """Exit code 1 is that there are some."""
    return _done(answers.findings)(document, 0 if code == 1 else code)


def _done(read: Callable[[Document], Answer]) -> Callable[[Document, int], Answer]:
    """An exit code other than 0 raises, whatever the document says."""

    def reading(document: Document, code: int) -> Answer:
        if code:
            failed = [one["error"] for one in document.get("results", []) if isinstance(one.get("error"), dict)]
            raise errors.of(code, failed[0] if failed else {}, "")
        return read(document)

    return reading


def _flag(name: str, given: bool) -> List[str]:
    return [f"--{name}"] if given else []


def _care(backup: Optional[bool], restore: Optional[str]) -> List[str]:
    words = [] if backup is None else ["--backup" if backup else "--no-backup"]
    return [*words, *([] if restore is None else [f"--restore={restore}"])]


def _meant(target: str, yes_i_mean: bool) -> List[str]:
    return [f"--yes-i-mean={target}"] if yes_i_mean else []
