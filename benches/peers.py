"""Random kill -9 of migrations and copies, tool by tool; a table of what the databases held then and after the next run."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Callable, Dict, List, Optional, Tuple

SHED, DBMATE, PG_BIN, KILLS, SEED = sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])
ONLY = sys.argv[6] if len(sys.argv) > 6 else ""
HERE = Path(__file__).resolve().parent.parent
ROWS = 2000

PAUSE = {
    "postgres": "select pg_sleep(0.03)",
    "sqlite": "create table slow as with recursive c(i) as (select 1 union all select i + 1 from c where i < 40000) select count(*) n from c; drop table slow",
}
BASE = [
    "create table person (id integer primary key, name varchar(50) not null)",
    {
        "postgres": f"insert into person select i, 'Ada ' || i from generate_series(1, {ROWS}) i",
        "sqlite": f"insert into person with recursive c(i) as (select 1 union all select i + 1 from c where i < {ROWS}) select i, 'Ada ' || i from c",
    },
]
# Three revisions of several statements each; the second rebuilds the table that holds the rows.
CHAIN = [
    ["create table pet (id integer primary key, person_id integer)", "PAUSE", "insert into pet select id, id from person", "PAUSE",
     "create index pet_person on pet (person_id)"],
    ["create table person_new (id integer primary key, name varchar(50) not null, email varchar(80))", "PAUSE",
     "insert into person_new select id, name, name || '@example.org' from person", "PAUSE", "drop table person", "PAUSE",
     "alter table person_new rename to person"],
    ["create table shop (id integer primary key)", "PAUSE", "insert into shop select id from person", "PAUSE",
     "update person set name = name || ' of shop'"],
]


def run(command: List[str], **more: object) -> subprocess.CompletedProcess:
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, **more)


class Sqlite:
    name = "sqlite"
    was_closed = False

    def __init__(self, folder: Path) -> None:
        self.file, self.kept, self.target = folder / "app.db", folder / "kept.db", folder / "target.db"

    def settings(self, which: str = "app") -> str:
        return f"{{ type: sqlite, connection: {{ db_path: {self.file if which == 'app' else self.target} }} }}"

    def sqlalchemy(self) -> str:
        return f"sqlite:///{self.file}"

    def dbmate(self) -> str:
        return f"sqlite:{self.file}"

    def sql(self, text: str, which: str = "app") -> subprocess.CompletedProcess:
        return run(["sqlite3", "-bail", str(self.file if which == "app" else self.target), text])

    def reset(self, which: str = "app") -> None:
        file = self.file if which == "app" else self.target
        for ending in ("", "-wal", "-shm", "-journal"):
            Path(f"{file}{ending}").unlink(missing_ok=True)
        shutil.copy(self.kept if which == "app" else self.kept.with_name("kept-target.db"), file)

    def keep(self, which: str = "app") -> None:
        shutil.copy(self.file if which == "app" else self.target, self.kept if which == "app" else self.kept.with_name("kept-target.db"))

    def empty(self, which: str = "app") -> None:
        (self.file if which == "app" else self.target).unlink(missing_ok=True)

    def content(self, which: str = "app") -> str:
        said = self.sql("pragma integrity_check", which)
        if said.stdout != "ok\n":
            return "broken: " + said.stdout + said.stderr
        return lines(self.sql(".dump", which).stdout)

    def quiet(self) -> None:
        pass


class Postgres:
    name = "postgres"
    was_closed = False

    def __init__(self, host: str) -> None:
        self.host = host

    def settings(self, which: str = "app") -> str:
        return f"{{ type: postgres, db_name: peer_{which}, connection: {{ host: {self.host}, user: shed }} }}"

    def sqlalchemy(self) -> str:
        return f"postgresql+psycopg://shed@/peer_app?host={self.host}"

    def dbmate(self) -> str:
        return f"postgres://shed@/peer_app?host={self.host}&sslmode=disable"

    def psql(self, database: str, text: str) -> subprocess.CompletedProcess:
        return run([str(PG_BIN / "psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", self.host, "-U", "shed", "-d", database, "-c", text])

    def sql(self, text: str, which: str = "app") -> subprocess.CompletedProcess:
        return self.psql(f"peer_{which}", text)

    def copy(self, source: str, target: str) -> None:
        self.psql("postgres", f"drop database if exists {target} with (force)")
        self.psql("postgres", f"create database {target} template {source}")

    def reset(self, which: str = "app") -> None:
        self.copy(f"kept_{which}", f"peer_{which}")

    def keep(self, which: str = "app") -> None:
        self.copy(f"peer_{which}", f"kept_{which}")

    def empty(self, which: str = "app") -> None:
        self.copy("template0", f"peer_{which}")

    def content(self, which: str = "app") -> str:
        self.was_closed = self.psql("postgres", f"select 1 from pg_database where datname = 'peer_{which}' and not datallowconn").stdout != ""
        self.open(which, True)
        said = run([str(PG_BIN / "pg_dump"), "-w", "-h", self.host, "-U", "shed", f"peer_{which}"])
        self.open(which, False)
        return lines(said.stdout) if said.returncode == 0 else "broken: " + said.stderr

    def open(self, which: str, opened: bool) -> None:
        """A database that takes no connections is looked into, and left as it was."""
        if self.was_closed:
            self.psql("postgres", f"alter database peer_{which} allow_connections {opened}")

    def quiet(self) -> None:
        """A dead client's sessions take a moment to be noticed."""
        for _ in range(400):
            if not self.psql("postgres", "select 1 from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()").stdout:
                return
            time.sleep(0.02)


def lines(dump: str) -> str:
    """Without what differs between two dumps of one content."""
    kept = [line for line in dump.splitlines() if not line.startswith(("--", "\\restrict", "\\unrestrict")) and "schema_migrations" not in line]
    return "\n".join(sorted(kept))


def statements(engine: str, step: List[object]) -> List[str]:
    texts = [text if isinstance(text, str) else text[engine] for text in step]
    return [part for text in texts for part in (PAUSE[engine] if text == "PAUSE" else text).split("; ")]


class Alembic:
    """As `alembic init` makes it."""

    name = "bare Alembic"

    def __init__(self, folder: Path, engine: object) -> None:
        self.folder, self.engine = folder / f"alembic-{engine.name}", engine
        python = str(Path(sys.executable).with_name("alembic"))
        run([python, "init", "alembic"], cwd=self.ready()) if not (self.folder / "alembic").exists() else None
        ini = (self.folder / "alembic.ini").read_text()
        at = next(line for line in ini.splitlines() if line.startswith("sqlalchemy.url"))
        (self.folder / "alembic.ini").write_text(ini.replace(at, f"sqlalchemy.url = {engine.sqlalchemy()}"))
        self.versions = self.folder / "alembic/versions"
        write_revisions(self.versions, engine.name)
        self.program = python

    def ready(self) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder

    def migrate(self, count: Optional[int] = None) -> Tuple[List[str], Dict[str, str], Path]:
        return [self.program, "upgrade", "head" if count is None else f"r{count}"], {}, self.folder


class Shed:
    name = "shed"

    def __init__(self, folder: Path, engine: object) -> None:
        self.folder, self.engine = folder / f"shed-{engine.name}", engine
        write_revisions(self.folder / "versions", engine.name)
        (self.folder / "shed.yaml").write_text(
            f"projects:\n  p:\n    versions: versions\n    db:\n      a: {engine.settings()}\n      b: {engine.settings('target')}\n"
        )
        self.variables = {"SHED_STATE_DIR": str(self.folder / "state"), "VIRTUAL_ENV": str(Path(sys.executable).parent.parent)}

    def migrate(self, count: Optional[int] = None) -> Tuple[List[str], Dict[str, str], Path]:
        return [SHED, "migrate", "p.a", "head" if count is None else f"r{count}"], self.variables, self.folder

    def copy(self) -> Tuple[List[str], Dict[str, str], Path]:
        return [SHED, "clone", "p.a", "p.b", "--yes"], self.variables, self.folder


class Dbmate:
    name = "dbmate"

    def __init__(self, folder: Path, engine: object) -> None:
        self.folder, self.engine = folder / f"dbmate-{engine.name}", engine
        for count in range(len(CHAIN) + 1):
            # A folder for every number of migrations: dbmate applies all that it sees.
            some = self.folder / f"upto{count}"
            some.mkdir(parents=True)
            for at, step in enumerate([BASE, *CHAIN][: count + 1]):
                text = ";\n".join(statements(engine.name, step))
                (some / f"2026010100000{at}_r{at}.sql").write_text(f"-- migrate:up\n{text};\n\n-- migrate:down\n")

    def migrate(self, count: Optional[int] = None) -> Tuple[List[str], Dict[str, str], Path]:
        some = str(self.folder / f"upto{len(CHAIN) if count is None else count}")
        return [DBMATE, "--url", self.engine.dbmate(), "--migrations-dir", some, "--no-dump-schema", "up"], {}, self.folder


class Naive:
    """What people write into a script."""

    def __init__(self, engine: object) -> None:
        self.engine, self.name = engine, "pg_dump \\| psql" if engine.name == "postgres" else "cp"

    def copy(self) -> Tuple[List[str], Dict[str, str], Path]:
        if self.engine.name == "sqlite":
            return ["cp", str(self.engine.file), str(self.engine.target)], {}, Path("/")
        at = f"-h {self.engine.host} -U shed"
        script = (
            f"{PG_BIN}/dropdb {at} --if-exists --force peer_target && {PG_BIN}/createdb {at} peer_target && "
            f"{PG_BIN}/pg_dump {at} peer_app | {PG_BIN}/psql -X -q -v ON_ERROR_STOP=1 {at} peer_target"
        )
        return ["bash", "-o", "pipefail", "-c", script], {}, Path("/")


def write_revisions(folder: Path, engine: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for at, step in enumerate([BASE, *CHAIN]):
        calls = "".join(f"    op.execute({text!r})\n" for text in statements(engine, step))
        after = f"'r{at - 1}'" if at else None
        (folder / f"r{at}_.py").write_text(f"from alembic import op\n\nrevision = 'r{at}'\ndown_revision = {after}\n\n\ndef upgrade():\n{calls}\n\ndef downgrade():\n    pass\n")


def start(call: Tuple[List[str], Dict[str, str], Path]) -> subprocess.Popen:
    command, variables, folder = call
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SHED_", "PG"))}
    return subprocess.Popen(command, cwd=folder, env={**environment, **variables}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, start_new_session=True)


def finish(call: Tuple[List[str], Dict[str, str], Path]) -> Tuple[bool, float, str]:
    begun = time.monotonic()
    process = start(call)
    said = process.communicate()[0]
    return process.returncode == 0, time.monotonic() - begun, said


def kill(call: Tuple[List[str], Dict[str, str], Path], after: float) -> None:
    """The whole group at once: as a container that goes, or a machine that has no memory left."""
    process = start(call)
    time.sleep(after)
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.communicate()


def rows(content: str) -> int:
    return content.count("Ada ")


def trial(call: Callable[[], Tuple], engine: object, which: str, prepare: Callable[[], None], good: List[str], goal: str, chance: random.Random) -> Dict[str, int]:
    """KILLS times: prepare, kill, look; run again, look."""
    prepare()
    well, usual, said = finish(call())
    assert well, said
    assert engine.content(which) == goal, "an undisturbed run does not lead to the goal"
    found = dict.fromkeys(["half", "lost", "closed", "stuck", "wrong"], 0)
    for _ in range(KILLS):
        prepare()
        kill(call(), usual * chance.uniform(0.15, 1.05))
        engine.quiet()
        after = engine.content(which)
        found["half"] += after not in good
        found["closed"] += engine.was_closed
        found["lost"] += rows(after) < min(map(rows, good))
        well, _, said = finish(call())
        found["stuck"] += not well
        found["wrong"] += engine.content(which) != goal
    return found


def migrations(folder: Path, engine: object, chance: random.Random) -> List[str]:
    table = []
    for kind in (Alembic, Dbmate, Shed):
        tool = kind(folder, engine)
        engine.empty()
        states = []
        for count in range(len(CHAIN) + 1):
            well, _, said = finish(tool.migrate(count))
            assert well, said
            states.append(engine.content())
            if count == 0:
                engine.keep()
        good = states if kind is not Shed else [states[0], states[-1]]
        found = trial(tool.migrate, engine, "app", engine.reset, good, states[-1], chance)
        table.append(row("migrate", engine, tool.name, found))
    return table


def copies(folder: Path, engine: object, chance: random.Random) -> List[str]:
    """Of a database of some 10 MB, over one that holds something else."""
    engine.empty()
    engine.sql("; ".join(statements(engine.name, BASE)))
    engine.sql("create table bulk as " + (
        "select i, md5(i::text) || md5((-i)::text) as text from generate_series(1, 100000) i" if engine.name == "postgres"
        else "with recursive c(i) as (select 1 union all select i + 1 from c where i < 100000) select i, hex(randomblob(40)) as text from c"))
    engine.empty("target")
    engine.sql("create table old_one (name varchar(20)); insert into old_one values ('Ada 1')", "target")
    engine.keep("target")
    table, good = [], [engine.content("target"), engine.content()]
    for tool in (Naive(engine), Shed(folder / "copies", engine)):
        found = trial(tool.copy, engine, "target", lambda: engine.reset("target"), good, good[1], chance)
        table.append(row("copy", engine, tool.name, found))
    return table


def row(deed: str, engine: object, tool: str, found: Dict[str, int]) -> str:
    line = f"| {deed} | {engine.name} | {tool} | {found['half']} | {found['lost']} | {found['closed']} | {found['stuck']} | {found['wrong']} |"
    print(line, file=sys.stderr, flush=True)
    return line


def main() -> None:
    table = []
    with tempfile.TemporaryDirectory() as folder:
        watcher = subprocess.Popen([HERE / "tests/cluster.sh", PG_BIN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        host = watcher.stdout.readline().strip()
        try:
            for engine in (Sqlite(Path(folder)), Postgres(host)):
                for deed in (migrations, copies):
                    if ONLY not in ("", engine.name, deed.__name__):
                        continue
                    table += deed(Path(folder), engine, random.Random(f"{SEED} {engine.name} {deed.__name__}"))
        finally:
            watcher.stdin.close()
            watcher.wait()
    print(f"{KILLS} kills each, seed {SEED}\n")
    print("| what | engine | tool | half after the kill | rows lost after the kill | closed until the next run | next run fails | wrong after the next run |")
    print("|---|---|---|---|---|---|---|---|")
    print("\n".join(table))


main()
