"""An answer of shed's own: what is wrong, with which value, and the next step."""

from __future__ import annotations

from typing import Any, Optional


class Refusal(Exception):
    """Ends the run; `kind` decides the exit code."""

    def __init__(self, kind: str, text: str, help: Optional[str] = None, **fields: Any) -> None:
        super().__init__(text)
        self.kind = kind
        self.text = text
        self.help = help
        self.fields = fields
