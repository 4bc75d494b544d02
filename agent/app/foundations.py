"""What a station stands on."""

from collections.abc import Callable

from agent.app.hardware import Hardware
from agent.app.storage import Storage
from agent.config.model import StationConfig
from agent.core.device_model import DeviceModel
from agent.core.records import dataclass
from agent.core.vocabulary import BootReason
from agent.ocpp.connection import FrameObserver
from agent.services.system_clock import SystemClock


@dataclass(frozen=True, slots=True)
class Foundations:
    """What a station stands on; tests hand in a clock and hardware of their own."""

    config: StationConfig
    model: DeviceModel
    version: str
    clock: SystemClock
    storage: Storage
    hardware: Hardware
    boot_id: str
    boot_reason: BootReason
    power_was_lost: bool
    restart: Callable[[], None]
    lose_power: Callable[[], None]
    on_frame: FrameObserver | None = None
