# Sourced by tests/run.sh and examples/monorepo/run.sh: what both need on a machine, installed where it is missing, each thing named.
# shellcheck shell=bash

say() { printf '== %s\n' "$*" >&2; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# Debian's packages, where this user may install them.
install_packages() {
    command -v apt-get >/dev/null || { say "cannot install $*: there is no apt-get here"; return 1; }
    local as_root=()
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null && sudo -n true 2>/dev/null || { say "cannot install $*: neither root nor sudo without a password"; return 1; }
        as_root=(sudo -n)
    fi
    say "installing with apt-get: $*"
    local log
    log=$(mktemp)
    apt_get() { ${as_root[@]+"${as_root[@]}"} env DEBIAN_FRONTEND=noninteractive RUNLEVEL="${RUNLEVEL:-}" apt-get -qq -o Dpkg::Use-Pty=0 "$@" >>"$log" 2>&1 </dev/null; }
    if ! { apt_get update && apt_get install -y --no-install-recommends "$@"; }; then
        cat "$log" >&2
        rm -f "$log"
        return 1
    fi
    rm -f "$log"
}

need_rust() {
    command -v cargo >/dev/null || die "no cargo: install Rust 1.91 or later (https://rustup.rs) and run this again"
    command -v cc >/dev/null || install_packages gcc libc6-dev || die "no C linker: install gcc and run this again"
}

# The Python that makes the environments: the first one that is new enough for the pinned versions.
find_python() {
    local candidate
    for candidate in ${SHED_TEST_PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11; do
        command -v "$candidate" >/dev/null || continue
        "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue
        printf '%s\n' "$candidate"
        return
    done
    return 1
}

need_python() {
    PYTHON=$(find_python) || {
        install_packages python3 python3-venv || true
        PYTHON=$(find_python) || die "no Python 3.11 or later with venv: install python3 and python3-venv, or name one in SHED_TEST_PYTHON"
    }
}

# environment FOLDER REQUIREMENTS: a virtual environment with exactly these versions; kept while the file stays the same.
environment() {
    local folder=$1 requirements=$2 wanted
    wanted="$("$PYTHON" -VV) $(cksum <"$requirements")"
    [ -x "$folder/bin/python" ] && [ "$(cat "$folder/made-from" 2>/dev/null)" = "$wanted" ] && return
    say "making the Python environment $folder from $requirements"
    rm -rf "$folder"
    mkdir -p "$(dirname "$folder")"
    "$PYTHON" -m venv "$folder"
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$requirements" >&2 </dev/null
    printf '%s\n' "$wanted" >"$folder/made-from"
}

need_sqlite() {
    command -v sqlite3 >/dev/null || install_packages sqlite3 || die "no sqlite3: install SQLite's command line program and run this again"
}

# The folder of initdb, pg_ctl and psql: Debian keeps it off PATH.
find_postgres() {
    local folder
    for folder in "${SHED_TEST_PG_BIN:-}" "$(dirname "$(readlink -f "$(command -v initdb || echo /nowhere/initdb)")")" \
        $(printf '%s\n' /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /opt/homebrew/opt/postgresql*/bin /usr/local/opt/postgresql*/bin | sort -rV); do
        [ -x "$folder/initdb" ] && [ -x "$folder/pg_ctl" ] && [ -x "$folder/psql" ] && printf '%s\n' "$folder" && return
    done
    return 1
}

# Installs the server's programs without the server that Debian's package would start.
install_postgres() {
    local hold=/etc/postgresql-common/createcluster.d/shed-tests.conf as_root=()
    [ "$(id -u)" = 0 ] || as_root=(sudo -n)
    if command -v apt-get >/dev/null && ${as_root[@]+"${as_root[@]}"} mkdir -p "$(dirname "$hold")" 2>/dev/null; then
        echo "create_main_cluster = false" | ${as_root[@]+"${as_root[@]}"} tee "$hold" >/dev/null
    fi
    local status=0
    install_packages postgresql || status=$?
    ${as_root[@]+"${as_root[@]}"} rm -f "$hold" 2>/dev/null || true
    return "$status"
}

# Sets PG_BIN; fails where there is no server program and none can be installed.
need_postgres() {
    PG_BIN=$(find_postgres) && return
    install_postgres || return 1
    PG_BIN=$(find_postgres)
}

# The pooler of one test; Debian's package would start a server of its own.
need_pgbouncer() {
    [ -x /usr/sbin/pgbouncer ] || command -v pgbouncer >/dev/null || RUNLEVEL=1 install_packages pgbouncer
}
