"""Carrying out the steps of a run, once Alembic can be imported."""

from __future__ import annotations

import ast
import contextlib
import os
import sys
from typing import Any, Dict, Iterator, List, Optional, Set

from sqlalchemy.engine import Connection

from . import boot
from .commands import Commands, command_in
from .events import Events
from .refusal import Refusal
from .runs import Run
from .settings import Settings
from .versions import ALEMBICS_WIDTH

DONE = 0
TOLD = 70
PREPARED_IN_MEMORY = ("check", "current", "diff", "revision")


def out(
    settings: Settings,
    events: Events,
    parts: Optional[Dict[str, Any]],
    parent: Any,
    witness: Any = None,
    other: Optional[Dict[str, Any]] = None,
) -> int:
    run = Run(settings, events, parts, parent)
    run.other_parts = other
    run.witness = witness
    status = TOLD
    try:
        status = _out(run)
    finally:
        if run.guard is not None:
            sys.stdout.flush()
            run.guard.ends(status == DONE)
    return status


def _out(run: Run) -> int:
    settings, events = run.settings, run.events
    try:
        _set_variables(run)
        _take_lock(run)
        commands = Commands(run)
        for step in settings.steps:
            status = _carry_out(commands, step)
            if status != DONE:
                return status
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        if isinstance(error, SystemExit) and run.passthrough:
            raise
        from . import failure, verify

        sys.stdout.flush()
        events.write("error", **failure.event(error, run))
        verify.report_after_failure(run)
        return TOLD
    return DONE


def _take_lock(run: Run) -> None:
    if run.settings.guard is None or run.database is None or run.in_memory:
        return
    from . import guard

    run.guard = guard.Guard(run, run.settings.guard)
    run.guard.begins()


def _give_lock_back(run: Run) -> None:
    """What was written is written: what only reads fails by itself, and puts nothing back."""
    sys.stdout.flush()
    if run.guard is not None:
        run.guard.ends(True)
        run.guard = None
    # The revision files are as they were: they need not be run again.
    run.script = run.progress.script
    run.events.write("migrated")


def _set_variables(run: Run) -> None:
    """The project's own names for the run's URL, before anything of it is imported."""
    if run.database is None or not run.settings.env:
        return
    url = run.database.url_text()
    for name, value in run.settings.env.items():
        os.environ[name] = value.replace("{url}", url)


def _carry_out(commands: Commands, step: Dict[str, Any]) -> int:
    kind, run = step["kind"], commands.this
    if kind == "passthrough":
        return _pass_through(commands, step["argv"])
    if kind == "graph":
        from . import graph  # where it is needed: every run would pay for it

        _migrate_memory(commands, step["question"])
        run.events.write("result", data=graph.answer(run, step["question"], step.get("arguments") or {}))
    elif kind == "compare":
        _give_lock_back(run)
        _alembic(commands, step["argv"], False)
    elif kind == "prepare":
        _prepare_with_snapshot(commands, step.get("snapshot"))
    elif kind == "dry_run":
        _dry_run(commands, step["argv"])
    elif kind == "from_models":
        from . import from_models

        from_models.make(commands, bool(step.get("force")))
    elif kind == "models":
        from . import inventory

        run.events.write("result", data=inventory.answer(run, step["wanted"]))
    elif kind == "round_trip":
        from . import round_trip

        run.events.write("result", data=round_trip.answer(commands, step["wanted"]))
    elif kind == "diff":
        from . import diff

        _migrate_memory(commands, "diff" if step.get("other") is None else None)
        run.events.write("result", data=diff.answer(commands, step))
    elif kind == "alembic":
        _alembic(commands, step["argv"], bool(step.get("verify")))
    else:
        raise Refusal("internal", f'a step of kind "{kind}" is not known')
    return DONE


def _alembic(commands: Commands, argv: List[str], verified: bool) -> None:
    run, command = commands.this, command_in(argv)
    if command != "revision" or any(token.startswith("--auto") for token in argv):
        _migrate_memory(commands, command)
    sys.argv = ["alembic", *argv]
    with_files = command in ("revision", "merge")
    before = set(_files(run)) if with_files else set()
    try:
        commands.run(argv)
    finally:
        if with_files:
            _report_files(run, before)
    if commands.hooks is not None:
        commands.hooks.refuse_if_failed()
    if verified:
        from . import verify

        verify.verify(run)


def _migrate_memory(commands: Commands, command: Optional[str]) -> None:
    """A database in memory is empty at first: what is asked about it is asked after the migrations."""
    run = commands.this
    if not run.in_memory or run.has_written or run.settings.env_py or command not in PREPARED_IN_MEMORY:
        return
    _prepare(commands)


def _prepare_with_snapshot(commands: Commands, wanted: Optional[Dict[str, Any]]) -> None:
    run = commands.this
    kept = None
    if wanted is not None and run.witness is not None:
        from . import snapshot

        with run.witness.quiet():
            kept = snapshot.of(run, wanted)
        # The models that it imports are looked at by the run.
        if kept is not None:
            kept.load()
    seen = run.witness.seen() if kept is not None else None
    _prepare(commands)
    if kept is not None:
        looked = run.witness.looked_beyond(seen, run.settings.versions)
        with run.witness.quiet():
            kept.keep(looked)


def _prepare(commands: Commands) -> None:
    run = commands.this
    run.preparing = True
    # What migrations print is no part of the answer.
    with contextlib.redirect_stdout(sys.stderr):
        commands.run(["upgrade", "heads"])
    run.preparing = False


def _dry_run(commands: Commands, argv: List[str]) -> None:
    run = commands.this
    if run.database is not None:
        run.database.use(lambda connection: _look(run, connection))
    run.dry_from = run.dry_from or ()
    try:
        commands.run(argv)
    finally:
        run.dry_from = None


def _look(run: Run, connection: Connection) -> None:
    """Where a dry run starts: the heads, and whether the version table has to be made or widened."""
    rows = run.version_table.rows(connection)
    if run.sql is not None:
        run.sql.take(rows)
        run.dry_from, run.table_exists = run.sql.heads(), rows is not None
        return
    run.dry_from, run.table_exists = rows, rows is not None
    length = run.version_table.length(connection) if run.table_exists else None
    run.is_wide_enough = length is not None and length > ALEMBICS_WIDTH


def _pass_through(commands: Commands, argv: List[str]) -> int:
    commands.this.passthrough = True
    sys.argv = ["alembic", *argv]
    return boot.status_of(lambda: commands.run(argv, raise_errors=False))


def _files(run: Run) -> Iterator[str]:
    for folder in run.settings.versions:
        for root, _, files in os.walk(folder):
            yield from (os.path.join(root, file) for file in files if file.endswith(".py"))


def _report_files(run: Run, before: Set[str]) -> None:
    for path in sorted(set(_files(run)) - before):
        revision = _revision_in(path)
        run.events.write("wrote", path=path, revision=revision)
        if revision is not None and len(revision) > ALEMBICS_WIDTH:
            text = (
                f'the id "{revision}" has {len(revision)} characters: Alembic\'s version table has room for '
                f"{ALEMBICS_WIDTH}; shed widens it on PostgreSQL, plain Alembic does not"
            )
            run.events.write("warning", text=text, about="long_id")


def _revision_in(path: str) -> Optional[str]:
    """As text: loading the file runs it."""
    try:
        with open(path, encoding="utf-8") as file:
            tree = ast.parse(file.read())
    except (SyntaxError, UnicodeDecodeError):
        return None
    for node in tree.body:
        targets: List[Any] = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        value = getattr(node, "value", None)
        if any(isinstance(t, ast.Name) and t.id == "revision" for t in targets) and isinstance(value, ast.Constant):
            return str(value.value)
    return None
