"""How thoroughly a benchmark measures."""

import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Effort:
    """Full or quick, and a folder on the disk that the benchmark may fill."""

    folder: Path
    quick: bool = False

    def times(self, full: int, quick: int) -> int:
        """Return how often to repeat."""
        return quick if self.quick else full

    def seconds(self, full: float, quick: float) -> float:
        """Return how long to watch."""
        return quick if self.quick else full

    def subfolder(self, name: str) -> Path:
        """Make a folder of its own for one station."""
        folder = self.folder / name
        folder.mkdir()
        return folder

    def tell(self, text: str) -> None:
        """Tell whoever waits in front of the terminal."""
        sys.stderr.write(f"  {text}\n")
