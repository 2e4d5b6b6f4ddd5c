#!/usr/bin/env bash
# Install what the real-host tests (make test-host) need, from Debian or Ubuntu packages only. Needs root.
set -euo pipefail

packages=(docker.io systemd-container docker-registry apache2-utils skopeo iproute2 iptables openssl curl haproxy awscli faketime
  e2fsprogs xfsprogs)
# A program of each package: what is there already, from whatever source, is left alone.
programs=(dockerd systemd-nspawn docker-registry htpasswd skopeo ip iptables openssl curl haproxy aws faketime
  mkfs.ext4 mkfs.xfs)
# Where the tests look for them: what one account alone has on its PATH is not on a host's.
path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

missing=()
for at in "${!packages[@]}"; do
  PATH=$path command -v "${programs[at]}" >/dev/null || missing+=("${packages[at]}")
done
if [ ${#missing[@]} -eq 0 ]; then
  echo "host_setup: everything is here"
  exit 0
fi

export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
echo "host_setup: installed ${missing[*]}"
