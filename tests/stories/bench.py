"""What people and accidents do to a station, and what instruments show of it, wherever it is."""

from abc import ABC, abstractmethod
from decimal import Decimal
from typing import Protocol

from hal.api import PilotState
from tests.stories.words import TOKEN


class Outlet(Protocol):
    """What an observer sees at one EVSE."""

    @property
    def contactor_closed(self) -> bool: ...

    @property
    def lock_engaged(self) -> bool | None: ...

    @property
    def cable_inserted(self) -> bool | None: ...


class Bench(ABC):
    """What people and accidents do to the station."""

    @abstractmethod
    async def plug_in(self, evse: int = 1, *, max_a: float | None = None) -> None: ...

    @abstractmethod
    async def unplug(self, evse: int = 1) -> None: ...

    @abstractmethod
    async def car(self, evse: int = 1, *, max_a: float = 32, phases: int = 3) -> None: ...

    @abstractmethod
    async def car_pauses(self, evse: int = 1) -> None: ...

    @abstractmethod
    async def car_resumes(self, evse: int = 1) -> None: ...

    @abstractmethod
    async def swipe(self, token: str = TOKEN, evse: int | None = None) -> None: ...

    @abstractmethod
    async def fault(self, code: str, evse: int = 1) -> None: ...

    @abstractmethod
    async def repair(self, code: str, evse: int = 1) -> None: ...

    # --- What instruments show.

    @abstractmethod
    def plant(self, evse: int = 1) -> Outlet: ...

    @abstractmethod
    def is_delivering(self, evse: int = 1) -> bool: ...

    @abstractmethod
    def holds_closed(self, evse: int = 1) -> bool:
        """Tell whether the contactor is closed and was told to be; one that is welded was not."""

    @abstractmethod
    def closings(self, evse: int = 1) -> int:
        """Return how often the contactor was told to close since the story began."""

    @abstractmethod
    def offered_a(self, evse: int = 1) -> float: ...

    @abstractmethod
    def current_a(self, evse: int = 1) -> float: ...

    @abstractmethod
    def pilot(self, evse: int = 1) -> PilotState: ...

    @abstractmethod
    def delivered_wh(self, evse: int = 1) -> Decimal: ...
