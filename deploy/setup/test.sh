#!/usr/bin/env bash
# Format check, lints, build, every test. Arguments go to the test runner, as in `test.sh never_lost`.
# The throw-away cluster is stopped afterwards, whatever happened.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

cd "$ROOT"
SECONDS=0
deploy/setup/packages.sh test

step() {
    local since=$SECONDS name=$1
    shift
    say "$name"
    "$@" || fail "$name failed after $((SECONDS - since)) s"
}

run_tests() {
    # The runner sets the pace; nextest gives every test a process of its own and stops what hangs.
    if cargo nextest --version >/dev/null 2>&1; then
        cargo nextest run --workspace "$@"
    else
        cargo test --quiet --workspace --lib --bins --tests -- "$@"
    fi
}

step "checking the format" cargo fmt --all --check
step "linting" cargo clippy --quiet --workspace --all-targets -- --deny warnings
step "building" cargo build --quiet --workspace --bins

trap 'deploy/setup/cluster.sh stop test' EXIT
trap 'exit 130' INT TERM
deploy/setup/cluster.sh start test
PREMEND_TEST_DATABASE_URL=$(deploy/setup/cluster.sh url test)
export PREMEND_TEST_DATABASE_URL
export DATABASE_URL=$PREMEND_TEST_DATABASE_URL

step "testing" run_tests "$@"
[ $# -gt 0 ] || step "testing the documents' examples" cargo test --quiet --workspace --doc
say "all of it took $SECONDS s"
