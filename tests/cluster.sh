#!/bin/sh
# cluster.sh BIN: a private PostgreSQL cluster, reached only by the socket in its own folder, for as long as standard input stays open.
# Prints the folder when it is ready. At the end of input, however its starter died, the server is stopped and the folder removed.
# The role `shed` needs no password; members of `locked` do.
set -eu
trap '' INT TERM HUP
umask 077
bin=$1
folder=$(mktemp -d /tmp/shed-pg-XXXXXX) # short: a socket's path has at most 107 bytes
cd "$folder"

# initdb and postgres refuse to run as root.
as_server() {
    if [ "$(id -u)" = 0 ]; then setpriv --reuid=postgres --regid=postgres --clear-groups "$@"; else "$@"; fi
}

start() {
    [ "$(id -u)" != 0 ] || chown postgres "$folder"
    as_server "$bin/initdb" --pgdata=data --username=shed --auth=trust --encoding=UTF8 --locale=C --no-sync --no-instructions
    {
        echo "listen_addresses = ''"
        echo "unix_socket_directories = '$folder'"
        echo "fsync = off"
        echo "full_page_writes = off"
        echo "max_connections = 200"
        echo "shared_buffers = 32MB"
        echo "password_encryption = scram-sha-256"
    } >>data/postgresql.conf
    printf 'local all +locked scram-sha-256\nlocal all all trust\n' >data/pg_hba.conf
    as_server "$bin/pg_ctl" start --wait --silent --pgdata=data --log=data/server.log
    as_server "$bin/psql" --quiet --no-psqlrc --host="$folder" --username=shed --dbname=postgres --command='create role locked'
}

finish() {
    cd /
    as_server "$bin/pg_ctl" stop --silent --mode=immediate --pgdata="$folder/data" || true
    rm -rf "$folder"
}

if ! start >log 2>&1 </dev/null; then
    cat log data/server.log >&2 2>/dev/null || true
    finish >/dev/null 2>&1
    exit 1
fi
echo "$folder"
exec >/dev/null 2>&1
cat
finish
