"""Ten, a hundred, a thousand targets: what one of them costs, and how much memory shed and its warm interpreter take."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import resource
import subprocess
import sys
import time
from pathlib import Path

from unchanged import MODELS, PROJECT, REVISION

# Read without Python.
PLAIN = REVISION.replace("revision, down_revision = \"a1\", None", "revision = \"a1\"\ndown_revision = None")
COUNTS = (10, 100)
COMMANDS = (["check"], ["current"], ["heads"], ["status"], ["migrate", "--jobs", "2"])
# A process whose parent is gone becomes ours, so that its time is counted (PR_SET_CHILD_SUBREAPER).
SUBREAPER = 36


def growth(shed: str, root: Path, environment: dict[str, str]) -> None:
    ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
    for count in COUNTS:
        folder = root / str(count)
        projects(folder, count)
        call([shed, "-q", "migrate", "--all"], folder, environment)
        for command in COMMANDS:
            call([shed, *command, "--all"], folder, environment)
            cpu, wall, memory = call([shed, *command, "--all"], folder, environment)
            shown = ", ".join(f"{name} {size / 1024:.0f} MB" for name, size in sorted(memory.items()))
            print(f"{' '.join(command)} of {count} targets: {1000 * cpu / count:.1f} ms of processor a target, {wall:.2f} s in all; at most {shown}")


def projects(root: Path, count: int) -> None:
    for i in range(count):
        service = root / f"services/project_{i}"
        (service / "versions").mkdir(parents=True)
        (service / "models.py").write_text(MODELS)
        (service / "versions/a1_first.py").write_text(PLAIN)
    text = "projects:" + "".join(PROJECT.format(i=i, python=sys.executable) for i in range(count))
    (root / "shed.yaml").write_text(text)


def call(command: list[str], folder: Path, environment: dict[str, str]) -> tuple[float, float, dict[str, int]]:
    """Processor time of all of it, wall time, and the most memory of shed and of the interpreter that it started, in kB."""
    before, started = spent(), time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    memory: dict[str, int] = {}
    while process.poll() is None:
        for name, pid in [("shed", process.pid), *(("Python", child) for child in children(process.pid))]:
            memory[name] = max(memory.get(name, 0), peak(pid))
        time.sleep(0.02)
    wall = time.perf_counter() - started
    if process.returncode:
        sys.exit(f"{' '.join(command)} ended with code {process.returncode}")
    orphans_end()
    return spent() - before, wall, memory


def children(pid: int) -> list[int]:
    """Of any of its threads."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            found += [int(child) for child in (thread / "children").read_text().split()]
    return found


def peak(pid: int) -> int:
    try:
        found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0
    return int(found[1]) if found else 0


def orphans_end() -> None:
    while True:
        try:
            os.wait()
        except ChildProcessError:
            return


def spent() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    import tempfile

    from measure import quiet_environment

    with tempfile.TemporaryDirectory() as there:
        growth(sys.argv[1], Path(there) / "growth", quiet_environment(Path(there)))
