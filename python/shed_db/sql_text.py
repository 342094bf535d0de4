"""SQL text taken apart: where its statements begin and end, for each engine by its own rules."""

from __future__ import annotations

import re
import sqlite3
from typing import Iterator, List, Optional, Tuple

# Offset in the text, and the statement.
Piece = Tuple[int, str]

_POSTGRES = re.compile(
    r"--[^\n]*|/\*"
    r"|'[^']*(?:''[^']*)*'"
    r'|"[^"]*(?:""[^"]*)*"'
    r"|(?<![\w$])(?:[eE]'[^'\\]*(?:(?:''|\\.)[^'\\]*)*'|\$(?:[^\W\d]\w*)?\$|(?:begin|case|end)(?![\w$]))"
    r"|[();]",
    re.DOTALL | re.IGNORECASE,
)
_ROUTINE = re.compile(r"create\s+(?:or\s+replace\s+)?(?:function|procedure)\b", re.IGNORECASE)
_SQLITE = re.compile(
    r"--[^\n]*|/\*"
    r"|'[^']*(?:''[^']*)*'"
    r'|"[^"]*(?:""[^"]*)*"'
    r"|`[^`]*(?:``[^`]*)*`|\[[^\]]*\]|;",
    re.DOTALL,
)
_COMMENT_EDGE = re.compile(r"/\*|\*/")


def statements(text: str, dialect: str) -> List[Piece]:
    """All statements, without what stands before the first word of each."""
    ends = _sqlite_ends(text) if dialect == "sqlite" else _postgres_ends(text)
    found: List[Piece] = []
    start = 0
    for end in [*ends, len(text)]:
        begin = first_word(text, start, end, nested=dialect != "sqlite")
        if begin is not None and text[begin:end].strip() != ";":
            found.append((begin, text[begin:end]))
        start = end
    return found


def first_word(text: str, start: int, end: int, nested: bool) -> Optional[int]:
    """Where something stands that is neither blank nor comment."""
    at = start
    while at < end:
        if text[at].isspace() or text[at] == "\ufeff":
            at += 1
        elif text.startswith("--", at):
            line = text.find("\n", at, end)
            at = end if line < 0 else line + 1
        elif text.startswith("/*", at):
            at = _after_comment(text, at, nested)
        else:
            return at
    return None


def is_blank(text: str, dialect: str) -> bool:
    return first_word(text, 0, len(text), nested=dialect != "sqlite") is None


def _after_comment(text: str, at: int, nested: bool) -> int:
    """PostgreSQL's comments hold others; one without an end goes to the end."""
    if not nested:
        end = text.find("*/", at + 2)
        return len(text) if end < 0 else end + 2
    depth = 0
    for edge in _COMMENT_EDGE.finditer(text, at):
        depth += 1 if edge.group() == "/*" else -1
        if depth == 0:
            return edge.end()
    return len(text)


def _tokens(text: str, pattern: re.Pattern, nested: bool) -> Iterator[Tuple[int, str]]:
    at = 0
    while True:
        match = pattern.search(text, at)
        if match is None:
            return
        token, at = match.group(), match.end()
        if token == "/*":
            at = _after_comment(text, match.start(), nested)
        elif nested and token[0] == "$" and token[-1] == "$":
            end = text.find(token, at)
            at = len(text) if end < 0 else end + len(token)
        elif not token.startswith(("--", "'", '"', "`", "[", "e'", "E'")):
            yield match.end(), token


def _sqlite_ends(text: str) -> Iterator[int]:
    """SQLite itself knows where a trigger ends."""
    start = 0
    for end, _ in _tokens(text, _SQLITE, nested=False):
        if sqlite3.complete_statement(text[start:end]):
            yield end
            start = end


def _postgres_ends(text: str) -> Iterator[int]:
    """As psql: not within parentheses (rules), not within the body of a function (BEGIN ATOMIC … END)."""
    start = parentheses = bodies = 0
    for end, token in _tokens(text, _POSTGRES, nested=True):
        if token == "(":
            parentheses += 1
        elif token == ")":
            parentheses = max(0, parentheses - 1)
        elif token == ";":
            if not parentheses and not bodies:
                yield end
                start = end
        elif not parentheses and (bodies or _makes_routine(text, start)):
            bodies = _bodies(token.lower(), bodies)


def _bodies(word: str, bodies: int) -> int:
    if word == "begin" or (word == "case" and bodies):
        return bodies + 1
    return bodies - 1 if word == "end" and bodies else bodies


def _makes_routine(text: str, start: int) -> bool:
    begin = first_word(text, start, len(text), nested=True)
    return begin is not None and _ROUTINE.match(text, begin) is not None
