#!/usr/bin/env bash
# Shows shed on a copy of this example in a temporary folder: three projects on SQLite and, where a server can be started, PostgreSQL.
# Builds shed first, unless SHED names the program.
set -euo pipefail
example=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repository=$(cd "$example/../.." && pwd)
. "$repository/tests/prepare.sh"

build() {
    [ -z "${SHED:-}" ] || return 0
    need_rust
    say "building shed"
    (cd "$repository" && cargo build --release --quiet)
    SHED="${CARGO_TARGET_DIR:-$repository/target}/release/shed"
}

copy() {
    work=$(mktemp -d "${TMPDIR:-/tmp}/shed-example-XXXXXX")
    say "the copy of the example is in $work"
    tar -C "$example" --exclude=./.venv --exclude=./.shed --exclude=./data --exclude=__pycache__ --exclude=./run.sh -cf - . | tar -C "$work" -xf -
    ln -s "$repository/.venv-example" "$work/.venv"
    cd "$work"
    find . -type f | sort >"$aside/before"
}

# A private cluster for as long as descriptor 9 is open: see tests/cluster.sh.
start_postgres() {
    need_postgres || { say "no PostgreSQL server can be started here: going on with SQLite alone"; return 0; }
    mkfifo "$aside/hold"
    "$repository/tests/cluster.sh" "$PG_BIN" <"$aside/hold" >"$aside/host" &
    cluster=$!
    exec 9>"$aside/hold"
    while [ ! -s "$aside/host" ]; do
        kill -0 "$cluster" 2>/dev/null || { say "the PostgreSQL server did not start: going on with SQLite alone"; return 0; }
        sleep 0.1
    done
    PGHOST=$(cat "$aside/host")
    export PGHOST PGUSER=shed
    for database in catalog ledger; do "$PG_BIN/createdb" "$database"; done
    say "a private PostgreSQL server listens in $PGHOST"
}

tidy() {
    exec 9>&-
    [ -z "${cluster:-}" ] || wait "$cluster" || true
    rm -rf "$aside"
}

title() { printf '\n### %s\n' "$*"; }

# shows CODE ARGUMENTS…: the command as a person would type it, what it says, and that it ends with this code.
shows() {
    local expected=$1 code=0 word
    shift
    printf '\n$ shed'
    for word in "$@"; do case $word in *' '*) printf ' "%s"' "$word" ;; *) printf ' %s' "$word" ;; esac done
    printf '\n'
    "$SHED" "$@" 2>&1 </dev/null || code=$?
    [ "$code" = 0 ] || printf '(exit code %s)\n' "$code"
    [ "$code" = "$expected" ] || die "shed $* ended with $code, not $expected; look into $work"
}

settings_from_nothing() {
    title "Settings from nothing: init"
    mv shed.yaml "$aside/shed.yaml"
    shows 0 init billing --module services/billing/models.py --db local --type sqlite
    shows 0 init catalog --module services/catalog/models.py --db staging --type postgres
    shows 0 init ledger --module services/ledger/ledger --db local --type sqlite
    shows 0 settings show
    mv "$aside/shed.yaml" shed.yaml
    say "from here on with the example's own shed.yaml"
    shows 0 targets
}

# tour DATABASE FILE LINE: a project from its first revision through a change of its models, the line put at the end of the file.
tour() {
    local target=$1 file=$2 line=$3
    title "$target"
    shows 0 revision "$target" --autogenerate -m "first tables"
    shows 0 migrate "$target"
    shows 0 current "$target"
    shows 0 check "$target"
    printf '\n(a new line in %s: %s)\n' "$file" "$line"
    printf '    %s\n' "$line" >>"$file"
    shows 1 check "$target"
    shows 0 revision "$target" --autogenerate -m "one more column"
    shows 0 migrate "$target" --dry-run
    shows 0 migrate "$target"
    shows 0 history "$target"
    shows 0 check "$target"
    shows 0 downgrade "$target" -1 --yes
    shows 0 current "$target"
}

# The revisions that another database of the project led to.
follow() {
    title "$1: the same revisions on another engine"
    shows 0 migrate "$1" --dry-run
    shows 0 migrate "$1"
    shows 0 current "$1"
    shows 0 check "$1"
    shows 0 downgrade "$1" base --yes
}

tell_files() {
    title "Files made in $work"
    find . -type f | sort | comm -13 "$aside/before" - | while read -r file; do
        case $file in
            */__pycache__/*) continue ;; # git ignores it
            ./.shed/*) printf '%-16s %s\n' "shed's own" "$file" ;;
            */versions/*.py) printf '%-16s %s\n' "revision" "$file" ;;
            ./data/*.db) printf '%-16s %s\n' "SQLite file" "$file" ;;
            *) die "$file is none of shed's business; look into $work" ;;
        esac
    done
}

# What the caller's shell has set must not change what is shown.
unset PYTHONDONTWRITEBYTECODE VIRTUAL_ENV CONDA_PREFIX SHED_SETTINGS SHED_DATABASE_URL
unset PGHOST PGPORT PGUSER PGPASSWORD PGDATABASE PGSERVICE PGSSLMODE
aside=$(mktemp -d)
trap tidy EXIT
trap 'exit 130' INT TERM

build
need_python
environment "$repository/.venv-example" "$example/requirements.txt"
copy
export SHED_STATE_DIR="$work/.shed/state"
start_postgres
catalog=local
[ -z "${PGHOST:-}" ] || catalog=staging

settings_from_nothing
tour billing.local services/billing/models.py 'discount: Decimal | None = Field(default=None, max_digits=12, decimal_places=2)'
tour "catalog.$catalog" services/catalog/models.py 'valid_until: Mapped[datetime | None]'
tour ledger.local services/ledger/ledger/entries.py 'text: Mapped[str | None]'
if [ -n "${PGHOST:-}" ]; then
    follow catalog.local
    follow ledger.staging
fi
tell_files
say "all done; the copy stays in $work"
