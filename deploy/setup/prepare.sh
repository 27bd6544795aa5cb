#!/usr/bin/env bash
# Checks every query of the engine against the migrated schema and rewrites engine/.sqlx, which is checked in.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

cd "$ROOT"
deploy/setup/packages.sh demo
trap 'deploy/setup/cluster.sh remove prepare' EXIT
trap 'exit 130' INT TERM
deploy/setup/cluster.sh start prepare
DATABASE_URL=$(deploy/setup/cluster.sh url prepare)
export DATABASE_URL
# The tier's tables are no migration (see engine/src/store/tier.rs), yet queries name them.
tier="engine/tiers/native.sql engine/tiers/indexes.sql engine/tiers/rolled.sql engine/tiers/views.sql"
for script in engine/migrations/*.sql $tier; do
    "$(postgres_bin "")/psql" -X -q -1 -v ON_ERROR_STOP=1 -d "$DATABASE_URL" -f "$script" 2>&1 | { grep -v '^NOTICE' || true; }
done
fresh=$(mktemp -d)
touch engine/src/lib.rs
say "checking the queries"
SQLX_OFFLINE=false SQLX_OFFLINE_DIR=$fresh cargo check --quiet -p engine --all-targets
[ -n "$(ls -A "$fresh")" ] || fail "the check wrote no query files"
rm -rf engine/.sqlx
mkdir engine/.sqlx
mv "$fresh"/query-*.json engine/.sqlx/
rmdir "$fresh"
say "engine/.sqlx holds $(find engine/.sqlx -name 'query-*.json' | wc -l) queries"
