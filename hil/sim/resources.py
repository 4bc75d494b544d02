"""What the bench `sim` has."""

from dataclasses import dataclass

from hil.resources import Resource


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalStation(Resource):
    """Guard and daemon as processes of this computer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardProcess(Resource):
    """The simulated board (`hal.mock`): contactors, pilots, locks and cars of every EVSE."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardMeter(Resource):
    """The simulated board's own meter, without a wire."""

    evse: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardReader(Resource):
    """The simulated board's own token reader, without a wire."""

    evses: tuple[int, ...] = (1,)


@dataclass(frozen=True, slots=True, kw_only=True)
class PtyReader(Resource):
    """A token reader of some make on a pty, at the pace of its baud rate."""

    evses: tuple[int, ...] = (1,)
    protocol: str
    baudrate: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceBay(Resource):
    """The process that plays all serial devices of this bench."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PtyLine(Resource):
    """An RS-485 bus behind a pty, at the pace of its baud rate."""

    baudrate: int = 9600


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayedMeter(Resource):
    """A Modbus meter as its profile describes it, played by the process of the serial devices."""

    evse: int = 1
    profile: str
    address: int = 1
    serial_number: str = "12345678"


@dataclass(frozen=True, slots=True, kw_only=True)
class PtyMeter(PlayedMeter):
    """A meter on a bus behind a pty."""

    line: str


KINDS: dict[str, type[Resource]] = {
    "station": LocalStation,
    "board": BoardProcess,
    "board_meter": BoardMeter,
    "board_reader": BoardReader,
    "bay": DeviceBay,
    "line": PtyLine,
    "meter": PtyMeter,
    "reader": PtyReader,
}
