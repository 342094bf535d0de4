"""In the wheel alone: what the functions give back, as `shed schema COMMAND` describes it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Dict, List, Optional, Tuple

from .errors import UsageError

Document = Dict[str, Any]


@dataclass(frozen=True)
class Step:
    """One revision that was applied, taken back or stamped."""

    revision: str
    direction: str
    message: Optional[str]
    path: Optional[str]
    seconds: Optional[float]


@dataclass(frozen=True)
class Migration:
    """What a run that wrote to a database did."""

    target: str
    database: str
    before: Tuple[str, ...]
    after: Tuple[str, ...]
    at_head: bool
    applied: Tuple[Step, ...]


@dataclass(frozen=True)
class MigrationResult:
    """What `auto` did."""

    success: bool
    applied_count: int
    current_revision: Optional[str]
    previous_revision: Optional[str]
    backup_path: Optional[str]
    restored: bool
    error: Optional[str]
    pending: Tuple[str, ...] = ()
    """What is not applied, oldest first."""
    created_revision: Optional[str] = None
    """The file that was written with `create_revision`."""


@dataclass(frozen=True)
class NewRevision:
    """A revision file that was written."""

    revision: str
    path: Optional[str]
    differences: Tuple[Document, ...]


@dataclass(frozen=True)
class PendingRevision:
    """A revision that the database has not."""

    revision: str
    message: Optional[str]
    is_head: bool


@dataclass(frozen=True)
class Revision:
    """A revision file."""

    revision: str
    down_revision: Tuple[str, ...]
    branch_labels: Tuple[str, ...]
    depends_on: Tuple[str, ...]
    message: str
    doc: str
    path: str
    create_date: Optional[str]
    is_head: bool
    is_base: bool
    is_branch_point: bool
    is_merge_point: bool


@dataclass(frozen=True)
class Column:
    """A column of a model."""

    name: str
    type: str
    nullable: bool
    primary_key: bool
    line: Optional[int]


@dataclass(frozen=True)
class Model:
    """A class with its table, or a table without a class; `data` has keys and indexes too."""

    name: str
    module: Optional[str]
    table: str
    schema: Optional[str]
    file: Optional[str]
    line: Optional[int]
    columns: Tuple[Column, ...]
    data: Document


@dataclass(frozen=True)
class Finding:
    """Something that is wrong with the models."""

    id: str
    what: str
    help: str
    file: Optional[str]
    line: Optional[int]
    table: Optional[str]
    column: Optional[str]


def alone(document: Document) -> Document:
    """The answer about one target; a pattern has several."""
    if "results" in document:
        raise UsageError("a pattern means several targets, and this is about one", help="name one: PROJECT.DATABASE")
    return document


def migration(document: Document) -> Migration:
    one = alone(document)
    return Migration(
        target=one["target"],
        database=one["database"],
        before=tuple(one["from"]),
        after=tuple(one["to"]),
        at_head=one["at_head"],
        applied=tuple(_step(step) for step in one["applied"]),
    )


def _step(step: Document) -> Step:
    return Step(step["revision"], step["direction"], step["message"], step["path"], step["seconds"])


def result(document: Document) -> MigrationResult:
    one = alone(document)
    fault, created = one["error"], one["created_revision"]
    return MigrationResult(
        success=one["success"],
        applied_count=one["applied_count"],
        current_revision=one["current_revision"],
        previous_revision=one["previous_revision"],
        backup_path=one["backup_path"],
        restored=one["restored"],
        error=None if fault is None else fault["message"],
        pending=tuple(one["pending"]),
        created_revision=None if created is None else created["path"],
    )


def new_revision(document: Document) -> Optional[NewRevision]:
    one = alone(document)
    if one["revision"] is None:
        return None
    return NewRevision(one["revision"], one["path"], tuple(one["differences"]))


def revisions(document: Document) -> List[Revision]:
    return [_revision(entry) for entry in alone(document)["revisions"]]


def _revision(entry: Document) -> Revision:
    known: Dict[str, Any] = {name: entry[name] for name in _names(Revision)}
    known.update({name: tuple(value) for name, value in known.items() if isinstance(value, list)})
    return Revision(**known)


def pending(document: Document) -> List[PendingRevision]:
    one = _known(alone(document))
    return [
        PendingRevision(line["revision"], line["message"], line["is_head"])
        for line in one["revisions"]
        if not line["applied"]
    ]


def is_pending(document: Document) -> bool:
    return any(_known(one)["pending"] > 0 for one in document.get("results", [document]))


def _known(one: Document) -> Document:
    """A database that holds a revision of which no file tells is neither up to date nor behind."""
    if one["pending"] is None:
        unknown = ", ".join(one["unknown"])
        raise UsageError(
            f"{one['target']} holds the revision {unknown}, and no file tells of it",
            help="get the files of the branch that it comes from",
        )
    return one


def head(document: Document) -> Optional[str]:
    one = alone(document)
    return only({"target": one["target"], "head": [entry["revision"] for entry in one["heads"]]}, "head")


def only(document: Document, of: str) -> Optional[str]:
    """The one revision; a database or a project may have several."""
    found = alone(document)[of]
    if len(found) > 1:
        raise UsageError(f"{document['target']} has several {of} revisions: {', '.join(found)}")
    return found[0] if found else None


def models(document: Document) -> List[Model]:
    return [_model(entry) for one in document.get("results", [document]) for entry in one["models"]]


def _model(entry: Document) -> Model:
    columns = tuple(Column(**{name: column[name] for name in _names(Column)}) for column in entry["columns"])
    known = {name: entry[name] for name in _names(Model) if name in entry}
    return Model(**{**known, "name": entry["class"] or entry["table"], "columns": columns, "data": entry})


def findings(document: Document) -> List[Finding]:
    found = [entry for one in document.get("results", [document]) for entry in one["findings"] or []]
    return [Finding(**{name: entry[name] for name in _names(Finding)}) for entry in found]


def _names(kind: Any) -> List[str]:
    return [entry.name for entry in fields(kind)]
