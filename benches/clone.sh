#!/usr/bin/env bash
# Measures shed clone of a PostgreSQL database beside pg_dump | psql, as ratios of runs made side by side. Usage: benches/clone.sh [ROUNDS] [MEGABYTES]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tests/prepare.sh

need_rust
need_postgres
cargo build --release --quiet
exec python3 benches/clone.py "$(readlink -f "${CARGO_TARGET_DIR:-$PWD/target}/release/shed")" "$PG_BIN" "${1:-5}" "${2:-1000}"
