"""What keeps a migration safe: the lock, shed's word before anything is changed, and after it."""

from __future__ import annotations

import json
import random
import time
from typing import Any, Dict, List, Optional, Tuple

from .database import Database
from .progress import describe
from .refusal import Refusal
from .session import Session

# "SHED"; src/engine/postgres/lock.rs has the same.
KEY = (0x53484544, 1)
PAUSE = 0.15
CLOSED = "not currently accepting connections"
HOLDER = f"""
select 'process ' || a.pid || ' (' || coalesce(nullif(a.application_name, ''), 'unnamed') || ' of ' || a.usename
  || '), for ' || round(extract(epoch from now() - a.backend_start)) || ' s'
from pg_locks l join pg_stat_activity a using (pid)
where l.locktype = 'advisory' and l.granted and l.classid::int8 = {KEY[0]} and l.objid::int8 = {KEY[1]}
  and l.objsubid = 2 and l.database = (select oid from pg_database where datname = current_database())
"""


class Guard:
    """Of one run that writes; SQLite's lock is a file that shed holds, and its descriptor is ours too."""

    def __init__(self, run: Any, wish: Dict[str, Any]) -> None:
        self._run = run
        self._wish = wish
        self._lock: Optional[Session] = None
        self._asked = False
        # What shed says with its word, for the ledger.
        self.go: Dict[str, Any] = {}

    def begins(self) -> None:
        if self._run.database.dialect == "postgresql":
            self._lock = _take(self._run.database, self._wish, self._tell)
            _refuse_poolers(self._run.database, self._lock, self._run.settings.target)
        self._tell("locked")

    def before(self, steps: List[Any], heads: List[str]) -> None:
        """Where something is pending, shed writes its journal and takes its backup before we go on."""
        if not steps or self._asked:
            return
        self._asked = True
        rows = {} if self._run.sql is None else {"rows": sorted(self._run.sql.rows)}
        self._tell("pending", heads=heads, steps=[describe(step)["revision"] for step in steps], **rows)
        if self._run.parent.next_word() != b"g":
            raise Refusal("stopped", "nothing was changed")
        if self._run.settings.ledger is not None:
            self.go = json.loads(self._run.parent.next_line() or "{}")

    def demand(self) -> None:
        """A lock that went with its session must not let anything be committed."""
        if self._lock is not None and self._lock.can_ask and not self._lock.lives():
            raise Refusal(
                "lock_lost",
                "the session that held the lock is gone: somebody else may be migrating",
                "run it again; a server that ends idle sessions early needs `migration_url`",
            )

    def ends(self, good: bool) -> None:
        """shed may have to put things back: the lock is held until it says so."""
        self._tell("ended", good=good)
        while self._run.parent.next_word() != b"r":
            pass
        if self._lock is not None:
            self._lock.close()

    def _tell(self, event: str, **fields: Any) -> None:
        self._run.events.write(event, **fields)


def _take(database: Database, wish: Dict[str, Any], tell: Any) -> Session:
    timeout = float(wish.get("timeout", 60))
    deadline, told = time.monotonic() + timeout, False
    while True:
        session, holder = _attempt(database, wish)
        if session is not None:
            return session
        if not told:
            tell("waiting", holder=holder)
            told = True
        if time.monotonic() >= deadline:
            raise Refusal(
                "locked",
                f"the lock on {database.name} is held by {holder}, after {timeout:g} s",
                "wait for it to end, or raise `lock: { timeout: … }`; `shed unlock` shows and ends who holds it",
            )
        # A waiter keeps no session: it would be in the way of the holder's swap.
        time.sleep(min(PAUSE * random.uniform(0.7, 1.3), max(0.0, deadline - time.monotonic())))


def _attempt(database: Database, wish: Dict[str, Any]) -> Tuple[Optional[Session], str]:
    try:
        session = Session(database)
    except Refusal as refusal:
        if CLOSED in str(refusal.fields.get("database_message")):
            return None, "a clone or restore that is replacing it"
        raise
    session.ask(f"select set_config('application_name', $${wish['application']}$$, false)")
    # A server may end idle sessions; since PostgreSQL 14 a session can say no.
    session.ask(
        "select set_config('idle_session_timeout', '0', false) from pg_settings where name = 'idle_session_timeout'"
    )
    if session.ask(f"select pg_try_advisory_lock({KEY[0]}, {KEY[1]})")[0][0]:
        return session, ""
    rows = session.ask(HOLDER)
    session.close()
    return None, str(rows[0][0]) if rows else "another session"


def _refuse_poolers(database: Database, lock: Session, target: str) -> None:
    """A pooler that gives every transaction another backend keeps no lock, and leaves it behind."""
    own = lock.pid()
    other = Session(database)
    other.ask("begin")
    # While the other's transaction keeps its backend busy, ours would have to be given another.
    pooled = other.pid() == own or lock.pid() != own
    other.ask("rollback")
    if pooled:
        _unlock([other, lock])
        lock.close()
    other.close()
    if pooled:
        raise Refusal(
            "settings",
            f"{database.name} is reached through a pooler in transaction mode, where no lock holds",
            f"set `migration_url` of {target} to the server itself",
        )


def _unlock(sessions: List[Session]) -> None:
    """On whatever backends the pooler gives us."""
    for session in sessions * 5:
        if session.ask(f"select pg_advisory_unlock({KEY[0]}, {KEY[1]})")[0][0]:
            return
