"""Times shed beside bare Alembic, run by run, and prints medians of the pairs."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Callable, Iterator

from growth import growth
from unchanged import unchanged

MODELS = """
from sqlalchemy import String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase):
    pass

class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50))
"""
PROJECT = """
  project_{i}:
    module: services/project_{i}/models.py
    metadata: Base.metadata
    db:
      staging: {{ type: sqlite, default: true, connection: {{ db_path: data/project_{i}.db }} }}
      prod:
        type: postgres
        db_name: project_{i}
        connection: {{ host: db.internal, port: 5432, user: dev, password: "${{PASSWORD_{i}:-none}}" }}"""


def main() -> None:
    shed, rounds = sys.argv[1], int(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        environment = quiet_environment(root)
        own_share(shed, rounds * 4, root / "many", environment)
        beside_alembic(shed, rounds, root / "one", environment)
        revisions(shed, rounds, root / "chain", environment)
        migrating(shed, rounds, root, environment)
        starting(shed, rounds, root / "start", environment)
        fleet(shed, max(2, rounds // 3), root / "fleet", environment)
        unchanged(shed, rounds, root / "fifty", environment)
        growth(shed, root / "growth", environment)
        status_of_many(shed, rounds, root / "status", environment)


def quiet_environment(root: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    return {**kept, "HOME": str(root), "SHED_STATE_DIR": str(root / "state")}


def own_share(shed: str, rounds: int, root: Path, environment: dict[str, str]) -> None:
    """What shed itself takes: a run whose interpreter is `true`, which is no success, less `true` alone."""
    services = [root / f"services/project_{i}" for i in range(200)]
    for service in services:
        service.mkdir(parents=True)
        (service / "models.py").write_text(MODELS)
    text = "projects:" + "".join(PROJECT.format(i=i) for i in range(200))
    text = text.replace("    metadata: Base.metadata\n", "    metadata: Base.metadata\n    python: /bin/true\n", 1)
    (root / "shed.yaml").write_text(text)
    alone = timer(["/bin/true"], root, environment)
    nothing_kept = {**environment, "SHED_CACHE_DIR": "/dev/null"}
    for name, variables in [("own share", environment), ("own share, the file read anew", nothing_kept)]:
        pairs = interleaved(timer([shed, "list-templates", "project_0"], root, variables, code=5), alone, rounds)
        share = [first - second for first, second in pairs]
        print(f"{name}, settings of 200 projects ({len(text.splitlines())} lines): {median_ms(share)} (least {1000 * min(share):.1f} ms)")


def beside_alembic(shed: str, rounds: int, root: Path, environment: dict[str, str]) -> None:
    """`current` on SQLite: the same project through shed and through Alembic's own files."""
    root.mkdir(parents=True)
    alembic = project(shed, root, f"sqlite:///{root}/p.db", f"{{ type: sqlite, connection: {{ db_path: {root}/p.db }} }}", environment)
    run([shed, "migrate", "p"], root, environment)
    ratio("current, SQLite, shed / bare Alembic", timer([shed, "current", "p"], root, environment),
          timer([*alembic, "current"], root, environment), rounds)


def revisions(shed: str, rounds: int, root: Path, environment: dict[str, str]) -> None:
    """`heads` and `history` of 500 revisions, from the files and by Alembic."""
    root.mkdir(parents=True)
    alembic = project(shed, root, f"sqlite:///{root}/p.db", f"{{ type: sqlite, connection: {{ db_path: {root}/p.db }} }}", environment)
    first = next((root / "versions").glob("a1_*.py")).read_text()
    for number in range(2, 501):
        text = first.replace("'a1'", f"'a{number}'").replace("down_revision: Union[str, Sequence[str], None] = None", f"down_revision = 'a{number - 1}'")
        text = text.replace("down_revision = None", f"down_revision = 'a{number - 1}'")
        for folder in ("versions", "bare/versions"):
            (root / folder / f"a{number}_more.py").write_text(text)
    for command in ("heads", "history"):
        said = [subprocess.run([*program, command], cwd=root, env=environment, check=True, capture_output=True).stdout for program in ([shed], alembic)]
        assert said[0] == said[1] and b"a500" in said[0], f"{command}: shed and Alembic differ"
        ratio(f"{command} of 500 revisions, shed / bare Alembic", timer([shed, command], root, environment),
              timer([*alembic, command], root, environment), rounds)


def project(
    shed: str, root: Path, url: str, entry: str, environment: dict[str, str], models: str = MODELS, revisions: int = 1
) -> list[str]:
    """One project with its revisions, for shed and for Alembic's own files; gives Alembic's command line."""
    (root / "models.py").write_text(models)
    (root / "shed.yaml").write_text(
        f"projects:\n  p:\n    module: models.py\n    python: {sys.executable}\n    db:\n      main: {entry}\n"
    )
    alembic = [sys.executable, "-m", "alembic"]
    run([*alembic, "init", "bare"], root, environment)
    ini = (root / "alembic.ini").read_text().replace("driver://user:pass@localhost/dbname", url)
    (root / "alembic.ini").write_text(ini)
    env = (root / "bare/env.py").read_text()
    models = "from models import Base\ntarget_metadata = Base.metadata"
    (root / "bare/env.py").write_text(env.replace("target_metadata = None", models))
    run([shed, "revision", "p", "--autogenerate", "-m", "first", "--rev-id", "a1"], root, environment)
    for number in range(2, revisions + 1):
        text = f'"""r{number}"""\nrevision = "a{number}"\ndown_revision = "a{number - 1}"\ndef upgrade():\n    pass\n'
        (root / f"versions/a{number}_.py").write_text(text + "def downgrade():\n    pass\n")
    for file in (root / "versions").glob("*.py"):
        (root / "bare/versions" / file.name).write_text(file.read_text())
    return alembic


def migrating(shed: str, rounds: int, root: Path, environment: dict[str, str]) -> None:
    """Nothing pending: the lock, the journal's place, the verification, against `alembic upgrade head`."""
    databases = {"SQLite": (f"sqlite:///{root}/s.db", f"{{ type: sqlite, connection: {{ db_path: {root}/s.db }} }}")}
    with cluster(root) as host:
        if host:
            entry = f"{{ type: postgres, db_name: bench, connection: {{ host: {host}, user: bench }} }}"
            databases["PostgreSQL"] = (f"postgresql+psycopg://bench@/bench?host={host}", entry)
        for name, (url, entry) in databases.items():
            folder = root / name
            folder.mkdir()
            bare = project(shed, folder, url, entry, environment)
            run([shed, "migrate", "p"], folder, environment)
            pairs = interleaved(
                timer([shed, "migrate", "p"], folder, environment), timer([*bare, "upgrade", "head"], folder, environment), rounds
            )
            more = [first - second for first, second in pairs]
            print(f"migrate, nothing pending, {name}, over bare Alembic: {median_ms(more)} (least {1000 * min(more):.1f} ms)")


def starting(shed: str, rounds: int, root: Path, environment: dict[str, str]) -> None:
    """One `check`, and `migrate` with `check` after it, against the same of bare Alembic."""
    with cluster(root.parent) as host:
        cases = {
            "SQLite, 10 tables": ("sqlite", plain_models, 10, 1),
            "SQLite, 200 tables, 500 revisions": ("sqlite", plain_models, 200, 500),
            **({"PostgreSQL, SQLModel, 10 tables": ("postgres", sqlmodel_models, 10, 1)} if host else {}),
        }
        for name, (kind, style, tables, revisions) in cases.items():
            folder = root / f"{kind}-{tables}-{revisions}"
            folder.mkdir(parents=True)
            url, entry = f"sqlite:///{folder}/s.db", f"{{ type: sqlite, connection: {{ db_path: {folder}/s.db }} }}"
            if kind == "postgres":
                entry = f"{{ type: postgres, db_name: bench, connection: {{ host: {host}, user: bench }} }}"
                url = f"postgresql+psycopg://bench@/bench?host={host}"
            bare = project(shed, folder, url, entry, environment, style(tables), revisions)
            run([shed, "migrate", "p"], folder, environment)
            check = timer([*bare, "check"], folder, environment)
            upgrade = timer([*bare, "upgrade", "head"], folder, environment)
            ratio(f"check, {name}, shed / bare Alembic", timer([shed, "check", "p"], folder, environment), check, rounds)
            both = [timer([shed, *words, "p"], folder, environment) for words in (["migrate"], ["check"])]
            ratio(f"migrate, then check, {name}, shed / bare Alembic",
                  lambda: sum(one() for one in both), lambda: upgrade() + check(), rounds)
            ratio(f"migrate --check, {name}, shed / bare upgrade and check", timer([shed, "migrate", "p", "--check"], folder, environment),
                  lambda: upgrade() + check(), rounds)


def plain_models(count: int) -> str:
    tables = [f"class T{i}(Base):\n    __tablename__ = 't{i}'\n    id: Mapped[int] = mapped_column(primary_key=True)\n"
              f"    name: Mapped[str] = mapped_column(String(50))\n" for i in range(1, count)]
    return MODELS + "\n\n".join(["", *tables])


def sqlmodel_models(count: int) -> str:
    head = "from sqlmodel import Field, SQLModel\n\nclass Base(SQLModel):\n    pass\n"
    tables = [f"class T{i}(Base, table=True):\n    __tablename__ = 't{i}'\n    id: int = Field(primary_key=True)\n    name: str\n"
              for i in range(count)]
    return "\n\n".join([head, *tables])


FLEET = 50
COMMANDS = (("check", ["check"], ["check"]), ("current", ["current"], ["current"]), ("heads", ["heads"], ["heads"]),
            ("migrate, nothing pending", ["migrate", "--jobs", "2"], ["upgrade", "head"]))


def fleet(shed: str, rounds: int, root: Path, environment: dict[str, str]) -> None:
    """Fifty projects on SQLite: one call of shed against a loop of bare Alembic, and against `xargs -P2`."""
    entries, bare = [], []
    for i in range(FLEET):
        folder = root / f"p{i}"
        folder.mkdir(parents=True)
        entry = f"{{ type: sqlite, connection: {{ db_path: {folder}/s.db }} }}"
        bare = project(shed, folder, f"sqlite:///{folder}/s.db", entry, environment)
        entries.append(f"  p{i}:\n    module: p{i}/models.py\n    python: {sys.executable}\n    db:\n      main: {entry}\n")
    (root / "shed.yaml").write_text("projects:\n" + "".join(entries))
    run([shed, "migrate", "--all"], root, environment)
    for name, ours, theirs in COMMANDS:
        line = " ".join([*bare, *theirs])
        all_at_once = timer([shed, *ours, "--all"], root, environment)
        loop = timer(["sh", "-c", f"for p in p*/; do (cd $p && {line}); done"], root, environment)
        xargs = timer(["sh", "-c", f"ls -d p*/ | xargs -P2 -I@ sh -c 'cd @ && {line}'"], root, environment)
        ratio(f"{name}, {FLEET} projects, shed / loop of bare Alembic", all_at_once, loop, rounds)
        ratio(f"{name}, {FLEET} projects, shed / xargs -P2 of bare Alembic", all_at_once, xargs, rounds)


def status_of_many(shed: str, rounds: int, root: Path, environment: dict[str, str]) -> None:
    """50 projects of ten revisions, each with a SQLite file and a PostgreSQL database that are two revisions behind."""
    root.mkdir(parents=True)
    table = "create table alembic_version (version_num varchar(32)); insert into alembic_version values ('r7')"
    with cluster(root) as host:
        lines = ["projects:"]
        for i in range(50):
            versions = root / f"p{i}/versions"
            versions.mkdir(parents=True)
            for number in range(10):
                before = f"'r{number - 1}'" if number else "None"
                text = f'"""Step {number}"""\nrevision = "r{number}"\ndown_revision = {before}\n\ndef upgrade():\n    pass\n'
                (versions / f"r{number}.py").write_text(text)
            with contextlib.closing(sqlite3.connect(root / f"p{i}.db")) as file:
                file.executescript(table + ";")
            lines += [f"  p{i}:", f"    versions: p{i}/versions", "    db:", f"      file: {{ connection: {{ db_path: p{i}.db }} }}"]
            if host:
                lines.append(f"      live: {{ type: postgres, db_name: s{i}, connection: {{ host: {host}, user: bench }} }}")
        if host:
            psql = [f"{os.environ['SHED_TEST_PG_BIN']}/psql", "-X", "-q", "-h", host, "-U", "bench", "-d", "postgres"]
            subprocess.run(psql, input="".join(f"create database s{i};\n" for i in range(50)), text=True, check=True)
            subprocess.run(psql, input="".join(f"\\c s{i}\n{table};\n" for i in range(50)), text=True, check=True)
        (root / "shed.yaml").write_text("\n".join(lines) + "\n")
        for name, words in [("100 databases", ["--all"]), ("50 SQLite", ["*.file"]), ("50 PostgreSQL", ["*.live"])]:
            if host or "Post" not in name:
                once = timer([shed, "status", *words], root, environment)
                once()
                seconds = [once() for _ in range(rounds)]
                print(f"status of {name}: {median_ms(seconds)} (least {1000 * min(seconds):.1f} ms)")


@contextlib.contextmanager
def cluster(root: Path) -> Iterator[str | None]:
    """A private server, by the script of the tests; none where its programs are missing."""
    bin_folder = os.environ.get("SHED_TEST_PG_BIN")
    if not bin_folder:
        print("no PostgreSQL server programs: not measured on PostgreSQL")
        yield None
        return
    script = Path(__file__).parent.parent / "tests/cluster.sh"
    server = subprocess.Popen([script, bin_folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    host = server.stdout.readline().strip()
    psql = [f"{bin_folder}/psql", "-X", "-q", "-h", host, "-U", "shed", "-d", "postgres", "-c"]
    for statement in ("create role bench login superuser", "create database bench owner bench"):
        subprocess.run([*psql, statement], check=True)
    try:
        yield host
    finally:
        server.stdin.close()
        server.wait()


def ratio(name: str, first: Callable[[], float], second: Callable[[], float], rounds: int) -> None:
    pairs = interleaved(first, second, rounds)
    ratios = [one / other for one, other in pairs]
    digits = 2 if statistics.median(ratios) > 0.1 else 4
    print(f"{name}: {statistics.median(ratios):.{digits}f} (least {min(ratios):.{digits}f}, most {max(ratios):.{digits}f}; {rounds} pairs)")


def interleaved(first: Callable[[], float], second: Callable[[], float], rounds: int) -> list[tuple[float, float]]:
    first(), second()  # files into the cache, bytecode written
    pairs = []
    for number in range(rounds):
        if number % 2:
            other = second()
            pairs.append((first(), other))
        else:
            pairs.append((first(), second()))
    return pairs


def timer(command: list[str], folder: Path, environment: dict[str, str], code: int = 0) -> Callable[[], float]:
    def once() -> float:
        started = time.perf_counter()
        run(command, folder, environment, code)
        return time.perf_counter() - started

    return once


def run(command: list[str], folder: Path, environment: dict[str, str], code: int = 0) -> None:
    ended = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if ended.returncode != code:
        sys.exit(f"{' '.join(command)} ended with code {ended.returncode}, not {code}")


def median_ms(seconds: list[float]) -> str:
    return f"{1000 * statistics.median(seconds):.1f} ms"


if __name__ == "__main__":
    main()
