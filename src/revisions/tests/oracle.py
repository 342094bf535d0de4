"""Alembic's own answers about many versions folders, as JSON: one Python process for all of them."""

from __future__ import annotations

import importlib.util
import io
import json
import sys
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any, Dict, List

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

sys.dont_write_bytecode = True


def load_shed(folder: str) -> ModuleType:
    """The Python side of shed, as its worker loads it: what it says as data is what the graph has to say."""
    spec = importlib.util.spec_from_file_location(
        "_shed_db", folder + "/__init__.py", submodule_search_locations=[folder]
    )
    assert spec is not None and spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules["_shed_db"] = package
    spec.loader.exec_module(package)
    from _shed_db import graph  # type: ignore[import-not-found]

    return graph


def answer(folder: str, questions: List[Dict[str, Any]], graph: ModuleType) -> Dict[str, Any]:
    script = ScriptDirectory(folder)
    ScriptDirectory.from_config = classmethod(lambda cls, config: script)  # type: ignore[assignment,method-assign]
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            revisions = list(script.walk_revisions())
        except BaseException as error:
            return {"refused": repr(error)}
    if warned:
        return {"refused": str(warned[0].message)}
    # Several of them are a set to Alembic, whose order is the hash seed's.
    by_chance = any(len(revision._normalized_resolved_dependencies) > 1 for revision in revisions)
    return {"by_chance": by_chance, "answers": [one(script, question, graph) for question in questions]}


def one(script: ScriptDirectory, question: Dict[str, Any], graph: ModuleType) -> Any:
    arguments = question["arguments"]
    try:
        if question["data"]:
            found = getattr(graph, "_" + question["name"])(script, arguments, ())
            return [graph.describe(revision, None) for revision in found if revision is not None]
        written = io.BytesIO()
        stdout = io.TextIOWrapper(written, encoding="utf-8", newline="\n")
        getattr(command, question["name"])(Config(stdout=stdout), **arguments)
        stdout.flush()
        return written.getvalue().decode("utf-8")
    except BaseException as error:
        return {"refused": repr(error)}


def main() -> None:
    asked = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    graph = load_shed(asked["shed_db"])
    for number, folder in enumerate(asked["folders"]):
        questions = asked["questions"][number % asked["share"] :: asked["share"]]
        print(json.dumps(answer(folder, questions, graph)))


main()
