#!/usr/bin/env bash
# Measures what the README says about speed, as ratios of runs made side by side. Usage: benches/run.sh [ROUNDS]
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$top"
tests/prepare.sh >&2
cargo build --release --quiet
target=$(cargo metadata --no-deps --format-version 1 | python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')
exec .venv-tests/new/bin/python benches/measure.py "$target/release/shed" "${1:-10}"
