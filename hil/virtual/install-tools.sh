#!/bin/sh
# Installs what the bench `virtual` needs on Debian and its descendants; run it as root.
# QEMU, a cross compiler for the kernel modules of the bench, and programs that make disks.
# The packages of the machine itself are fetched and unpacked by the bench, without root.
set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -q -y --no-install-recommends \
    qemu-system-arm gcc-12-aarch64-linux-gnu make e2fsprogs kmod git \
    debian-archive-keyring

# What only `./dev device` and the tests of RAUC use: containers, disks that forget, bundles. They are
# skipped with a reason where it is not there.
apt-get install -q -y --no-install-recommends \
    systemd-container mmdebstrap libnbd-bin fuse3 rauc squashfs-tools dbus ||
    echo "what ./dev device and the tests of RAUC need cannot be installed" >&2
