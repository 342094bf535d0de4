"""The project's models and hooks, imported once per run."""

from __future__ import annotations

from types import ModuleType
from typing import Any, Callable, List, Optional

from .refusal import Refusal
from .settings import Settings


class Project:
    """What Alembic is to compare with, and the project's own hooks."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.loaded: List[ModuleType] = []
        self.metadata: Any = None
        self.hooks: Optional[ModuleType] = None
        self.compared = False

    def hook(self, name: str) -> Optional[Callable[..., Any]]:
        return getattr(self.hooks, name, None)


def load(settings: Settings, needed: bool, comparing: bool) -> Project:
    project = Project(settings)
    project.compared = comparing
    if needed and settings.models is not None:
        project.loaded = _load_modules(settings)
        project.metadata = _find_metadata(settings, project.loaded, comparing)
    if comparing and project.metadata is None and settings.hooks is None:
        raise nothing_to_compare(project)
    if settings.hooks is not None:
        project.hooks = load_hooks(settings)
    return project


def load_all(settings: Settings) -> Project:
    """Every MetaData that has tables: nobody has to choose one."""
    from . import metadata

    project = Project(settings)
    project.loaded = _load_modules(settings)
    found = metadata.all_of(project.loaded)
    if not found:
        raise metadata.none_found(project.loaded)
    return given(project, found[0] if len(found) == 1 else metadata.several(found))


def given(project: Project, target: Any) -> Project:
    """Compared with this and nothing else."""
    project.metadata, project.compared = target, True
    if project.settings.hooks is not None:
        project.hooks = load_hooks(project.settings)
    return project


def compare(project: Project) -> None:
    """Of modules that are loaded already; a migration asks less of their metadata."""
    project.compared = True
    project.metadata = _find_metadata(project.settings, project.loaded, True)
    if project.metadata is None and project.settings.hooks is None:
        raise nothing_to_compare(project)


def _load_modules(settings: Settings) -> List[ModuleType]:
    from . import modules  # only runs that need the models pay for it

    models = settings.models
    assert models is not None
    if models.setup:
        _call_setup(models.setup)
    loaded: List[ModuleType] = []
    for wanted in models.modules:
        loaded += modules.load(wanted, settings.python_path, settings.versions, models.auto_discovery)
    return loaded


def _call_setup(reference: str) -> None:
    from . import blame, modules

    function = modules.attribute(reference)
    if not callable(function):
        raise Refusal("settings", f'"setup: {reference}" is a {type(function).__name__}, not a function')
    try:
        function()
    except (Exception, SystemExit) as error:
        raise blame.for_models(error, reference, None, "run") from error


def _find_metadata(settings: Settings, loaded: List[ModuleType], comparing: bool) -> Any:
    from . import metadata

    models = settings.models
    assert models is not None
    if models.metadata:
        return metadata.named(models.metadata, loaded)
    return metadata.find(loaded, comparing)


def load_hooks(settings: Settings) -> ModuleType:
    from . import modules

    wanted = settings.hooks
    assert wanted is not None
    try:
        return modules.load(wanted, settings.python_path, settings.versions, False)[0]
    except Refusal as refusal:
        raise Refusal("settings", f"hooks: {refusal.text}", refusal.help, **refusal.fields) from refusal


def nothing_to_compare(project: Project) -> Refusal:
    settings = project.settings
    if settings.models is None:
        return Refusal(
            "settings",
            f'the project "{settings.project}" has no `module`, so there are no models to compare the database with',
            "set `module` to the file or package of the models; `revision` without --autogenerate needs none",
        )
    from . import metadata

    return metadata.none_found(project.loaded)
