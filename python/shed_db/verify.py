"""After a run: what the database really holds, seen from a new connection."""

from __future__ import annotations

from typing import List, Optional, Set, Tuple

from alembic.script import ScriptDirectory

from .commands import config_of
from .database import message_of
from .refusal import Refusal
from .runs import Run


def heads(run: Run) -> Optional[Tuple[str, ...]]:
    """The rows of the version table; None where the table is not there."""
    assert run.database is not None
    return run.database.use(run.version_table.rows)


def verify(run: Run) -> None:
    if run.settings.env_py:
        return _verify_own_env(run)
    if run.database is not None and run.progress.expected is not None:
        _verify_expected(run, run.progress.expected)


def shown(run: Run) -> Tuple[str, ...]:
    """As Alembic has them: of SQL files the highest one that is applied."""
    found = heads(run) or ()
    if run.sql is None:
        return found
    run.sql.take(found)
    return run.sql.heads()  # type: ignore[no-any-return]


def _verify_expected(run: Run, expected: Set[str]) -> None:
    found = set(heads(run) or ())
    if found != expected:
        raise _lost(run, sorted(expected), sorted(found))
    if run.sql is not None:
        run.sql.take(found)
        run.events.write("verified", heads=list(run.sql.heads()), at_head=run.sql.is_at_head(found))
        return
    run.events.write("verified", heads=sorted(found), at_head=_at_head(run.progress.script, found))


def _at_head(script: Optional[ScriptDirectory], found: Set[str]) -> bool:
    """Whether every head is applied; one that another depends on has no row of its own."""
    if script is None or not found:
        return False
    return {revision.revision for revision in script.get_all_current(tuple(found))} >= set(script.get_heads())


def report_after_failure(run: Run) -> None:
    """What was reached; the failure itself is the news, so that nothing here may hide it."""
    if run.database is None or not run.progress.connected or not run.writes:
        return
    try:
        run.events.write("heads", heads=list(shown(run)), after=True)
    except Exception as error:
        run.warn(f"could not read the revision that was reached: {message_of(error)}")


def _lost(run: Run, expected: List[str], found: List[str]) -> Refusal:
    places = "commit(), rollback() or another connection in the revisions"
    if run.settings.env_py:
        places = f"a statement before context.configure() in {run.settings.env_py}, for {places}"
    return Refusal(
        "lost",
        f"the migration ended well, and yet the database is at {_shown(found)} instead of {_shown(expected)}: "
        "something in it was rolled back or written past Alembic",
        f"look for {places}",
        expected=expected,
        found=found,
    )


def _shown(revisions: List[str]) -> str:
    return ", ".join(revisions) or "base"


def _verify_own_env(run: Run) -> None:
    """What Alembic said in it; where it ran nothing, what an absolute target must lead to, by the files."""
    if run.in_memory or run.database is None:
        return
    if run.own_env_elsewhere is not None:
        return run.warn(f"not verified: env.py connected to {run.own_env_elsewhere}")
    if run.progress.expected is not None:
        return _verify_expected(run, run.progress.expected)
    target = _absolute_target(run)
    if target is None:
        return
    script = ScriptDirectory.from_config(config_of(run))
    wanted = {revision.revision for revision in script.get_revisions(target) if revision is not None}
    found = set(heads(run) or ())
    reached = _with_ancestors(script, found)
    if not wanted <= reached or (not wanted and found) or (run.command == "downgrade" and wanted - found and found):
        raise _lost(run, sorted(wanted), sorted(found))
    run.events.write("verified", heads=sorted(found), at_head=_at_head(script, found))


def _absolute_target(run: Run) -> Optional[str]:
    target = getattr(run.options, "revision", None)
    if run.command == "stamp":
        targets = run.options.revisions
        target = targets[0] if len(targets) == 1 else None
    if target is None or target.startswith(("+", "-")) or "@" in target or "+" in target or ":" in target:
        return None
    return str(target)


def _with_ancestors(script: ScriptDirectory, revisions: Set[str]) -> Set[str]:
    below = script.revision_map._get_ancestor_nodes(script.revision_map.get_revisions(tuple(revisions)), check=False)
    return {revision.revision for revision in below}
