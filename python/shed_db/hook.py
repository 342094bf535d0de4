"""Post-write hooks, run here because Alembic does not look at how they end."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shlex
import subprocess
import sys
from typing import Any, Dict, List, Optional

from alembic.script import write_hooks
from alembic.util import CommandError

from .events import Events
from .refusal import Refusal

TOKEN = "REVISION_SCRIPT_FILENAME"
TYPE = "shed"
Definition = Dict[str, str]


class Hooks:
    """The run's hooks: Alembic calls us, we call the program."""

    def __init__(self, definitions: List[Definition], events: Events) -> None:
        self._definitions = {definition["name"]: definition for definition in definitions}
        self._events = events
        self._failed: List[str] = []
        self._path = ""

    def attach(self, script: Any) -> None:
        """In the form that this Alembic's ScriptDirectory keeps them."""
        write_hooks.register(TYPE)(self._run)
        names = list(self._definitions)
        if hasattr(script, "hooks"):
            script.hooks = [{"_hook_name": name, "type": TYPE} for name in names]
        else:
            types = {f"{name}.type": TYPE for name in names}
            script.hook_config = {"hooks": ",".join(names), **types}

    def refuse_if_failed(self) -> None:
        if self._failed:
            raise Refusal(
                "hook",
                f"the file was written, and then: {'; '.join(self._failed)}",
                f"the file is kept: {self._path}",
                path=self._path,
            )

    def _run(self, path: str, options: Dict[str, str], **_: Any) -> None:
        self._path = str(path)
        name = options["_hook_name"]
        definition = self._definitions[name]
        try:
            command = _command(definition)
        except LookupError as error:
            return self._fail(name, None, str(error.args[0]))
        if command is None:
            return self._run_registered(name, path, definition)
        arguments = _arguments(definition.get("options", ""), str(path))
        try:
            done = subprocess.run([*command, *arguments], cwd=definition.get("cwd") or None, capture_output=True)
        except OSError as error:
            return self._fail(name, None, f"{command[0]}: {error.strerror}")
        self._show(name, done)

    def _show(self, name: str, done: subprocess.CompletedProcess[bytes]) -> None:
        out, err = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
        sys.stdout.write(out)
        sys.stderr.write(err)
        if done.returncode != 0:
            self._fail(name, done.returncode, (err or out).strip() or "(it printed nothing)")

    def _fail(self, name: str, status: Optional[int], output: str) -> None:
        self._events.write("hook", name=name, status=status, output=output)
        ended = f"ended with {status}: " if status is not None else "could not run: "
        self._failed.append(f'the hook "{name}" {ended}{output.splitlines()[-1] if status is None else _tail(output)}')

    def _run_registered(self, name: str, path: str, definition: Definition) -> None:
        """A type that the project registered with Alembic itself."""
        try:
            write_hooks._invoke(definition["type"], path, {**definition, "_hook_name": name})
        except (CommandError, OSError) as error:
            self._fail(name, None, str(error))


def _tail(output: str) -> str:
    return " / ".join(output.splitlines()[-3:])


def _command(definition: Definition) -> Optional[List[str]]:
    kind = definition.get("type", "")
    if kind == "exec":
        return [_required(definition, "executable")]
    if kind == "module":
        module = _required(definition, "module")
        if importlib.util.find_spec(module) is None:
            raise LookupError(f'there is no module "{module}" in {sys.executable}')
        return [sys.executable, "-m", module]
    if kind == "console_scripts":
        return [sys.executable, "-c", _entry_point(_required(definition, "entrypoint"))]
    return None


def _required(definition: Definition, key: str) -> str:
    if not definition.get(key):
        raise LookupError(f'`{key}` is missing for its type "{definition["type"]}"')
    return definition[key]


def _entry_point(name: str) -> str:
    for distribution in importlib.metadata.distributions():
        for entry in distribution.entry_points:
            if entry.group == "console_scripts" and entry.name == name:
                module, _, attribute = entry.value.partition(":")
                function = attribute.split("[")[0].strip()
                return f"import {module}; {module}.{function}()"
    raise LookupError(f'there is no console script "{name}" in {sys.executable}')


def _arguments(options: str, path: str) -> List[str]:
    """Alembic's rule: the file comes first unless the options say where."""
    if TOKEN not in options:
        options = f"{TOKEN} {options}"
    return [part.replace(TOKEN, path) for part in shlex.split(options, posix=os.name == "posix")]
