#!/usr/bin/env bash
# Stops the private clusters of this checkout and forgets its state. Build results stay: `cargo clean`.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

for cluster in "$STATE"/cluster/*/; do
    [ -d "$cluster" ] || continue
    "$ROOT/deploy/setup/cluster.sh" remove "$(basename "$cluster")"
done
rm -rf "$STATE"
say "forgot all state of this checkout"
