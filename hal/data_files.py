"""Where the data files that belong to the hardware lie: board files and meter profiles.

An installed package carries them beside its modules; a checkout keeps them under `config/`, where
makers look for examples.
"""

from pathlib import Path

_PACKAGE = Path(__file__).parent


def folder(name: str) -> Path:
    """Return the folder `boards` or `meters`."""
    installed = _PACKAGE / name
    return installed if installed.is_dir() else _PACKAGE.parent / "config" / name
