"""Times `shed clone` of a SQLite file beside `sqlite3 SOURCE '.backup TARGET'`, run by run: quiet, and with a writer."""

from __future__ import annotations

import os
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measure import interleaved, quiet_environment, run

WRITER = """
import sqlite3, sys, time
c = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
c.execute("create table if not exists beat(at real)")
print("ready", flush=True)
longest = 0.0
while True:
    started = time.perf_counter()
    try:
        c.execute("insert into beat values(?)", (started,))
    except sqlite3.OperationalError:
        pass
    longest = max(longest, time.perf_counter() - started)
    open(sys.argv[2], "w").write(f"{longest:.3f}")
    time.sleep(float(sys.argv[3]))
"""

# Seconds between two commits of the writer, and after how many `.backup`, which begins again with each, is given up.
PAUSE, LIMIT = 0.5, 60.0


def main() -> None:
    shed, megabytes, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder:
        root = Path(folder)
        (root / "versions").mkdir()
        for mode in sys.argv[4:] or ("wal", "delete"):
            make(root / f"{mode}.db", mode, megabytes)
            (root / "shed.yaml").write_text(settings(mode))
            compare(shed, root, mode, rounds, writing=False)
            compare(shed, root, mode, rounds, writing=True)
            over_existing(shed, root, mode, rounds)


def settings(mode: str) -> str:
    databases = {"source": f"{mode}.db", "copy": "copy.db"}
    entries = "".join(f"\n      {name}: {{ type: sqlite, connection: {{ db_path: {file} }} }}" for name, file in databases.items())
    return f"projects:\n  p:\n    versions: versions\n    format: sql\n    db:{entries}\n"


def make(path: Path, mode: str, megabytes: int) -> None:
    """Rows with an index, and larger values: half and half."""
    numbers = random.Random(1)
    connection = sqlite3.connect(path)
    connection.execute(f"pragma journal_mode={mode}")
    connection.execute("create table orders(id integer primary key, customer integer, total real, note text)")
    connection.execute("create index orders_customer on orders(customer)")
    connection.execute("create table files(id integer primary key, body blob)")
    rows = ((numbers.randrange(100_000), i * 1.1, "x" * numbers.randrange(80, 180)) for i in range(megabytes * 2600))
    connection.executemany("insert into orders(customer, total, note) values(?, ?, ?)", rows)
    bodies = ((numbers.randbytes(numbers.randrange(10_000, 30_000)),) for _ in range(megabytes * 24))
    connection.executemany("insert into files(body) values(?)", bodies)
    connection.commit()
    connection.close()
    print(f"{path.name}: {path.stat().st_size / 1e6:.0f} MB")


def compare(shed: str, root: Path, mode: str, rounds: int, writing: bool) -> None:
    environment = quiet_environment(root)
    ours = [shed, "--yes", "--no-input", "clone", "p.source", "p.copy"]
    theirs = ["sqlite3", f"{mode}.db", ".timeout 60000", ".backup copy.db"]
    longest: dict[str, float] = {}
    given_up: dict[str, int] = {}

    def timed(name: str, command: list[str]) -> float:
        for left in root.glob("copy.db*"):
            left.unlink()
        os.sync()
        writer = Writer(root, mode) if writing else None
        started = time.perf_counter()
        try:
            subprocess.run(command, cwd=root, env=environment, check=True, capture_output=True, timeout=LIMIT)
        except subprocess.TimeoutExpired:
            given_up[name] = given_up.get(name, 0) + 1
        seconds = time.perf_counter() - started
        if writer:
            longest[name] = max(longest.get(name, 0.0), writer.stop())
        return seconds

    # The first of each warms the cache, and is not counted.
    pairs = interleaved(lambda: timed("shed", ours), lambda: timed("sqlite3", theirs), rounds)
    ratios = [one / other for one, other in pairs]
    waits = f"; a writer's longest wait: shed {longest['shed']:.2f} s, sqlite3 {longest['sqlite3']:.2f} s" if writing else ""
    print(
        f"{mode}, {'with a writer' if writing else 'quiet'}: shed clone / sqlite3 .backup {statistics.median(ratios):.2f} "
        f"(least {min(ratios):.2f}, most {max(ratios):.2f}; {rounds} pairs; shed {statistics.median(p[0] for p in pairs):.2f} s, "
        f"sqlite3 {statistics.median(p[1] for p in pairs):.2f} s{waits}; given up after {LIMIT:.0f} s: {given_up or 'none'})",
        flush=True,
    )


def over_existing(shed: str, root: Path, mode: str, rounds: int) -> None:
    """Over a copy that is there: built aside first, then written into it in one transaction."""
    environment = quiet_environment(root)
    command = [shed, "--yes", "--no-input", "clone", "p.source", "p.copy"]
    seconds = []
    for _ in range(rounds):
        started = time.perf_counter()
        run(command, root, environment)
        seconds.append(time.perf_counter() - started)
    print(f"{mode}, over a copy that is there: {statistics.median(seconds):.2f} s", flush=True)


class Writer:
    """Commits a row every half second."""

    def __init__(self, root: Path, mode: str) -> None:
        self.told = root / "longest"
        command = [sys.executable, "-c", WRITER, str(root / f"{mode}.db"), str(self.told), str(PAUSE)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        self.process.stdout.readline()

    def stop(self) -> float:
        self.process.kill()
        self.process.wait()
        return float(self.told.read_text() or 0)


if __name__ == "__main__":
    main()
