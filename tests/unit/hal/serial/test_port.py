"""The serial port: what has arrived is read, however late this process gets to it."""

import asyncio
import os
import pty
import time
import tty
from collections.abc import Iterator

import pytest

from hal.serial.port import SerialPort, open_port

TIMEOUT_S = 0.005


@pytest.fixture
def line() -> Iterator[tuple[int, str]]:
    """The far end of a line, and the port at this end."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    yield master, os.ttyname(slave)
    os.close(slave)
    os.close(master)


async def _read_late(port: SerialPort, far_end: int) -> bytes:
    """Read while something keeps the loop from looking until the time-out is over."""
    reading = asyncio.create_task(port.read(TIMEOUT_S))
    await asyncio.sleep(0)
    os.write(far_end, b"card")
    time.sleep(TIMEOUT_S * 2)  # noqa: ASYNC251 - the loop is to be late
    return await reading


async def test_an_answer_that_came_while_the_process_was_kept_waiting_is_no_silence(
    line: tuple[int, str],
) -> None:
    far_end, path = line
    port = open_port(path, 9600)
    try:
        assert await _read_late(port, far_end) == b"card"
        assert await port.read(TIMEOUT_S) == b""
    finally:
        port.close()
