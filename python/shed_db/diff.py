"""`diff`: what would make a database like the models, or like another database."""

from __future__ import annotations

from typing import Any, Dict, List

from . import ddl, differences
from .commands import Commands
from .compare import compare


def answer(commands: Commands, step: Dict[str, Any]) -> Dict[str, Any]:
    run = commands.this
    answered: Dict[str, Any] = {}
    if step.get("other") is not None:
        from . import reflected

        reflected.stand_in(run, reflected.read(run, step["other"]))

    def look(context: Any, scripts: List[Any]) -> None:
        answered["differences"] = [
            item
            for script in scripts
            for operations in script.upgrade_ops_list
            for item in differences.from_operations(operations, context.dialect)
        ]
        if step.get("sql"):
            answered["sql"] = ddl.text(context, scripts, run.settings.schema)

    compare(commands, look, step.get("x"))
    return answered
