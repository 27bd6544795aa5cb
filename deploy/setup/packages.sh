#!/usr/bin/env bash
# Installs the Debian packages that `make demo` or `make test` need and that are missing; nothing else.
# usage: packages.sh demo|test
#
# Newly installed servers are neither started nor enabled, and PostgreSQL makes no cluster: the product
# runs private ones. Needs root only when something is missing.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

DROP_IN=/etc/postgresql-common/createcluster.d/premend-setup.conf
POLICY=/usr/sbin/policy-rc.d
made_policy=no

# "program or file, package" pairs; a thing that is there needs no package.
needs() {
    have cc gcc
    have cc libc6-dev
    postgres_bin "" >/dev/null || echo postgresql
    [ "$1" = test ] || return 0
    have mosquitto mosquitto
    have mosquitto_pub mosquitto-clients
    have promtool prometheus
    have faketime faketime
    have chromium chromium
    have chromedriver chromium-driver
    [ -n "$(find /usr/share/fonts -name 'NotoSansCJK*' -print -quit 2>/dev/null)" ] || echo fonts-noto-cjk
}

have() { PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null 2>&1 || echo "$2"; }

privileged() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

# Servers that come with the packages stay as they are on this machine: off.
hold_servers() {
    privileged mkdir -p "$(dirname "$DROP_IN")"
    echo 'create_main_cluster = false' | privileged tee "$DROP_IN" >/dev/null
    if [ ! -e "$POLICY" ]; then
        made_policy=yes
        printf '#!/bin/sh\nexit 101\n' | privileged tee "$POLICY" >/dev/null
        privileged chmod 755 "$POLICY"
    fi
}

release_servers() {
    privileged rm -f "$DROP_IN"
    [ "$made_policy" = no ] || privileged rm -f "$POLICY"
}

install() {
    privileged env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}

disable_new() {
    local package
    for package in "$@"; do
        case $package in
            mosquitto | prometheus | postgresql)
                [ ! -d /run/systemd/system ] || privileged systemctl disable --quiet "$package" || true ;;
        esac
    done
}

main() {
    local missing log
    mapfile -t missing < <(needs "$1" | sort -u)
    [ ${#missing[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null 2>&1 ||
        fail "missing: ${missing[*]}. This machine has no apt-get; install what these Debian packages hold and run again"
    if [ "$(id -u)" -ne 0 ] && ! { command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; }; then
        fail "missing Debian packages; as root: apt-get install --no-install-recommends ${missing[*]}"
    fi
    make_state
    log=$STATE/packages.log
    say "installing Debian packages: ${missing[*]} (log: ${log#"$ROOT/"})"
    trap release_servers EXIT
    hold_servers
    if ! { privileged apt-get update && install "${missing[@]}"; } >"$log" 2>&1; then
        tail -n 15 "$log" >&2
        fail "could not install ${missing[*]}; the whole log is in $log"
    fi
    disable_new "${missing[@]}"
}

main "$@"
