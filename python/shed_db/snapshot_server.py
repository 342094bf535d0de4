"""The scratch database of a server at its heads: whether a kept one holds, and whether this one may be kept."""

from __future__ import annotations

import json
from typing import Any, Dict, List, Optional

from .refusal import Refusal
from .runs import Run
from .snapshot import Snapshot


class OnServer(Snapshot):
    """shed has filled the database from a kept one, or made it empty; it is shed that keeps it, after the run."""

    def __init__(self, run: Run, place: str, is_filled: bool) -> None:
        super().__init__(run, place)
        self._is_filled = is_filled

    @property
    def is_worth_it(self) -> bool:
        return self._is_filled or super().is_worth_it

    def _fill(self, known: Dict[str, Any]) -> bool:
        return self._is_filled

    def _miss(self) -> None:
        if self._is_filled:
            raise Refusal("stale", "the kept scratch database was made of something else")

    def _keep(self, files: Dict[str, str]) -> None:
        self._run.events.write("snapshot", stamp=self._stamp(), revisions=files)

    def _read(self) -> Optional[Dict[str, Any]]:
        try:
            with open(self._place, encoding="utf-8") as file:
                known = json.load(file)
            return known if {"stamp", "revisions"} <= set(known) else None
        except (OSError, ValueError, TypeError):
            return None

    def _library(self) -> List[str]:
        assert self._run.database is not None
        return [self._run.database.driver]
