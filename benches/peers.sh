#!/usr/bin/env bash
# Kills migrations and copies at random moments, shed's beside bare Alembic's, dbmate's, pg_dump | psql and cp, and asks the databases
# what they hold. Usage: benches/peers.sh [KILLS] [SEED] [migrations|copies]; SHED names another shed, DBMATE another dbmate.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tests/prepare.sh
unset PYTHONDONTWRITEBYTECODE

need_python
environments=${SHED_TEST_ENVIRONMENTS:-$PWD/.venv-tests}
[ -x "$environments/new/bin/python" ] || environment "$environments/new" tests/requirements/new.txt
need_sqlite
need_postgres || die "no PostgreSQL server programs: install the package postgresql"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
if [ -z "${SHED:-}" ]; then
    need_rust
    cargo build --release --quiet
    SHED=$(readlink -f "${CARGO_TARGET_DIR:-$PWD/target}/release/shed")
fi
if [ -z "${DBMATE:-}" ]; then
    command -v npm >/dev/null || install_packages npm || die "no npm: it brings dbmate; or name a dbmate in DBMATE"
    npm install --silent --no-audit --no-fund --prefix "$folder/npm" dbmate >&2
    DBMATE=$(find "$folder/npm/node_modules/@dbmate" -type f -path '*bin/dbmate' | head -n 1)
fi
"$environments/new/bin/python" benches/peers.py "$SHED" "$DBMATE" "$PG_BIN" "${1:-50}" "${2:-1}" "${3:-}"
