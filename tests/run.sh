#!/usr/bin/env bash
# Runs all tests of shed. Installs what is missing and says so; arguments go to `cargo test`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tests/prepare.sh
unset PYTHONDONTWRITEBYTECODE

need_rust
need_python
for name in new old projects hooks wheel dbmate; do environment ".venv-tests/$name" "tests/requirements/$name.txt"; done
need_sqlite
need_postgres || die "no PostgreSQL server programs: install the package postgresql (no running server is needed), or name their folder in SHED_TEST_PG_BIN"
need_pgbouncer || die "no pgbouncer: install it and run this again"
command -v make >/dev/null || install_packages make || die "no make: install it and run this again"

export SHED_TEST_PG_BIN="$PG_BIN" SHED_TEST_ENVIRONMENTS="$PWD/.venv-tests"
exec cargo test "$@"
