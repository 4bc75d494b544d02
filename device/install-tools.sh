#!/bin/sh
# Installs what `./dev device` needs on Debian and its descendants; run it as root. The Debian that is
# booted is fetched by the tests, once. RAUC and what makes its bundles also serve tests of `./dev test`.
set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -q -y --no-install-recommends \
    systemd-container mmdebstrap util-linux libnbd-bin fuse3 e2fsprogs \
    rauc squashfs-tools dbus
