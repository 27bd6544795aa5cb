#!/bin/sh
# The linker of every build here: mold where it is installed (deploy/setup/packages.sh sees to it), whatever the
# machine has otherwise. A script, and not a flag in rustflags: other flags would build every crate again.
if command -v mold >/dev/null 2>&1; then
    exec cc -fuse-ld=mold "$@"
fi
exec cc "$@"
