"""Alembic's own comparison in the project's environment, wherever the database stands."""

from __future__ import annotations

import argparse
from typing import Any, Callable, List, Optional

from alembic.autogenerate import produce_migrations
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory

from .commands import Commands, config_of
from .runs import COMPARERS

Work = Callable[[Any, List[Any]], None]


def compare(commands: Commands, work: Work, x: Optional[List[str]] = None) -> None:
    """`work` gets the migration context and the scripts that would make the database like the models."""
    run = commands.this
    # Hooks look at it without asking which command it is for.
    options = argparse.Namespace(autogenerate=False, x=x)
    config = config_of(run)
    config.cmd_opts = options
    run.starts(COMPARERS[1], options)

    def produce(revision: Any, context: Any) -> List[Any]:
        directives: List[Any] = [produce_migrations(context, context.opts["target_metadata"])]
        hook = context.opts.get("process_revision_directives")
        if hook is not None:
            hook(context, revision, directives)
        work(context, directives)
        return []

    script = ScriptDirectory.from_config(config)
    with EnvironmentContext(config, script, fn=produce, as_sql=False):
        script.run_env()
