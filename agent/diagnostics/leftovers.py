"""Where log files lie until they are sent, and what an earlier run has left there."""

from pathlib import Path
from typing import Final

FOLDER: Final = "logs"


def remove_leftovers(state_dir: Path) -> None:
    """Remove log files of an earlier run. Raises OSError."""
    folder = state_dir / FOLDER
    if folder.is_dir():
        for path in folder.iterdir():
            path.unlink()
