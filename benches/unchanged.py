"""`check --offline` on fifty unchanged projects, called as pre-commit does: with all changed files."""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path
from subprocess import DEVNULL, run

MODELS = """
import sqlalchemy as sa

metadata = sa.MetaData()
sa.Table("bill", metadata, sa.Column("id", sa.Integer, primary_key=True))
"""
REVISION = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "a1", None


def upgrade():
    op.create_table("bill", sa.Column("id", sa.Integer, primary_key=True))
"""
PROJECT = """
  project_{i}:
    module: services/project_{i}/models.py
    python: {python}
    db: {{ main: {{ type: sqlite, connection: {{ db_path: data/project_{i}.db }} }} }}"""


def unchanged(shed: str, rounds: int, root: Path, environment: dict[str, str]) -> None:
    files = []
    for i in range(50):
        service = root / f"services/project_{i}"
        (service / "versions").mkdir(parents=True)
        (service / "models.py").write_text(MODELS)
        (service / "versions/a1_first.py").write_text(REVISION)
        files.append(str((service / "models.py").relative_to(root)))
    text = "projects:" + "".join(PROJECT.format(i=i, python=sys.executable) for i in range(50))
    (root / "shed.yaml").write_text(text)
    seconds = []
    for number in range(rounds + 1):
        started = time.perf_counter()
        run([shed, "check", "--offline", *files], cwd=root, env=environment, check=True, stdout=DEVNULL, stderr=DEVNULL)
        if number:  # the first one runs them all
            seconds.append(time.perf_counter() - started)
    print(f"check --offline, 50 unchanged projects: {1000 * statistics.median(seconds):.1f} ms (least {1000 * min(seconds):.1f} ms)")
