#!/usr/bin/env bash
# What a newcomer's first build costs: builds what `make demo` runs into an empty directory, which goes
# afterwards, and prints CPU-minutes, minutes and crates. Fails when it takes more CPU-minutes than the bar;
# they hardly depend on the number of cores, but a machine that is busy otherwise makes them longer.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

readonly BAR=8

cd "$ROOT"
deploy/setup/packages.sh demo
# Loading is not building.
cargo fetch --quiet --locked
make_state
empty=$(mktemp -d "$STATE/first-build-XXXXXXXX")
trap 'rm -rf "$empty"' EXIT
trap 'exit 130' INT TERM
say "building the demo from nothing"
export RUSTC_WRAPPER=
TIMEFORMAT='%U %S %R'
{ time build_demo "$empty" >&3 2>&4; } 3>&1 4>&2 2>"$empty/times" || fail "the build failed"
crates=$(find "$empty/debug/.fingerprint" -mindepth 1 -maxdepth 1 -printf '%f\n' | sed -E 's/-[0-9a-f]{16}$//' | sort -u | wc -l)
awk -v crates="$crates" -v bar=$BAR '{
    spent = ($1 + $2) / 60
    printf "premend: %.1f CPU-minutes (the bar is %d), %.1f minutes, %d crates\n", spent, bar, $3 / 60, crates
    exit spent > bar
}' "$empty/times"
