#!/usr/bin/env bash
# The tests of the promises with many more kills, seeds and property cases; PREMEND_TORTURE scales them.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

export PREMEND_TORTURE=${PREMEND_TORTURE:-10}
export PROPTEST_CASES=${PROPTEST_CASES:-20000}
export NEXTEST_PROFILE=torture
exec "$ROOT/deploy/setup/test.sh" "$@"
