"""Imports that a new revision needs for the types in it."""

from __future__ import annotations

import os
from typing import Any, Callable, List, Optional, Union

OWN = ("sqlalchemy", "alembic")


class RenderItem:
    """After the project's own hook: a type of another package brings its import."""

    def __init__(self, hook: Optional[Callable[..., Any]], script_imports: List[str], template: str) -> None:
        self._hook = hook
        in_template = _lines(template)
        self._missing = [line for line in script_imports if line not in in_template]
        self._known = set(script_imports) - set(self._missing)

    def __call__(self, kind: str, item: Any, context: Any) -> Union[str, bool, None]:
        context.imports.update(self._missing)
        if self._hook is not None:
            rendered = self._hook(kind, item, context)
            if rendered is not False:
                return rendered  # type: ignore[no-any-return]
        if kind == "type" and context.opts.get("user_module_prefix") is None:
            self._import(type(item).__module__, context)
        return False

    def _import(self, module: str, context: Any) -> None:
        package = module.partition(".")[0]
        if package in OWN or package == "builtins":
            return
        # SQLModel's types are written with their full path, and the package itself imports all of it.
        line = f"import {package if package == 'sqlmodel' else module}"
        if line not in self._known:
            context.imports.add(line)


def _lines(template: str) -> List[str]:
    if not os.path.isfile(template):
        return []
    with open(template, encoding="utf-8") as file:
        return [line.strip() for line in file]
