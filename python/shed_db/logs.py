"""Logging of a run: one handler on stderr, levels from the settings."""

from __future__ import annotations

import logging
import sys
from typing import Dict

FORMAT = "%(levelname)-5.5s [%(name)s] %(message)s"


def start(levels: Dict[str, str], alembic_level: str) -> None:
    root = logging.getLogger()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(FORMAT))
    root.addHandler(handler)
    for name, level in {"root": "WARNING", "alembic": alembic_level, **levels}.items():
        logger = root if name == "root" else logging.getLogger(name)
        logger.setLevel(level.upper())
