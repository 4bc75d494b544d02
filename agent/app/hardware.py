"""Opening the hardware that the services own, and what signed records say of it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeGuard, TypeVar

from agent.app.slots import open_slots
from agent.config.backend import BackendConfig
from agent.config.model import EvseConfig, HardwareRole, StationConfig, StationRole
from agent.core.records import dataclass
from agent.metering.ocmf import SigningDevice
from agent.metering.station_signer import DeviceUnknown
from agent.ports import Slots
from hal import registry
from hal.api import (
    EnergyMeter,
    GuardLink,
    HardwareError,
    Indicator,
    RelayContact,
    SigningMeter,
    TemperatureSensor,
    TokenReader,
    VehicleLink,
)

if TYPE_CHECKING:
    from agent.services.firmware_ports import Download

T = TypeVar("T")


class BoardBench(Protocol):
    """The test bench of a simulated board."""

    async def operate(self, request: Mapping[str, object]) -> dict[str, object]: ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Hardware:
    """Everything electrical that the station's services talk to; instruments by EVSE.

    Beside them `relays` of others by their names, the machine's `slots` for versions of the
    software, None where there are none, and where images come from, None for the network.
    """

    guard: GuardLink
    meters: Mapping[int, EnergyMeter]
    readers: tuple[TokenReader, ...]
    bench: BoardBench | None = None
    temperatures: Mapping[int, TemperatureSensor] = field(default_factory=dict)
    indicators: Mapping[int, Indicator] = field(default_factory=dict)
    vehicles: VehicleLink | None = None
    relays: Mapping[str, RelayContact] = field(default_factory=dict)
    slots: Slots | None = None
    download: "Download | None" = None

    @property
    def signing_meters(self) -> dict[int, SigningMeter]:
        """The meters that have a signature unit of their own."""
        return {evse: meter for evse, meter in self.meters.items() if _signs(meter)}

    async def close(self) -> None:
        """Let go of the instruments; the guard's link is closed by who opened it."""
        for meter in self.meters.values():
            await meter.close()
        for reader in self.readers:
            await reader.close()
        for sensor in self.temperatures.values():
            await sensor.close()
        for indicator in self.indicators.values():
            await indicator.close()
        for relay in self.relays.values():
            await relay.close()
        for part in (self.bench, self.vehicles):
            if part is not None:
                await part.close()


def open_hardware(config: StationConfig, guard: GuardLink, now_s: Callable[[], float]) -> Hardware:
    """Open meters, readers and, with mock backends, the bench; raises `hal.api.HardwareError`.

    `now_s` is the time as the CSMS told it, in seconds since 1970.
    """
    state_dir = config.station.state_dir
    readers = tuple(
        registry.open_reader(served, table, state_dir) for table, served in _readers(config)
    )
    simulated = config.is_mock and config.bench is not None
    return Hardware(
        guard=guard,
        meters=_opened(config, HardwareRole.METER, registry.open_meter),
        readers=readers,
        bench=_open_bench(config) if simulated else None,
        temperatures=_opened(config, HardwareRole.TEMPERATURE, registry.open_temperature),
        indicators=_opened(config, HardwareRole.INDICATOR, registry.open_indicator),
        vehicles=_open_vehicles(config) if config.speaks_with_vehicles else None,
        relays=open_relays(config),
        slots=open_slots(config, now_s),
    )


def relay_tables(config: StationConfig) -> dict[str, registry.Table]:
    """Return the tables of all relays of receivers, by the relays' names on this station."""
    return {
        receiver.relay_name(name): backend.table
        for receiver in config.smart_charging.receivers
        for name, backend in receiver.relays.items()
    }


def open_relays(config: StationConfig) -> dict[str, RelayContact]:
    """Open the contacts of all receivers; raises `hal.api.HardwareError`."""
    state_dir = config.station.state_dir
    return {
        name: registry.open_relay(name, table, state_dir)
        for name, table in relay_tables(config).items()
    }


def backend_problems(role: HardwareRole | StationRole, backend: BackendConfig) -> Iterable[str]:
    """Return why a backend cannot be used, for `check-config`."""
    return registry.problems(_port(role), backend.table)


class MeterDevices:
    """Tells what a record says of meter and station."""

    def __init__(self, config: StationConfig, meters: Mapping[int, EnergyMeter], version: str):
        self._config = config
        self._meters = meters
        self._version = version

    async def device(self, evse: int) -> SigningDevice:
        """Ask the meter who it is; raises `DeviceUnknown` when it does not answer."""
        try:
            identity = await self._meters[evse].identity()
        except HardwareError as error:
            raise DeviceUnknown(str(error)) from error
        station = self._config.station
        return SigningDevice(
            meter_serial=identity.serial_number,
            station_software_version=f"stationd {self._version}"[:25],
            meter_vendor=identity.vendor,
            meter_model=identity.model,
            meter_firmware=identity.firmware,
            gateway_model=station.model,
            gateway_serial=station.serial_number,
            gateway_version=self._version,
        )


def _opened(
    config: StationConfig, role: HardwareRole, open_one: Callable[[int, registry.Table, Path], T]
) -> dict[int, T]:
    """Open an instrument of each EVSE that has one."""
    state_dir = config.station.state_dir
    return {
        evse.id: open_one(evse.id, _table(evse, role), state_dir)
        for evse in config.evses
        if role in evse.hardware
    }


def _signs(meter: EnergyMeter) -> TypeGuard[SigningMeter]:
    return hasattr(meter, "begin_signed") and hasattr(meter, "end_signed")


def _open_bench(config: StationConfig) -> BoardBench:
    from hal.mock.backends import BoardControl  # noqa: PLC0415 - only simulated stations need it

    return BoardControl(config.station.state_dir, [evse.id for evse in config.evses])


def _open_vehicles(config: StationConfig) -> VehicleLink:
    from hal.mock.backends import MockVehicles  # noqa: PLC0415 - only simulated stations need it

    return MockVehicles([evse.id for evse in config.evses], config.station.state_dir)


def _readers(config: StationConfig) -> list[tuple[Mapping[str, object], list[int]]]:
    """Group EVSEs by their reader: the same table means the same device."""
    found: list[tuple[Mapping[str, object], list[int]]] = []
    for evse in config.evses:
        if HardwareRole.READER not in evse.hardware:
            continue
        table = _table(evse, HardwareRole.READER)
        same = next((served for known, served in found if known == table), None)
        if same is None:
            found.append((table, [evse.id]))
        else:
            same.append(evse.id)
    return found


def _table(evse: EvseConfig, role: HardwareRole) -> Mapping[str, object]:
    return evse.hardware[role].table


def _port(role: HardwareRole | StationRole) -> str:
    return "residual_current" if role is HardwareRole.RCM else role.value
