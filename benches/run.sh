#!/usr/bin/env bash
# Measures what the README says about speed, as ratios of runs made side by side. Usage: benches/run.sh [ROUNDS]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tests/prepare.sh
unset PYTHONDONTWRITEBYTECODE

need_rust
need_python
environment .venv-tests/new tests/requirements/new.txt
need_postgres && export SHED_TEST_PG_BIN="$PG_BIN"
cargo build --release --quiet
exec .venv-tests/new/bin/python benches/measure.py "${CARGO_TARGET_DIR:-$PWD/target}/release/shed" "${1:-10}"
