#!/usr/bin/env bash
# Installs the Debian packages that a suite needs, when something lacks; as root. `packages.sh` is for a cluster with nodes and is
# called by whoever starts one, `packages.sh monitoring` for the tests of alerts and dashboards.
set -euo pipefail

# One program a line, and the package that has it.
needed() {
    [ "${1:-nodes}" != monitoring ] || {
        echo "promtool prometheus"
        return
    }
    cat <<'TEXT'
containerd containerd
runc runc
/usr/lib/cni/bridge containernetworking-plugins
iptables iptables
ip iproute2
nsenter util-linux
buildah buildah
mmdebstrap mmdebstrap
skopeo skopeo
TEXT
}

lacking=()
while read -r program package; do
    PATH=$PATH:/usr/sbin:/sbin command -v "$program" >/dev/null || lacking+=("$package")
done < <(needed "$@")
[ "${#lacking[@]}" -gt 0 ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "packages.sh: these packages are missing and can't be installed without root and apt-get: ${lacking[*]}" >&2
    exit 69
fi
echo "Installing ${lacking[*]} ..." >&2
# What they recommend, and services that start by themselves, have no place on a machine that only runs tests.
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
policy=/usr/sbin/policy-rc.d
[ -e "$policy" ] || { trap 'rm -f "$policy"' EXIT && printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy"; }
apt-get install -qq --no-install-recommends "${lacking[@]}" >/dev/null
