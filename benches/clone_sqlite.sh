#!/usr/bin/env bash
# Measures `shed clone` of a SQLite file beside sqlite3's .backup. Usage: benches/clone_sqlite.sh [MEGABYTES] [ROUNDS] [wal] [delete]; BENCH_DIR=FOLDER for the files.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tests/prepare.sh

need_rust
cargo build --release --quiet
exec python3 benches/clone_sqlite.py "${CARGO_TARGET_DIR:-$PWD/target}/release/shed" "${1:-1024}" "${2:-5}" "${@:3}"
