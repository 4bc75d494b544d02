"""A serial port as it is opened and lost: each reason is one sentence with its remedy."""

import errno
import fcntl
import os
import pty
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial

from hal.modbus.faults import PORT_FAULTS, FaultKind, MeterFault
from hal.modbus.profile import Parity, SerialSettings
from hal.modbus.serial_wire import SerialWire

SETTINGS = SerialSettings(9600, Parity.NONE, 1, 1)


@pytest.fixture
def ends() -> Iterator[tuple[int, str]]:
    """The far end of a line, and the port's name."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    yield master, os.ttyname(slave)
    os.close(slave)
    os.close(master)


def refusal(port: str, settings: SerialSettings = SETTINGS) -> MeterFault:
    with pytest.raises(MeterFault) as raised:
        SerialWire(port, settings)
    assert raised.value.kind in PORT_FAULTS
    return raised.value


def test_bytes_go_both_ways(ends: tuple[int, str]) -> None:
    master, port = ends
    wire = SerialWire(port, SETTINGS)
    wire.send(b"ask")
    assert os.read(master, 10) == b"ask"
    assert wire.receive(0.0) == b""
    os.write(master, b"answer")
    assert wire.receive(1.0) == b"answer"
    assert wire.name == port
    wire.close()


def test_a_port_that_is_missing_is_told(tmp_path: Path) -> None:
    told = refusal(str(tmp_path / "ttyUSB0"))
    assert told.kind is FaultKind.PORT_MISSING
    assert "ttyUSB0 does not exist; plug the adapter in" in str(told)


def test_a_port_in_use_is_told(ends: tuple[int, str]) -> None:
    _, port = ends
    other = os.open(port, os.O_RDWR | os.O_NOCTTY)  # else it may become our terminal, and stop us
    fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    told = refusal(port)
    os.close(other)
    assert told.kind is FaultKind.PORT_BUSY
    assert "is in use by another process; stop it (fuser names it)" in str(told)


@pytest.mark.parametrize(
    ("number", "kind", "remedy"),
    [
        (errno.EACCES, FaultKind.PERMISSION_DENIED, "add the user to the group of the port"),
        (errno.EPERM, FaultKind.PERMISSION_DENIED, "add the user to the group of the port"),
        (errno.EBUSY, FaultKind.PORT_BUSY, "in use by another process"),
        (errno.ENXIO, FaultKind.PORT_MISSING, "plug the adapter in"),
        (errno.EIO, FaultKind.PORT_UNUSABLE, "choose settings that the port can do"),
    ],
)
def test_what_the_system_refuses_is_told_in_words(
    monkeypatch: pytest.MonkeyPatch, number: int, kind: FaultKind, remedy: str
) -> None:
    """Only the system's answer is made up: not every user can be refused a port."""

    def refuse(*_arguments: object, **_settings: object) -> object:
        raise serial.SerialException(number, f"could not open port: {os.strerror(number)}")

    monkeypatch.setattr(serial, "Serial", refuse)
    told = refusal("/dev/ttyUSB0")
    assert told.kind is kind
    assert remedy in str(told)


def test_a_file_is_no_port(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    told = refusal(str(file))
    assert told.kind is FaultKind.PORT_UNUSABLE
    assert "is no serial port" in str(told)


def test_settings_that_the_port_cannot_do_are_told(ends: tuple[int, str]) -> None:
    _, port = ends
    told = refusal(port, SerialSettings(-1, Parity.NONE, 1, 1))
    assert told.kind is FaultKind.PORT_UNUSABLE
    assert "cannot be set to -1 baud 8N1" in str(told)


def test_an_adapter_that_is_pulled_out_is_told() -> None:
    master, slave = pty.openpty()
    tty.setraw(slave)
    wire = SerialWire(os.ttyname(slave), SETTINGS)
    os.close(slave)
    os.close(master)
    for use in (lambda: wire.receive(1.0), lambda: wire.send(b"x")):
        with pytest.raises(MeterFault, match=r"broke off .*; see whether the") as lost:
            use()
        assert lost.value.kind is FaultKind.UNPLUGGED
    wire.close()
