"""Questions about the revision files, answered as data."""

from __future__ import annotations

import re
from typing import Any, Dict, Iterable, List, Optional, Tuple

from alembic.script import Script, ScriptDirectory
from alembic.util import CommandError

from . import verify
from .commands import config_of
from .refusal import Refusal
from .runs import Run

_CREATED = re.compile(r"^Create Date: *(.+?) *$", re.MULTILINE)


def answer(run: Run, question: str, arguments: Dict[str, Any]) -> List[Dict[str, Any]]:
    if question == "rows":
        return [{"heads": verify.heads(run)}]
    if question == "log":
        from . import ledger

        return ledger.rows(run)
    script = ScriptDirectory.from_config(config_of(run))
    if question == "graph":
        return [_joined(revision) for revision in script.walk_revisions()]
    # Of SQL files it tells the order of the chain, too.
    current = _current(run, question, arguments)
    questions = {"heads": _heads, "history": _history, "branches": _branches, "show": _show, "current": _shown_current}
    if question not in questions:
        raise Refusal("internal", f'there is no question "{question}"')
    revisions = questions[question](script, arguments, current or ())
    return [describe(revision, current) for revision in revisions if revision is not None]


def describe(revision: Script, current: Optional[Tuple[str, ...]]) -> Dict[str, Any]:
    created = _CREATED.search(revision.longdoc)
    facts = {
        "revision": revision.revision,
        "down_revision": list(revision._versioned_down_revisions),
        "branch_labels": sorted(revision.branch_labels),
        "depends_on": list(_tuple(revision.dependencies)),
        "message": revision.doc,
        "doc": revision.longdoc,
        "path": revision.path,
        "create_date": created.group(1) if created else None,
        "is_head": revision.is_head,
        "is_base": revision.is_base,
        "is_branch_point": revision.is_branch_point,
        "is_merge_point": revision.is_merge_point,
    }
    if current is not None:
        facts["is_current"] = revision.revision in current
    return facts


def _joined(revision: Script) -> Dict[str, Any]:
    """What has to be applied before it, dependencies resolved."""
    return {
        "revision": revision.revision,
        "parents": list(revision._all_down_revisions),
        "message": revision.doc,
        "is_head": revision.is_head,
        "path": revision.path,
    }


def _current(run: Run, question: str, arguments: Dict[str, Any]) -> Optional[Tuple[str, ...]]:
    """What the database holds, where the question is about it."""
    in_range = "current" in re.split(r"[:\s]", arguments.get("rev_range") or "")
    asked = question == "current" or arguments.get("indicate_current") or arguments.get("rev") == "current" or in_range
    if not asked:
        return None
    if run.database is None:
        raise Refusal("settings", "this question needs a database, and the run has none")
    heads = tuple(verify.shown(run))
    run.progress.begins(heads)
    return heads


def _heads(script: ScriptDirectory, arguments: Dict[str, Any], _: Tuple[str, ...]) -> Iterable[Script]:
    if arguments.get("resolve_dependencies"):
        return script.get_revisions("heads")
    return script.get_revisions(tuple(script.get_heads()))


def _history(script: ScriptDirectory, arguments: Dict[str, Any], current: Tuple[str, ...]) -> Iterable[Script]:
    base, head = _range(arguments.get("rev_range"))
    if base == "current":
        return script.walk_revisions(current or "base", head or "heads")  # type: ignore[arg-type]
    if head == "current":
        return script.walk_revisions(base or "base", current or "heads")  # type: ignore[arg-type]
    return script.walk_revisions(base or "base", head or "heads")


def _range(text: Optional[str]) -> Tuple[Optional[str], Optional[str]]:
    if text is None:
        return None, None
    if text.count(":") != 1:
        raise CommandError("History range requires [start]:[end], [start]:, or :[end]")
    base, head = text.strip().split(":")
    return base or None, head or None


def _branches(script: ScriptDirectory, _: Dict[str, Any], __: Tuple[str, ...]) -> Iterable[Script]:
    return [revision for revision in script.walk_revisions() if revision.is_branch_point]


def _show(script: ScriptDirectory, arguments: Dict[str, Any], current: Tuple[str, ...]) -> Iterable[Script]:
    wanted = arguments.get("rev") or "heads"
    return script.get_revisions(current if wanted == "current" else wanted)


def _shown_current(script: ScriptDirectory, arguments: Dict[str, Any], current: Tuple[str, ...]) -> Iterable[Script]:
    found = sorted(script.get_all_current(current), key=lambda revision: revision.revision)
    if arguments.get("check_heads") and set(current) != set(script.get_heads()):
        raise Refusal("not_up_to_date", "Database is not on all head revisions")
    return found


def _tuple(value: Any) -> Tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value or ())
