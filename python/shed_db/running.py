"""In the wheel alone: a call carried out, and waited for in either of Python's two ways."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import subprocess
import threading
from typing import IO, List, TypeVar

from .calls import Call

Answer = TypeVar("Answer")

_LOG = logging.getLogger("shed_db")
# How long shed may take to end cleanly: it undoes what it began.
_PATIENCE = 30


def run(call: Call[Answer]) -> Answer:
    """What shed says on stderr is logged as it comes."""
    process = subprocess.Popen(
        call.line(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=call.variables(),
        cwd=call.cwd(),
        encoding="utf-8",
        errors="replace",
    )
    assert process.stdout is not None and process.stderr is not None
    said: List[str] = []
    listener = threading.Thread(target=_listen, args=(process.stderr, said), daemon=True)
    listener.start()
    try:
        document = process.stdout.read()
        code = process.wait()
    except BaseException:
        _end(process)
        raise
    finally:
        # Its end is theirs: a stream that is being read cannot be closed.
        listener.join()
        process.stdout.close()
        process.stderr.close()
    return call.answer(code, document, "".join(said))


def _listen(stream: IO[str], said: List[str]) -> None:
    for line in stream:
        _hear(line, said)


def _hear(line: str, said: List[str]) -> None:
    said.append(line)
    # An error is raised too, and would be told twice where nobody has set up logging.
    level = logging.WARNING if line.startswith("warning:") else logging.INFO
    _LOG.log(level, "%s", line.rstrip("\n"))


def _end(process: subprocess.Popen[str]) -> None:
    """shed hands the signal on, and puts back what is half done."""
    process.terminate()
    try:
        process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()


async def run_async(call: Call[Answer]) -> Answer:
    """As `run`; a task that is cancelled ends shed cleanly."""
    process = await asyncio.create_subprocess_exec(
        *call.line(),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=call.variables(),
        cwd=call.cwd(),
    )
    assert process.stdout is not None and process.stderr is not None
    said: List[str] = []
    try:
        document, _ = await asyncio.gather(process.stdout.read(), _listen_async(process.stderr, said))
        code = await process.wait()
    except BaseException:
        await asyncio.shield(_end_async(process))
        raise
    return call.answer(code, document.decode("utf-8", "replace"), "".join(said))


async def _listen_async(stream: asyncio.StreamReader, said: List[str]) -> None:
    rest = b""
    while True:
        more = await stream.read(65536)
        *lines, rest = (rest + more).split(b"\n")
        for line in lines if more else [*lines, *([rest] if rest else [])]:
            _hear(line.decode("utf-8", "replace") + "\n", said)
        if not more:
            return


async def _end_async(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _PATIENCE)
    except asyncio.TimeoutError:
        process.kill()
