"""In the wheel alone: the functions of `shed_db` for `asyncio`, each to be awaited."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Coroutine, TypeVar

from . import calls, running
from .api import signature_of

if TYPE_CHECKING:
    from typing_extensions import ParamSpec

    from .calls import Call

    Given = ParamSpec("Given")

Answer = TypeVar("Answer")


def _awaited(call: Callable[Given, Call[Answer]]) -> Callable[Given, Coroutine[Any, Any, Answer]]:
    async def awaited(*given: Given.args, **named: Given.kwargs) -> Answer:
        return await running.run_async(call(*given, **named))

    awaited.__name__ = awaited.__qualname__ = call.__name__
    awaited.__doc__ = call.__doc__
    awaited.__signature__ = signature_of(call)  # type: ignore[attr-defined]
    return awaited


run_migration = _awaited(calls.run_migration)
run_downgrade = _awaited(calls.run_downgrade)
should_run_migration = _awaited(calls.should_run_migration)
pending = _awaited(calls.pending)
current_revision = _awaited(calls.current_revision)
latest_revision = _awaited(calls.latest_revision)
history = _awaited(calls.history)
create_migration = _awaited(calls.create_migration)
auto = _awaited(calls.auto)
discover_models = _awaited(calls.discover_models)
validate_models = _awaited(calls.validate_models)
