"""What the bench `virtual` has."""

from dataclasses import dataclass
from pathlib import Path

from hil.resources import Resource
from hil.sim.resources import BoardProcess, PtyLine, PtyMeter, PtyReader


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualMachine(Resource):
    """An aarch64 machine under QEMU, booted once for the session, with the product installed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualStation(Resource):
    """The product's units in the machine; `board` is the board file that they get."""

    machine: str
    board: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class WiredBoard(BoardProcess):
    """The simulated board's world, wired to the machine's lines, PWM and converter."""

    machine: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UsbReader(PtyReader):
    """A token reader at a USB adapter of the machine."""

    machine: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UsbLine(PtyLine):
    """An RS-485 bus at a USB adapter of the machine."""

    machine: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UsbMeter(PtyMeter):
    """A Modbus meter on such a bus."""


KINDS: dict[str, type[Resource]] = {
    "machine": VirtualMachine,
    "station": VirtualStation,
    "board": WiredBoard,
    "reader": UsbReader,
    "line": UsbLine,
    "meter": UsbMeter,
}
