#!/usr/bin/env bash
# The score card: simulated vehicles whose truth is known, recorded trips and cells where they are at hand.
# Writes target/score.json and target/score.html. Arguments go on: `score.sh --seed 2000`.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

cd "$ROOT"
deploy/setup/packages.sh test
say "building in release mode"
cargo build --quiet --release --workspace --bins
recorded=${PREMEND_RECORDED:-../shared/data}
[ -d "$recorded" ] && set -- --recorded "$recorded" "$@"
"$TARGET/release/premend" score --json "$TARGET/score.json" --html "$TARGET/score.html" "$@"
say "results are in $TARGET/score.json and score.html"
