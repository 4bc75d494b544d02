"""What a bench on a real desk has."""

from dataclasses import dataclass

from hil.resources import Resource
from hil.sim.resources import DeviceBay, PlayedMeter


@dataclass(frozen=True, slots=True, kw_only=True)
class SshStation(Resource):
    """A station that belongs to the bench, reached as root by `ssh HOST` without a password.

    Each test deletes what the station has stored and writes its configuration; that this is meant,
    `wipe_state = true` says. `board` is its board file.
    """

    host: str
    board: str
    wipe_state: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayBoard(Resource):
    """A USB relay board with the LCUS protocol (9600 baud; `A0 01 01 A2` closes relay 1)."""

    port: str
    relays: int = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayCar(Resource):
    """A car made of relays at one EVSE, and a contact that tells where the contactor is.

    Relay `state_b` connects diode and 2.74 kohm to the pilot, `state_c` adds 1.3 kohm, `proximity`
    puts a cable's resistor to the proximity pilot (0: no relay). The contactor's auxiliary contact
    connects `contact_line` (cts, dsr, cd or ri) of a serial adapter at `contact_port` with its RTS.
    While the contact is closed `load_a` flow on each of `phases`: what the simulated meter counts.
    More than 6 A would be over-current whenever the station offers less, for relays follow no duty.
    """

    evse: int = 1
    relay_board: str
    state_b: int
    state_c: int
    proximity: int = 0
    contact_port: str
    contact_line: str = "cts"
    load_a: float = 6.0
    phases: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayFaults(Resource):
    """Relays that break something at one EVSE; `faults` names it, `relays` says by which relay."""

    evse: int = 1
    relay_board: str
    faults: tuple[str, ...]
    relays: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayPower(Resource):
    """A relay in the supply of the station's computer; closed means that the mains are there."""

    relay_board: str
    relay: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SerialCard(Resource):
    """An adapter wired to the station's reader port, which plays a reader that prints lines."""

    evses: tuple[int, ...] = (1,)
    port: str
    station_port: str
    baudrate: int = 9600


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskBay(DeviceBay):
    """The process that plays the meter and looks at the contactor's auxiliary contact."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SerialMeter(PlayedMeter):
    """An adapter with RS-485, wired to the station's, at which this computer plays the meter.

    Parity and stop bits are the profile's.
    """

    port: str
    station_port: str
    baudrate: int = 9600


KINDS: dict[str, type[Resource]] = {
    "bay": DeskBay,
    "meter": SerialMeter,
    "station": SshStation,
    "relay_board": RelayBoard,
    "car": RelayCar,
    "faults": RelayFaults,
    "power": RelayPower,
    "card": SerialCard,
}
