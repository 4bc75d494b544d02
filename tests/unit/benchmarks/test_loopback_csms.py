import asyncio
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.benchmarks.loopback_csms import LoopbackCsms, server_frame, take_frame, unmasked

BOOT = '[2,"1","BootNotification",{}]'


def client_frame(body: bytes, opcode: int = 1) -> bytes:
    """A masked frame as a client sends it."""
    frame, mask = bytearray(server_frame(opcode, body)), os.urandom(4)
    frame[1] |= 0x80
    head = len(frame) - len(body)
    return bytes(frame[:head]) + mask + unmasked(body, mask)


@given(st.binary(max_size=300), st.binary(min_size=4, max_size=4))
def test_a_mask_twice_is_no_mask(body: bytes, mask: bytes) -> None:
    assert unmasked(unmasked(body, mask), mask) == body


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 70_001])
def test_a_frame_of_any_size_is_taken_whole(size: int) -> None:
    body = os.urandom(size)
    wire = client_frame(body) + client_frame(b"next")
    buffer = bytearray(wire[:-7])
    assert take_frame(buffer) == (1, body)
    assert take_frame(buffer) is None
    buffer += wire[-7:]
    assert take_frame(buffer) == (1, b"next")
    assert not buffer


def test_a_fragment_is_refused() -> None:
    with pytest.raises(ValueError, match="fragments"):
        take_frame(bytearray(b"\x01\x83abcdxyz"))


async def station(csms: LoopbackCsms, version: str = "ocpp2.0.1") -> ClientConnection:
    return await connect(f"{csms.url}/CS001", subprotocols=[Subprotocol(version)])


async def test_a_call_is_noted_and_answered() -> None:
    async with LoopbackCsms() as csms, await station(csms) as socket:
        assert socket.subprotocol == "ocpp2.0.1"
        await socket.send(BOOT)
        answer = await socket.recv()
        assert '"status":"Accepted"' in str(answer)
        assert [(a.action, a.connection) for a in csms.arrivals] == [("BootNotification", 1)]
        assert csms.count("BootNotification") == 1


async def test_a_start_that_is_repeated_gets_the_same_number() -> None:
    async with LoopbackCsms() as csms, await station(csms, "ocpp1.6") as socket:
        answers = []
        for number, meter in enumerate((7, 7, 8)):
            await socket.send(f'[2,"{number}","StartTransaction",{{"meterStart":{meter}}}]')
            answers.append(str(await socket.recv()).partition("transactionId")[2][:4])
        assert answers[0] == answers[1] != answers[2]


async def test_the_csms_calls_the_station() -> None:
    async with LoopbackCsms() as csms, await station(csms) as socket:
        await csms.until(lambda: csms.connected)
        asking = asyncio.create_task(csms.call("GetVariables", {"a": 1}))
        assert await socket.recv() == '[2,"csms-1","GetVariables",{"a":1}]'
        await socket.send('[3,"csms-1",{"b":2}]')
        result, took_s = await asking
        assert result == {"b": 2}
        assert 0 < took_s < 5


async def test_a_refused_call_is_an_error() -> None:
    async with LoopbackCsms() as csms, await station(csms) as socket:
        await csms.until(lambda: csms.connected)
        asking = asyncio.create_task(csms.call("GetVariables", {}))
        await socket.recv()
        await socket.send('[4,"csms-1","NotSupported","",{}]')
        with pytest.raises(RuntimeError, match="NotSupported"):
            await asking


async def test_a_call_fails_when_the_station_goes() -> None:
    async with LoopbackCsms() as csms, await station(csms) as socket:
        await csms.until(lambda: csms.connected)
        asking = asyncio.create_task(csms.call("GetVariables", {}))
        await socket.recv()
        await socket.close()
        with pytest.raises(ConnectionResetError):
            await asking
        with pytest.raises(ConnectionError):
            await csms.call("GetVariables", {})


async def test_waiting_for_what_does_not_come_ends() -> None:
    async with LoopbackCsms() as csms:
        with pytest.raises(TimeoutError):
            await csms.until(lambda: False, 0.01)


async def test_a_ping_is_answered() -> None:
    async with LoopbackCsms() as csms, await station(csms) as socket:
        pong = await socket.ping()
        assert await asyncio.wait_for(pong, 5) >= 0
