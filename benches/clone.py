"""Times shed clone of a PostgreSQL database beside pg_dump | psql, run by run, and prints medians of the pairs."""

from __future__ import annotations

import os
import pwd
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TABLES = 8
FILL = """
create table t{i} (id bigint generated always as identity primary key, customer int not null, created timestamptz not null,
                   amount numeric(12,2), note text, payload text);
insert into t{i} (customer, created, amount, note, payload)
select (random() * 50000)::int, now() - random() * interval '900 days', (random() * 10000)::numeric(12,2), md5(g::text),
       repeat(md5(random()::text), 3) from generate_series(1, {rows}) g;
create index on t{i} (customer); create index on t{i} (created); create index on t{i} (note);
"""

ONE_TABLE = """
create table accounts (aid int not null primary key, bid int, balance int, filler char(84));
insert into accounts select g, g % 70, 0, '' from generate_series(1, {rows}) g;
"""


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the server is stopped
    shed, programs, rounds, megabytes = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    with tempfile.TemporaryDirectory(prefix="shed-clone-") as folder:
        cluster = Cluster(Path(folder), programs)
        try:
            cluster.fill(megabytes)
            measure(cluster, shed, rounds, [], f"shed clone / pg_dump | psql, {TABLES} tables of four indexes")
            measure(cluster, shed, rounds, ["--template"], "shed clone --template / pg_dump | psql")
            cluster.fill_one(megabytes)
            measure(cluster, shed, rounds, [], "shed clone / pg_dump | psql, one narrow table with its key alone")
        finally:
            cluster.stop()


class Cluster:
    """A private server with PostgreSQL's own defaults, run as postgres where we are root."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder, self.programs = folder, programs
        self.user = {"user": "postgres", "group": "postgres"} if os.getuid() == 0 else {}
        if self.user:
            owner = pwd.getpwnam("postgres")
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        folder.chmod(0o755)
        self.environment = {"PATH": f"{programs}:{os.environ['PATH']}", "HOME": str(folder), "PGHOST": str(folder),
                            "PGUSER": "shed", "SHED_STATE_DIR": "/tmp/" + folder.name + "-state", "LC_ALL": "C.UTF-8"}
        self.server("initdb", "-D", "data", "-U", "shed", "--auth=trust", "-E", "UTF8", "--locale=C")
        with open(folder / "data/postgresql.conf", "a", encoding="utf-8") as conf:
            conf.write(f"listen_addresses = ''\nunix_socket_directories = '{folder}'\n")
        self.server("pg_ctl", "start", "-w", "-D", "data", "-l", "data/log")

    def server(self, program: str, *arguments: str) -> None:
        subprocess.run([self.programs / program, *arguments], cwd=self.folder, check=True, stdout=subprocess.DEVNULL, **self.user)

    def stop(self) -> None:
        self.server("pg_ctl", "stop", "-m", "immediate", "-D", "data")
        subprocess.run(["rm", "-rf", self.environment["SHED_STATE_DIR"]], check=True)

    def run(self, command: str) -> float:
        started = time.perf_counter()
        subprocess.run(["sh", "-euc", command], cwd=self.folder, env=self.environment, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - started

    def sql(self, database: str, *statements: str) -> None:
        arguments = [argument for statement in statements for argument in ("-c", statement)]
        command = [self.programs / "psql", "-qX", "-d", database, *arguments]
        subprocess.run(command, env=self.environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def fill(self, megabytes: int) -> None:
        self.sql("postgres", "create database source", "create database one", "create database two")
        for i in range(TABLES):
            self.sql("source", FILL.format(i=i, rows=megabytes * 3300 // TABLES))
        self.sql("source", "vacuum analyze")
        self.settings()

    def fill_one(self, megabytes: int) -> None:
        self.sql("postgres", "drop database source", "create database source")
        self.sql("source", ONE_TABLE.format(rows=megabytes * 7000), "vacuum analyze")

    def settings(self) -> None:
        settings = self.folder / "shed.yaml"
        entry = "{{ type: postgres, db_name: {0}, connection: {{ host: {1}, user: shed }} }}"
        settings.write_text("projects:\n  p:\n    versions: versions\n    db:\n" + "".join(
            f"      {name}: {entry.format(name, self.folder)}\n" for name in ("source", "two")))


def measure(cluster: Cluster, shed: str, rounds: int, flags: list[str], name: str) -> None:
    ratios = []
    for _ in range(rounds):
        cluster.sql("postgres", "drop database one", "create database one template template0", "checkpoint")
        bare = cluster.run("pg_dump source | psql -qX one")
        cluster.sql("postgres", "drop database two", "create database two template template0", "checkpoint")
        ours = cluster.run(" ".join([shed, "--settings shed.yaml clone p.source p.two --yes --quiet", *flags]))
        ratios.append(ours / bare)
        print(f"  {ours:.1f} s / {bare:.1f} s", file=sys.stderr)
    print(f"{name}: {statistics.median(ratios):.2f} (least {min(ratios):.2f}, most {max(ratios):.2f}; {rounds} pairs)")


if __name__ == "__main__":
    main()
