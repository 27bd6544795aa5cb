#!/usr/bin/env bash
# A private PostgreSQL cluster of this checkout; never touches any other.
# usage: cluster.sh start|stop|url|superuser-url|remove demo|test|bench|prepare
#
# It listens on 127.0.0.1 only, on a port of its own, with passwords from .state/cluster/<name>/. The
# product's role `premend` owns the database and is no superuser: row-level security would not bind one.
# `demo` and `bench` are durable (fsync); the others are made to be thrown away.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

ACTION=${1:?usage: cluster.sh start|stop|url|superuser-url|remove demo|test|bench|prepare}
NAME=${2:?usage: cluster.sh $ACTION demo|test|bench|prepare}
CLUSTER=$STATE/cluster/$NAME

remembered() { cat "$CLUSTER/$1"; }

# Inside the checkout, unless that cannot be reached by the cluster's user.
home() { if [ -e "$CLUSTER/elsewhere" ]; then remembered elsewhere; else printf '%s\n' "$CLUSTER/postgres"; fi; }

url() { printf 'postgres://premend:%s@127.0.0.1:%s/premend\n' "$(remembered password)" "$(remembered port)"; }

superuser_url() {
    printf 'postgres://postgres:%s@127.0.0.1:%s/postgres\n' "$(remembered superuser-password)" "$(remembered port)"
}

choose_home() {
    local inside=$CLUSTER/postgres
    mkdir -p "$inside"
    if [ "$(id -u)" -eq 0 ]; then chown postgres:postgres "$inside"; fi
    if as_cluster_user test -w "$inside" 2>/dev/null; then return 0; fi
    rmdir "$inside"
    as_cluster_user mktemp -d /var/lib/postgresql/premend-XXXXXXXX >"$CLUSTER/elsewhere" ||
        fail "the user postgres can reach neither $CLUSTER nor /var/lib/postgresql"
}

settings() {
    cat <<SETTINGS
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 100
shared_buffers = 256MB
effective_cache_size = 1GB
work_mem = 8MB
maintenance_work_mem = 64MB
max_worker_processes = 4
max_parallel_workers_per_gather = 0
wal_level = replica
wal_compression = lz4
max_wal_size = 2GB
checkpoint_timeout = 10min
synchronous_commit = on
timezone = UTC
log_timezone = UTC
lc_messages = C
log_min_duration_statement = 2s
log_checkpoints = off
SETTINGS
    case $NAME in
        demo | bench) ;;
        # Thrown away after the run: a crash of the machine may take it.
        *) printf '%s\n' 'fsync = off' 'full_page_writes = off' 'autovacuum_naptime = 10s' ;;
    esac
}

create() {
    local bin home passfile
    bin=$(postgres_bin) || fail "no PostgreSQL server of version 15 or newer found under /usr/lib/postgresql"
    say "creating the private PostgreSQL cluster \`$NAME\`"
    mkdir -p "$CLUSTER"
    chmod 711 "$STATE/cluster" "$CLUSTER"
    choose_home
    home=$(home)
    (umask 077 && random_word >"$CLUSTER/password" && random_word >"$CLUSTER/superuser-password")
    free_port >"$CLUSTER/port"
    passfile=$home/.superuser-password
    as_cluster_user sh -c "umask 077 && cat >'$passfile'" <"$CLUSTER/superuser-password"
    as_cluster_user "$bin/initdb" -D "$home/data" --username=postgres --pwfile="$passfile" \
        --auth=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 --no-instructions >"$CLUSTER/initdb.log" 2>&1 ||
        { cat "$CLUSTER/initdb.log" >&2 && fail "initdb failed"; }
    as_cluster_user rm -f "$passfile"
    settings | as_cluster_user sh -c "cat >>'$home/data/postgresql.conf'"
    touch "$CLUSTER/created"
}

bin_of_cluster() {
    local version
    version=$(as_cluster_user cat "$(home)/data/PG_VERSION")
    postgres_bin "$version" || fail "the cluster \`$NAME\` is of PostgreSQL $version, whose programs are gone; \`make clean\` forgets it"
}

running() {
    local data
    data=$(home)/data
    as_cluster_user "$(bin_of_cluster)/pg_ctl" -D "$data" status >/dev/null 2>&1
}

launch() {
    local home bin
    home=$(home)
    bin=$(bin_of_cluster)
    as_cluster_user "$bin/pg_ctl" -D "$home/data" -l "$home/log" -w -t 60 \
        -o "-p $(remembered port)" start >"$CLUSTER/start.log" 2>&1
}

# Roles and the database; harmless when they are there.
provide_database() {
    local bin
    bin=$(bin_of_cluster)
    PGPASSWORD=$(remembered superuser-password) "$bin/psql" -X -q -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$(remembered port)" \
        -U postgres -d postgres -v password="$(remembered password)" >/dev/null <<'SQL'
select format('create role premend login createdb createrole password %L', :'password')
where not exists (select from pg_roles where rolname = 'premend') \gexec
select 'create database premend owner premend'
where not exists (select from pg_database where datname = 'premend') \gexec
SQL
}

start() {
    local try
    make_state
    if [ ! -e "$CLUSTER/created" ]; then
        [ ! -e "$CLUSTER" ] || remove
        create
    fi
    if running; then return 0; fi
    for try in 1 2 3; do
        # The port was free when the cluster was made; if somebody has taken it since, take another.
        if listening "$(remembered port)"; then free_port >"$CLUSTER/port"; fi
        if launch; then
            provide_database
            say "PostgreSQL \`$NAME\` is up on 127.0.0.1:$(remembered port)"
            return 0
        fi
        [ "$try" = 3 ] || free_port >"$CLUSTER/port"
    done
    as_cluster_user tail -n 20 "$(home)/log" >&2 || true
    fail "PostgreSQL \`$NAME\` did not start; its log is $(home)/log"
}

stop() {
    [ -e "$CLUSTER/created" ] || return 0
    running || return 0
    as_cluster_user "$(bin_of_cluster)/pg_ctl" -D "$(home)/data" -m fast -w -t 60 stop >/dev/null
    say "PostgreSQL \`$NAME\` is stopped"
}

remove() {
    local home
    [ -e "$CLUSTER" ] || return 0
    stop
    home=$(home)
    rm -rf "$home" "$CLUSTER"
}

case $ACTION in
    start) start ;;
    stop) stop ;;
    url) url ;;
    superuser-url) superuser_url ;;
    remove) remove ;;
    *) fail "unknown action $ACTION" ;;
esac
