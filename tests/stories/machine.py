"""The computer that the daemon runs on, as stories may treat it, wherever it is."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence


class Machine(ABC):
    """Power, boot, and the daemon; `starts` counts the times that the daemon came up."""

    starts: int = 0

    @property
    @abstractmethod
    def is_running(self) -> bool:
        """Whether there is a daemon that was not told to stop."""

    @abstractmethod
    def configure(
        self,
        url: str,
        versions: tuple[str, ...],
        *,
        variables: Mapping[str, str] | None = None,
        evses: int = 1,
        cable: str = "socket",
        connector_types: Sequence[str] = (),
    ) -> None:
        """Configure the next start; without `connector_types` all EVSEs have the same."""

    @abstractmethod
    async def start(self) -> None:
        """Switch on, or start the daemon again."""

    @abstractmethod
    async def stop(self) -> None:
        """Stop the daemon as a service manager does."""

    @abstractmethod
    async def kill(self, service_result: str | None = None) -> None:
        """End the daemon without a word, leaving only what the service manager writes down."""

    @abstractmethod
    async def restart(self) -> None:
        """Stop the daemon and start it again, as after an update."""

    @abstractmethod
    async def lose_power(self, for_s: float = 30.0) -> None:
        """Fail the mains for a while; everything starts afresh afterwards."""

    @abstractmethod
    async def lose_guard(self) -> None:
        """Kill the guard, and keep it away."""

    @abstractmethod
    async def restart_guard(self) -> None:
        """Start a guard again."""

    @abstractmethod
    async def close(self) -> None:
        """Stop everything. Raises what the daemon failed with."""

    # --- What the daemon says of itself.

    @abstractmethod
    async def queued_events(self) -> int:
        """Return how many stored events the CSMS has not been told."""

    @abstractmethod
    async def is_authorized(self, evse: int) -> bool:
        """Tell whether the daemon holds somebody authorized at an EVSE."""
