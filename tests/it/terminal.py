"""Runs a program on a terminal of its own: terminal.py '[["what appears", "what is typed"], …]' PROGRAM ARGUMENTS…

Prints what the terminal showed, ends with the program's exit code.
"""

import json
import os
import pty
import select
import sys
import time


def main() -> int:
    answers = json.loads(sys.argv[1])
    child, terminal = pty.fork()
    if child == 0:
        os.execvp(sys.argv[2], sys.argv[2:])
    shown = converse(terminal, answers)
    sys.stdout.buffer.write(shown.replace(b"\r\n", b"\n"))
    sys.stdout.flush()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def converse(terminal: int, answers: list[list[str]]) -> bytes:
    shown, seen, deadline = b"", 0, time.monotonic() + 120
    while select.select([terminal], [], [], max(0, deadline - time.monotonic()))[0]:
        try:
            new = os.read(terminal, 65536)
        except OSError:  # Linux says so when the program has closed its side
            return shown
        if not new:
            return shown
        shown += new
        while answers and (at := shown.find(answers[0][0].encode(), seen)) >= 0:
            seen = at + len(answers[0][0].encode())
            os.write(terminal, answers.pop(0)[1].encode())
    sys.exit(f"the program still waits; the terminal showed: {shown!r}")


if __name__ == "__main__":
    sys.exit(main())
