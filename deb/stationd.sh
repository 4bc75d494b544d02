#!/bin/sh
# The slot is resolved before Python starts, so that a program that runs keeps to its own slot when
# the link moves on.
slot=$(readlink -e /opt/stationd/current) || { echo "stationd: there is no slot, install the package again" >&2; exit 1; }
# The link names the minor version; an upgrade of the distribution may have taken it away.
[ -x "$slot/bin/python" ] || {
    echo "stationd: $(readlink "$slot/bin/python") is gone, install the package for this system's Python" >&2
    exit 1
}
exec "$slot/bin/python" -I -m agent "$@"
