"""The relay board: frames on a pty, as its manual prints them."""

import os
import pty
import select
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from hil.bench_file import load
from hil.desk.relays import RelayBoardDriver, frame
from hil.drivers import CarDriver, DriverFailed, FaultDriver, PowerDriver
from hil.target import Target

BENCH = """\
summary = "a test"
[resources.relays]
kind = "desk.relay_board"
port = "{port}"
relays = 4
[resources.car]
kind = "desk.car"
relay_board = "relays"
state_b = 1
state_c = 2
contact_port = "/dev/null"
[resources.faults]
kind = "desk.faults"
relay_board = "relays"
faults = ["rcd"]
relays = [3]
[resources.mains]
kind = "desk.power"
relay_board = "relays"
relay = 4
"""


class Board:
    """The other end of the relay board's line."""

    def __init__(self) -> None:
        self._master, slave = pty.openpty()
        tty.setraw(slave)
        self.port = os.ttyname(slave)
        self.slave = slave

    def heard(self, count: int) -> list[str]:
        """Return the next commands, those that were repeated once."""
        data = b""
        while len(data) < count * 8:
            ready, _, _ = select.select([self._master], [], [], 2.0)
            assert ready, f"only {data.hex()} came"
            data += os.read(self._master, count * 8 - len(data))
        commands = [data[i : i + 4].hex() for i in range(0, len(data), 4)]
        assert commands[::2] == commands[1::2]
        return commands[::2]

    def close(self) -> None:
        os.close(self._master)
        os.close(self.slave)


@pytest.fixture
def board() -> Iterator[Board]:
    line = Board()
    yield line
    line.close()


@pytest.fixture
def target(board: Board, tmp_path: Path) -> Iterator[Target]:
    file = tmp_path / "bench.toml"
    file.write_text(BENCH.format(port=board.port))
    bench = Target(load(file))
    yield bench
    bench.named("relays", RelayBoardDriver).close()


def test_the_frames_are_those_of_the_manual() -> None:
    assert frame(1, closed=True).hex() == "a00101a2"
    assert frame(1, closed=False).hex() == "a00100a1"


@pytest.mark.parametrize("relay", [0, 256])
def test_a_relay_that_no_frame_can_name_is_refused(relay: int) -> None:
    with pytest.raises(ValueError, match="numbered from 1 to 255"):
        frame(relay, closed=True)


async def test_a_test_begins_with_open_relays(target: Target, board: Board, tmp_path: Path) -> None:
    await target.named("relays", RelayBoardDriver).begin(tmp_path)
    assert board.heard(4) == ["a00100a1", "a00200a2", "a00300a3", "a00400a4"]


async def test_a_car_is_plugged_in_before_it_asks_for_energy(target: Target, board: Board) -> None:
    car = target.driver(CarDriver)
    await car.plug_in(1)
    assert board.heard(2) == ["a00101a2", "a00201a3"]
    await car.want(1, energy=False)
    assert board.heard(2) == ["a00101a2", "a00200a2"]
    await car.unplug(1)
    assert board.heard(2) == ["a00100a1", "a00200a2"]


async def test_a_fault_has_its_relay(target: Target, board: Board) -> None:
    faults = target.driver(FaultDriver)
    assert faults.faults == {"rcd"}
    await faults.set_fault(1, "rcd", on=True)
    assert board.heard(1) == ["a00301a4"]


async def test_the_mains_stay_on_between_tests(
    target: Target, board: Board, tmp_path: Path
) -> None:
    power, relays = target.driver(PowerDriver), target.named("relays", RelayBoardDriver)
    await power.on()
    assert board.heard(1) == ["a00401a5"]
    await relays.finish()
    assert board.heard(4)[-1] == "a00401a5"
    await power.off()
    assert board.heard(1) == ["a00400a4"]
    await relays.begin(tmp_path)
    assert board.heard(4)[-1] == "a00400a4"


def test_a_relay_that_the_board_lacks_is_named(target: Target) -> None:
    with pytest.raises(DriverFailed, match="no relay 9, the board has 4"):
        target.named("relays", RelayBoardDriver).switch(9, closed=True)


def test_a_port_that_is_not_there_is_named_with_a_remedy(tmp_path: Path) -> None:
    file = tmp_path / "bench.toml"
    file.write_text(BENCH.format(port=tmp_path / "absent"))
    with pytest.raises(DriverFailed, match=r"absent cannot be opened: .* plugged in"):
        Target(load(file)).named("relays", RelayBoardDriver).switch(1, closed=True)
