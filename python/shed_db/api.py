"""In the wheel alone: the functions, each of which waits for its answer."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Callable, TypeVar

from . import calls, running

if TYPE_CHECKING:
    from typing_extensions import ParamSpec

    from .calls import Call

    Given = ParamSpec("Given")

Answer = TypeVar("Answer")


def signature_of(call: Callable[..., Any]) -> inspect.Signature:
    """As the caller sees it: with the answer instead of the call."""
    signature = inspect.signature(call)
    returned = str(signature.return_annotation)
    return signature.replace(return_annotation=returned[len("Call[") : -1])


def _waiting(call: Callable[Given, Call[Answer]]) -> Callable[Given, Answer]:
    def waiting(*given: Given.args, **named: Given.kwargs) -> Answer:
        return running.run(call(*given, **named))

    waiting.__name__ = waiting.__qualname__ = call.__name__
    waiting.__doc__ = call.__doc__
    waiting.__signature__ = signature_of(call)  # type: ignore[attr-defined]
    return waiting


run_migration = _waiting(calls.run_migration)
run_downgrade = _waiting(calls.run_downgrade)
should_run_migration = _waiting(calls.should_run_migration)
pending = _waiting(calls.pending)
current_revision = _waiting(calls.current_revision)
latest_revision = _waiting(calls.latest_revision)
history = _waiting(calls.history)
create_migration = _waiting(calls.create_migration)
auto = _waiting(calls.auto)
discover_models = _waiting(calls.discover_models)
validate_models = _waiting(calls.validate_models)
