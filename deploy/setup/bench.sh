#!/usr/bin/env bash
# Runs the benchmarks in release mode on a durable cluster of their own; writes target/bench.json.
# usage: bench.sh [seconds of each measurement] [commit|batched|external|ready]...
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

cd "$ROOT"
deploy/setup/packages.sh test
say "building in release mode"
cargo build --quiet --release --bin premend
cargo bench --quiet --no-run --bench end_to_end --bench state --bench evaluate
trap 'deploy/setup/cluster.sh stop bench' EXIT
trap 'exit 130' INT TERM
deploy/setup/cluster.sh start bench
PREMEND_BENCH_DATABASE_URL=$(deploy/setup/cluster.sh url bench)
export PREMEND_BENCH_DATABASE_URL
export PREMEND_BENCH_OUT=$TARGET/bench.json
cargo bench --quiet --bench end_to_end -- "$@"
if [ $# -eq 0 ]; then
    cargo bench --quiet --bench state
    cargo bench --quiet --bench evaluate
fi
say "results are in $PREMEND_BENCH_OUT"
