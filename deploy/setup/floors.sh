#!/usr/bin/env bash
# Prints places, import arrows, imports upward and circles of files inside `rules` and `engine`.
# usage: floors.sh [another checkout]: with one, prints its figures and judges nothing.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

cd "$ROOT"
[ $# -eq 0 ] || export PREMEND_FLOORS_OF=$1
cargo test --quiet --workspace --test promises -- floors:: --nocapture --test-threads 1 | grep -E '^(rules|engine|  circle)|: [0-9]+ places'
