#!/bin/sh
# The slot is resolved before Python starts, so that a program that runs keeps to its own slot when
# the link moves on.
slot=$(readlink -e /opt/stationd/current) || { echo "stationd: there is no slot, install the package again" >&2; exit 1; }
# An upgrade of the distribution may have brought another Python than the libraries are for.
python=$(readlink -e "$slot/bin/python") && [ -d "$slot/lib/${python##*/}" ] || {
    echo "stationd: $slot is not for ${python:-the Python of this system}, install the package for it" >&2
    exit 1
}
exec "$slot/bin/python" -I -m agent "$@"
