"""Which versions to offer: some servers pick one that they do not speak.

Such a server echoes whatever was offered first and then stays silent, dies of the first message, or
answers it with an error.
"""

from typing import Final

DEAD_CONNECTIONS: Final = 2
"""So many in a row in one version, without one answer, are no accident of the network."""


class OfferedVersions:
    """Leaves out, while others are left, a version in which the CSMS never answered anything."""

    def __init__(self) -> None:
        self._spoken: frozenset[str] = frozenset()
        self._doubted: frozenset[str] = frozenset()
        self._version = ""
        self._dead = 0

    def among(self, versions: tuple[str, ...]) -> tuple[str, ...]:
        """Return the versions to offer now, in their order; never none of them."""
        left = tuple(version for version in versions if version not in self._doubted)
        if not left:
            self._doubted = frozenset()
        return left or versions

    def connected(self, version: str) -> None:
        """Take note of the version that the server picked."""
        if version != self._version:
            self._version, self._dead = version, 0

    def answered(self) -> None:
        """Take note that the CSMS speaks this version; later silence is no reason to change it."""
        self._spoken |= {self._version}

    def refused(self) -> None:
        """Take note that the CSMS would not register the station in this version."""
        if self._version not in self._spoken:
            self._doubted |= {self._version}

    def ended(self) -> None:
        """Take note that the connection is gone."""
        if self._version in self._spoken:
            return
        self._dead += 1
        if self._dead >= DEAD_CONNECTIONS:
            self._doubted |= {self._version}
            self._dead = 0
