"""Secrets are taken out of everything before it is written."""

from __future__ import annotations

import json
import re
from typing import Any, Iterable
from urllib.parse import quote, quote_plus

SHORTEST = 4

# The last alternative of each literal: databases cut long lines inside a quoted value.
_PASSWORD = re.compile(
    r"""(?imx)
    (\bpassword\s*=?\s*)
    (?: \\'.*?(?:\\'|$) | E?'(?:''|\\.|[^'\n])*(?:'|$) | "(?:\\.|[^"\n])*(?:"|$) | \$(\w*)\$.*?(?:\$\2\$|$) )
    """
)
_URL_PASSWORD = re.compile(r"(?<=://)([^\s:/@]*):[^\s@/]+@")


def mask_passwords(text: str) -> str:
    """`PASSWORD '…'` of a statement, and the password of a URL that somebody wrote into it."""
    return _URL_PASSWORD.sub(r"\1:***@", _PASSWORD.sub(r"\1'***'", text))


class Redactor:
    """Replaces a run's own secrets, in every spelling that they may take on the way."""

    def __init__(self, secrets: Iterable[str]) -> None:
        spellings = {spelling for secret in secrets for spelling in _spellings(secret)}
        self._spellings = sorted(spellings, key=len, reverse=True)

    def __call__(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, dict):
            return {key: self(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self(item) for item in value]
        return value

    def _text(self, text: str) -> str:
        for spelling in self._spellings:
            text = text.replace(spelling, "***")
        return text


def _spellings(secret: str) -> Iterable[str]:
    if len(secret) < SHORTEST:
        return ()
    return (
        secret,
        quote(secret, safe=""),
        quote(secret, safe=" +"),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
        secret.replace("'", "''"),
    )
