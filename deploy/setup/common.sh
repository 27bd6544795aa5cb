# shellcheck shell=bash
# Shared by the scripts in this folder: where things are, how to speak, how to act as another user.
# Sourced, never run. Everything a checkout leaves behind is under .state/ of that checkout.

set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
STATE=$ROOT/.state
TARGET=${CARGO_TARGET_DIR:-$ROOT/target}
case $TARGET in /*) ;; *) TARGET=$ROOT/$TARGET ;; esac

say() { printf '%s\n' "premend: $*"; }

fail() {
    printf '%s\n' "premend: $*" >&2
    exit 1
}

# One random word of 32 hexadecimal digits.
random_word() { od -An -N16 -tx1 /dev/urandom | tr -d ' \n'; }

# Makes the folder of this checkout's state; only its owner may look inside, postgres may pass through.
make_state() {
    mkdir -p "$STATE"
    chmod 711 "$STATE"
}

# Runs a command as the user that may own a cluster: PostgreSQL refuses to run as root. It runs in /,
# because that user may not see the folder we are in.
as_cluster_user() {
    if [ "$(id -u)" -eq 0 ]; then
        (cd / && setpriv --reuid=postgres --regid=postgres --init-groups -- env HOME=/nonexistent "$@")
    else
        (cd / && "$@")
    fi
}

# The newest server programs of at least version 15, or those of the version named.
postgres_bin() {
    local wanted=${1:-} dir version best=0 found
    for dir in /usr/lib/postgresql/*/bin /usr/pgsql-*/bin; do
        [ -x "$dir/initdb" ] || continue
        version=$("$dir/postgres" --version | sed -E 's/^[^0-9]*([0-9]+).*/\1/')
        if [ -n "$wanted" ]; then
            if [ "$version" = "$wanted" ]; then
                printf '%s\n' "$dir"
                return 0
            fi
        elif [ "$version" -ge 15 ] && [ "$version" -gt "$best" ]; then
            best=$version
            found=$dir
        fi
    done
    [ "$best" -gt 0 ] && printf '%s\n' "$found"
}

listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# A port nobody listens on, below the range from which the kernel takes ports of its own.
free_port() {
    local port try
    for try in $(seq 1 200); do
        port=$((20000 + (RANDOM * 32768 + RANDOM + try) % 12000))
        if ! listening "$port"; then
            printf '%s\n' "$port"
            return 0
        fi
    done
    fail "found no free port on 127.0.0.1 between 20000 and 32000"
}

# What `make demo` runs, into the target directory given or that of this checkout. The whole workspace, so that
# features are those of `make test`, which then builds only what is new to it; without Parquet, which the demo
# does not read.
build_demo() { CARGO_TARGET_DIR=${1:-$TARGET} cargo build --quiet --workspace --no-default-features --bin premend; }
