"""Where an error happened: the file and line that matter, not eighty lines."""

from __future__ import annotations

import os
import sys
import traceback
from typing import List, NamedTuple, Optional

from .refusal import Refusal

# Import name and the package that has it, where the two differ.
PACKAGES = {"dotenv": "python-dotenv", "yaml": "PyYAML", "psycopg2": "psycopg2-binary", "dateutil": "python-dateutil"}


class Place(NamedTuple):
    path: str
    line: int
    text: str


def frames(error: BaseException) -> List[Place]:
    return [
        Place(os.path.realpath(frame.filename), frame.lineno or 0, (frame.line or "").strip())
        for frame in traceback.extract_tb(error.__traceback__)
    ]


def deepest_in(error: BaseException, path: str) -> Optional[Place]:
    wanted = os.path.realpath(path)
    if isinstance(error, SyntaxError) and error.filename and os.path.realpath(error.filename) == wanted:
        return Place(wanted, error.lineno or 0, (error.text or "").strip())
    found = [place for place in frames(error) if place.path == wanted]
    return found[-1] if found else None


def full_text(error: BaseException) -> str:
    return "".join(traceback.format_exception(type(error), error, error.__traceback__))


def for_models(error: BaseException, name: str, path: Optional[str], verb: str = "import") -> Refusal:
    """An error inside the project's modules: its place, its line and a way out."""
    place = own_place(error)
    where = f"{place.path}:{place.line}" if place else (path or name)
    text = f'could not {verb} "{name}": {where}: {sentence(error)}'
    if place and place.text:
        text += f"\n    {place.text}"
    return Refusal(
        "models",
        text,
        way_out(error),
        path=place.path if place else path,
        line=place.line if place else None,
    )


def sentence(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg}"
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def own_place(error: BaseException, installed: bool = True) -> Optional[Place]:
    """The deepest frame outside of Python and of installed packages; else, if wanted, the deepest outside of ours."""
    if isinstance(error, SyntaxError) and error.filename:
        return Place(error.filename, error.lineno or 0, (error.text or "").strip())
    here = os.path.realpath(os.path.dirname(os.path.dirname(__file__)))
    outside = [
        p for p in frames(error) if os.path.isabs(p.path) and os.path.isfile(p.path) and not p.path.startswith(here)
    ]
    own = [place for place in outside if not is_installed(place.path)]
    return (own or (outside if installed else []) or [None])[-1]  # type: ignore[list-item]


def is_installed(path: str) -> bool:
    parts = path.split(os.sep)
    return (
        "site-packages" in parts
        or "dist-packages" in parts
        or path.startswith(os.path.realpath(os.path.dirname(os.__file__)))
    )


def way_out(error: BaseException) -> Optional[str]:
    if isinstance(error, ModuleNotFoundError) and error.name:
        top = error.name.partition(".")[0]
        package = PACKAGES.get(top, top)
        return f"pip install {package} in {sys.executable}, or add the folder of {top} to `pythonpath`"
    if type(error).__name__ == "MissingGreenlet":
        return "this connects without asyncio, and the driver needs it: set `driver`, such as `driver: psycopg`"
    if isinstance(error, KeyError):
        return f"if {error} is an environment variable, set it under `env`"
    return None
