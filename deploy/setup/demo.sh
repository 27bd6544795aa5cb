#!/usr/bin/env bash
# Builds premend and runs its demo on the private cluster `demo`; stops with Ctrl-C, continues next time.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

cd "$ROOT"
deploy/setup/packages.sh demo
deploy/setup/cluster.sh start demo
# Ctrl-C reaches the whole process group: premend drains and exits, then the cluster stops.
trap 'deploy/setup/cluster.sh stop demo' EXIT
trap : INT
trap 'kill -TERM "$premend" 2>/dev/null || true' TERM
premend=

if [ ! -s "$STATE/person.key" ]; then
    (umask 077 && printf '%s%s\n' "$(random_word)" "$(random_word)" >"$STATE/person.key")
fi

say "building (the first time takes some minutes)"
build_demo

PREMEND_DATABASE__URL=$(deploy/setup/cluster.sh url demo)
export PREMEND_DATABASE__URL
export PREMEND_PERSON__KEY_FILE=$STATE/person.key
export PREMEND_DEMO__DIRECTORY=$STATE/demo

"$TARGET/debug/premend" demo "$@" &
premend=$!
# A signal ends `wait` early; the process ends when it has drained.
while kill -0 "$premend" 2>/dev/null; do
    status=0
    wait "$premend" || status=$?
done
exit "$status"
