"""Loading the project's modules, by file, folder or dotted name."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import os
import re
import sys
from types import ModuleType
from typing import Dict, Iterable, Iterator, List, Optional, Tuple

from . import blame
from .refusal import Refusal

NOT_MODELS = ("__main__", "conftest", "setup")
_REVISION = re.compile(r"^down_revision\b", re.MULTILINE)


def load(wanted: Dict[str, str], python_path: List[str], versions: List[str], discover: bool) -> List[ModuleType]:
    """The modules that one entry of `module` stands for."""
    if "name" in wanted:
        module = import_name(wanted["name"])
        return [module, *(_discover(module, versions) if discover else ())]
    path = os.path.abspath(wanted["path"])
    if os.path.isfile(path):
        return [import_file(path, python_path)]
    if not os.path.isdir(path):
        raise Refusal("settings", f"there is no module at {path}", _nearest_file(path))
    name, root = dotted_name(path, python_path)
    _put_first(root)
    if os.path.isfile(os.path.join(path, "__init__.py")):
        package = _import(name, os.path.join(path, "__init__.py"))
        return [package, *(_discover(package, versions) if discover else ())]
    files = _files_below(path, versions) if discover else _direct_files(path)
    return [import_file(file, python_path, (name, path)) for file in files]


def import_name(name: str) -> ModuleType:
    """By its dotted name; "it is not there" is told apart from "it fails inside"."""
    missing = _first_missing_part(name)
    if missing is None:
        return _import(name, None)
    raise Refusal(
        "settings",
        f'there is no module "{name}" (no "{missing}" on the Python path)',
        _nearest_name(missing) or "add its folder to `pythonpath`, or give the path of the file",
    )


def import_file(path: str, python_path: List[str], namespace: Optional[Tuple[str, str]] = None) -> ModuleType:
    if namespace is not None:
        inside = os.path.relpath(path, namespace[1])[: -len(".py")].replace(os.sep, ".")
        return _import(f"{namespace[0]}.{inside}", path)
    name, root = dotted_name(path, python_path)
    _put_first(root)
    return _import(name, path)


def dotted_name(path: str, python_path: List[str]) -> Tuple[str, str]:
    """The name a program of this project would import it by, and the folder that the name starts in."""
    stem = path[: -len(".py")] if path.endswith(".py") else path
    for root in python_path:
        parts = os.path.relpath(stem, root).split(os.sep)
        if all(part.isidentifier() for part in parts):
            return ".".join(parts), root
    folder, names = os.path.dirname(stem), [os.path.basename(stem)]
    while os.path.isfile(os.path.join(folder, "__init__.py")):
        folder, name = os.path.split(folder)
        names.insert(0, name)
    return ".".join(names), folder


def attribute(reference: str) -> object:
    """What `package.module:attribute` names."""
    name, _, path = reference.partition(":")
    value: object = import_name(name)
    for part in path.split("."):
        if not hasattr(value, part):
            near = difflib.get_close_matches(part, dir(value), 1)
            raise Refusal(
                "settings",
                f'"{reference}": there is no "{part}" in {name}',
                f"did you mean {near[0]}?" if near else None,
            )
        value = getattr(value, part)
    return value


def _put_first(root: str) -> None:
    if root not in sys.path:
        sys.path.insert(0, root)


def _import(name: str, path: Optional[str]) -> ModuleType:
    try:
        if path is not None and _is_taken(name, path):
            return _load_alone(name, path)
        return importlib.import_module(name)
    except Refusal:
        raise
    except (Exception, SystemExit) as error:
        raise blame.for_models(error, name, path) from error


def _is_taken(name: str, path: str) -> bool:
    """Another module has this name already, such as the standard library's `types` for types.py."""
    top = sys.modules.get(name.partition(".")[0])
    if top is None:
        return False
    depth = name.count(".") + (os.path.basename(path) == "__init__.py")
    root = path
    for _ in range(depth + 1):
        root = os.path.dirname(root)
    places = list(getattr(top, "__path__", [])) or [getattr(top, "__file__", None) or ""]
    return not any(os.path.realpath(place).startswith(os.path.realpath(root) + os.sep) for place in places)


def _load_alone(name: str, path: str) -> ModuleType:
    private = "shed_models_" + name.replace(".", "_")
    spec = importlib.util.spec_from_file_location(private, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[private] = module
    spec.loader.exec_module(module)
    return module


def _discover(package: ModuleType, versions: List[str]) -> Iterator[ModuleType]:
    """Every module below a package; never the revision files, which run code of their own."""
    for root in getattr(package, "__path__", []):
        for file in _files_below(root, versions):
            inside = os.path.relpath(file, root)[: -len(".py")].replace(os.sep, ".")
            if inside != "__init__":
                yield _import(f"{package.__name__}.{inside}".replace(".__init__", ""), None)


def _files_below(root: str, versions: List[str]) -> Iterator[str]:
    never = {os.path.realpath(folder) for folder in versions}
    for folder, names, files in os.walk(root):
        names[:] = sorted(
            name
            for name in names
            if name.isidentifier()
            and name != "__pycache__"
            and os.path.realpath(os.path.join(folder, name)) not in never
        )
        yield from (file for file in module_files(folder, files) if not _is_alembics(folder, file))


def _is_alembics(folder: str, file: str) -> bool:
    """A revision of another kind of database or of another project, or an env.py: none can be imported by itself."""
    if os.path.basename(file) == "env.py":
        return os.path.isfile(os.path.join(folder, "script.py.mako"))
    with open(file, encoding="utf-8", errors="replace") as source:
        return _REVISION.search(source.read()) is not None


def _direct_files(folder: str) -> Iterable[str]:
    return module_files(folder, os.listdir(folder))


def module_files(folder: str, files: List[str]) -> Iterator[str]:
    for file in sorted(files):
        stem, extension = os.path.splitext(file)
        if extension == ".py" and stem.isidentifier() and stem not in NOT_MODELS and not stem.startswith("test_"):
            yield os.path.join(folder, file)


def _first_missing_part(name: str) -> Optional[str]:
    """The shortest leading part of a dotted name that does not exist."""
    parts = name.split(".")
    for count in range(1, len(parts) + 1):
        part = ".".join(parts[:count])
        try:
            if importlib.util.find_spec(part) is None:
                return part
        except (ImportError, ValueError, AttributeError) as error:
            if isinstance(error, ModuleNotFoundError) and error.name not in (part, ".".join(parts[: count - 1])):
                return None  # it is there, and fails inside: importing it says where
            return part
        except Exception:
            return None
    return None


def _nearest_name(missing: str) -> Optional[str]:
    package, _, last = missing.rpartition(".")
    folders = list(getattr(sys.modules.get(package), "__path__", [])) if package else sys.path
    names = {os.path.splitext(entry)[0] for folder in folders if os.path.isdir(folder) for entry in os.listdir(folder)}
    near = difflib.get_close_matches(last, names, 3)
    return "did you mean " + ", ".join(f"{package}.{name}".lstrip(".") for name in near) + "?" if near else None


def _nearest_file(path: str) -> str:
    folder = os.path.dirname(path)
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    below = os.path.relpath(path, folder).split(os.sep)[0]
    near = difflib.get_close_matches(below, os.listdir(folder), 3, 0.5)
    if near:
        return "did you mean " + ", ".join(os.path.join(folder, name) for name in near) + "?"
    return f"the nearest folder that exists is {folder}"
