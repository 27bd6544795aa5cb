#!/usr/bin/env bash
# Runs the benchmarks in release mode on a durable cluster of their own; writes target/bench.json.
# usage: bench.sh [seconds of each measurement] [commit|batched|external|ready]...
#        bench.sh backtest [narrow|wide]
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

cd "$ROOT"
deploy/setup/packages.sh test
say "building in release mode"
# In one go: built apart, binary and benches would each build every dependency with features of their own.
built=$(cargo build --quiet --release --workspace --bins --bench end_to_end --bench backtest --bench state --bench evaluate --bench message \
    --message-format=json-render-diagnostics | grep -o '"executable":"[^"]*"' | cut -d'"' -f4)
bench() {
    local name=$1
    shift
    "$(grep "/$name-[0-9a-f]*$" <<<"$built" | head -n 1)" "$@"
}
trap 'deploy/setup/cluster.sh stop bench' EXIT
trap 'exit 130' INT TERM
deploy/setup/cluster.sh start bench
PREMEND_BENCH_DATABASE_URL=$(deploy/setup/cluster.sh url bench)
export PREMEND_BENCH_DATABASE_URL
export PREMEND_BENCH_OUT=$TARGET/bench.json
if [ "${1:-}" = backtest ]; then
    shift
    bench backtest "$@"
    say "results are in $PREMEND_BENCH_OUT"
    exit 0
fi
bench end_to_end "$@"
if [ $# -eq 0 ]; then
    bench backtest
    bench state
    bench evaluate
    bench message
fi
say "results are in $PREMEND_BENCH_OUT"
