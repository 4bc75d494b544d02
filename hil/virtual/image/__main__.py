"""`python -m hil.virtual.image [--anew]`: build the image now and say where it is."""

import argparse
import logging
import sys

from hil.virtual.image.build import built
from hil.virtual.image.programs import BuildFailed


def main() -> int:
    """Build what is missing."""
    parser = argparse.ArgumentParser(prog="python -m hil.virtual.image", description=__doc__)
    parser.add_argument("--anew", action="store_true", help="build it even if nothing has changed")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        image = built(anew=options.anew)
    except BuildFailed as failure:
        sys.stderr.write(f"{failure}\n")
        return 1
    sys.stdout.write(f"kernel {image.release}, {image.root}, {image.product}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
