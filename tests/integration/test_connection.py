import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection

from agent.ocpp.connection import (
    CallError,
    CallTimeout,
    CloseCause,
    Connection,
    ConnectionLost,
    Direction,
    Handlers,
    Reply,
    connect,
)
from agent.ocpp.dialect import Dialect, RpcErrorCode
from agent.ocpp.framing import Flaw, FrameLimits, Payload, UnencodableFrame
from agent.ocpp.rpc import CallRejected, MessageTypeUnavailable, Rpc
from agent.ocpp.rpc_events import ResultRejected, RpcEvent
from tests.integration.csms_doubles import (
    RawScript,
    Script,
    accept,
    answer,
    answer_all,
    make_endpoint,
    raw_csms,
    receive,
    scripted_csms,
)
from tests.integration.station_process import until_true
from tests.patience import PATIENT_S

DIALECT = Dialect(
    answers_unreadable_frames=True,
    rejects_unknown_message_types=True,
    has_call_result_error=True,
    has_send=True,
)

SOON_S = PATIENT_S / 3
"""Long before the TCP connection of a CSMS that lingers would end."""


async def refuse_all(_action: str, _payload: Payload) -> Payload:
    raise CallRejected(RpcErrorCode.NOT_IMPLEMENTED)


REFUSING = Handlers(on_call=refuse_all)


@asynccontextmanager
async def connected(
    url: str, handlers: Handlers | None = REFUSING, **settings: Any
) -> AsyncIterator[Connection]:
    observer = settings.pop("on_frame", None)
    dialect = settings.pop("dialect", DIALECT)
    endpoint = make_endpoint(url, **settings)
    connection = await connect(endpoint, lambda _version: Rpc(dialect), on_frame=observer)
    if handlers is not None:
        connection.start(handlers)
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def with_csms(
    script: Script, handlers: Handlers = REFUSING, **settings: Any
) -> AsyncIterator[Connection]:
    async with scripted_csms(script) as url, connected(url, handlers, **settings) as connection:
        yield connection


@asynccontextmanager
async def with_raw_csms(script: RawScript, **settings: Any) -> AsyncIterator[Connection]:
    async with raw_csms(script) as url, connected(url, **settings) as connection:
        yield connection


# Our CALLs


async def test_a_call_is_answered() -> None:
    async def csms(socket: ServerConnection) -> None:
        number, message_id, *rest = await answer(socket, {"status": "Accepted"})
        assert (number, len(message_id), rest) == (2, 36, ["Boot", {"a": 1}])
        await answer_all(socket)

    async with with_csms(csms) as connection:
        reply = await connection.call("Boot", {"a": 1})
        assert reply.payload == {"status": "Accepted"}
        assert connection.subprotocol == "made.up1"
        assert connection.is_open
        assert (await connection.call("Heartbeat", {})).payload == {}
        assert connection.counters.calls_answered == 2


@pytest.mark.requirement("FR.01", "S16-CONN-04")
async def test_calls_of_many_tasks_leave_one_after_the_other_in_order() -> None:
    seen: list[str] = []

    async def csms(socket: ServerConnection) -> None:
        for _ in range(5):
            call = await receive(socket)
            seen.append(call[2])
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(socket.recv(), 0.01)
            await socket.send(json.dumps([3, call[1], {"n": call[2]}]))

    async with with_csms(csms) as connection:
        names = [f"Call{n}" for n in range(5)]
        replies = await asyncio.gather(*(connection.call(name, {}) for name in names))
    assert seen == names
    assert [reply.payload["n"] for reply in replies] == names


async def test_a_callerror_is_raised_with_its_code() -> None:
    async def csms(socket: ServerConnection) -> None:
        call = await receive(socket)
        await socket.send(json.dumps([4, call[1], "FormationViolation", "no", {"k": 1}]))
        await answer_all(socket)

    async with with_csms(csms) as connection:
        with pytest.raises(CallError, match="FormatViolation: 'no'") as caught:
            await connection.call("A", {})
        assert caught.value.code is RpcErrorCode.FORMAT_VIOLATION
        assert caught.value.reported_code == "FormationViolation"
        assert caught.value.details == {"k": 1}
        await connection.call("B", {})


async def test_a_call_that_cannot_be_written_leaves_the_connection_usable() -> None:
    async with with_csms(answer_all) as connection:
        with pytest.raises(UnencodableFrame):
            await connection.call("A", {"x": float("nan")})
        await connection.call("B", {})


@pytest.mark.requirement("S16-CONN-19")
async def test_an_unanswered_call_ends_the_connection() -> None:
    async def csms(socket: ServerConnection) -> None:
        await socket.wait_closed()

    async with with_csms(csms) as connection:
        with pytest.raises(CallTimeout, match="A was not answered within"):
            await connection.call("A", {}, timeout_s=0.02)
        closed = await connection.wait_closed()
        assert closed.cause is CloseCause.CALL_TIMEOUT
        assert not connection.is_open
        with pytest.raises(ConnectionLost, match="not answered in time"):
            await connection.call("B", {})


async def test_calls_that_wait_their_turn_fail_with_the_connection() -> None:
    async def csms(socket: ServerConnection) -> None:
        await socket.wait_closed()

    async with with_csms(csms, call_timeout_s=0.02) as connection:
        results = await asyncio.gather(
            connection.call("A", {}), connection.call("B", {}), return_exceptions=True
        )
    assert [type(result) for result in results] == [CallTimeout, ConnectionLost]


async def test_a_late_answer_is_not_taken_for_another_calls_answer() -> None:
    async def csms(socket: ServerConnection) -> None:
        await socket.send('[3,"an-earlier-call",{"wrong":true}]')
        await socket.send('[4,null,"FormatViolation","",{}]')
        await socket.send('[4,"-1","FormatViolation","",{}]')
        await answer_all(socket)

    async with with_csms(csms) as connection:
        assert (await connection.call("A", {})).payload == {}
        assert connection.counters.stray_answers == 3


async def test_a_connection_closed_during_a_call_fails_the_call_at_once() -> None:
    async def csms(socket: ServerConnection) -> None:
        await receive(socket)
        await socket.close(1011, "broker \n\x1b[31m gone")

    async with with_csms(csms) as connection:
        with pytest.raises(ConnectionLost, match="closed by the CSMS"):
            await connection.call("A", {})
        closed = await connection.wait_closed()
        assert (closed.cause, closed.code) == (CloseCause.CLOSED_BY_PEER, 1011)


async def test_a_cancelled_caller_does_not_let_a_second_call_overtake() -> None:
    arrived, release = asyncio.Event(), asyncio.Event()
    received: list[str] = []

    async def csms(socket: ServerConnection) -> None:
        call = await receive(socket)
        received.append(call[2])
        arrived.set()
        await release.wait()
        await socket.send(json.dumps([3, call[1], {}]))
        received.append((await answer(socket))[2])
        await socket.wait_closed()

    async with with_csms(csms) as connection:
        first = asyncio.create_task(connection.call("A", {}))
        await arrived.wait()
        first.cancel()
        second = asyncio.create_task(connection.call("B", {}))
        await asyncio.sleep(0.01)
        assert received == ["A"]
        release.set()
        await second
    assert received == ["A", "B"]
    assert first.cancelled()


async def test_a_caller_that_is_cancelled_before_its_turn_sends_nothing() -> None:
    async def csms(socket: ServerConnection) -> None:
        first = await receive(socket)
        await asyncio.sleep(0.02)
        await socket.send(json.dumps([3, first[1], {}]))
        assert (await answer(socket))[2] == "C"
        await socket.wait_closed()

    async with with_csms(csms) as connection:
        tasks = [asyncio.create_task(connection.call(name, {})) for name in "ABC"]
        await asyncio.sleep(0.005)
        tasks[1].cancel()
        assert isinstance(await tasks[0], Reply)
        assert isinstance(await tasks[2], Reply)


# CALLs of the CSMS


@pytest.mark.requirement("S16-CONN-05")
async def test_a_call_that_crosses_ours_is_served_before_ours_is_answered() -> None:
    async def csms(socket: ServerConnection) -> None:
        await socket.send('[2,"early","GetConfiguration",{}]')
        ours = await receive(socket)
        assert await receive(socket) == [3, "early", {"served": True}]
        await socket.send(json.dumps([3, ours[1], {}]))
        await socket.wait_closed()

    async def serve(_action: str, _payload: Payload) -> Payload:
        return {"served": True}

    async with scripted_csms(csms) as url, connected(url, None) as connection:
        with pytest.raises(RuntimeError, match="started before"):
            await connection.call("TooEarly", {})
        connection.start(Handlers(on_call=serve))
        with pytest.raises(RuntimeError, match="started already"):
            connection.start(REFUSING)
        await connection.call("BootNotification", {})
        assert connection.counters.calls_received == 1


async def test_a_handler_may_call_the_csms() -> None:
    async def csms(socket: ServerConnection) -> None:
        await socket.send('[2,"x","RemoteStart",{}]')
        assert (await answer(socket, {"status": "Accepted"}))[2] == "Authorize"
        result.set_result(await receive(socket))

    async def authorize(_action: str, _payload: Payload) -> Payload:
        return (await connection.call("Authorize", {})).payload

    result: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    async with scripted_csms(csms) as url, connected(url, None) as connection:
        connection.start(Handlers(on_call=authorize))
        assert await result == [3, "x", {"status": "Accepted"}]


@pytest.mark.requirement("F01.FR.01")
async def test_what_a_handler_starts_comes_after_its_answer() -> None:
    async def csms(socket: ServerConnection) -> None:
        await socket.send('[2,"x","RemoteStart",{}]')
        frames.append(await receive(socket))
        frames.append(await answer(socket))
        done.set()

    async def serve(_action: str, _payload: Payload) -> Payload:
        tasks.append(asyncio.create_task(connection.call("Authorize", {})))
        return {"status": "Accepted"}

    frames: list[Any] = []
    tasks: list[asyncio.Task[Reply]] = []
    done = asyncio.Event()
    async with scripted_csms(csms) as url, connected(url, None) as connection:
        connection.start(Handlers(on_call=serve))
        await done.wait()
        await tasks[0]
    assert [frame[0] for frame in frames] == [3, 2]


async def exchange(frames: list[str], handlers: Handlers, **settings: Any) -> list[Any]:
    """Send `frames` to a station; return what it sends until a final CALL is answered."""
    received: list[Any] = []
    finished = asyncio.Event()

    async def csms(socket: ServerConnection) -> None:
        for frame in frames:
            await socket.send(frame)
        await socket.send('[2,"last","Last",{}]')
        while not any(frame[1] == "last" for frame in received):
            received.append(await receive(socket))
        finished.set()
        await socket.wait_closed()

    async with with_csms(csms, handlers, **settings) as connection:
        await asyncio.wait_for(finished.wait(), 5)
        assert connection.is_open
    return [frame for frame in received if frame[1] != "last"]


async def test_a_handlers_refusal_is_sent_as_callerror() -> None:
    async def refuse(_action: str, _payload: Payload) -> Payload:
        raise CallRejected(RpcErrorCode.NOT_SUPPORTED, "no lock", {"evse": 1})

    frames = await exchange(['[2,"x","Unlock",{}]'], Handlers(on_call=refuse))
    assert frames == [[4, "x", "NotSupported", "no lock", {"evse": 1}]]


@pytest.mark.parametrize("fault", [KeyError("x"), RecursionError(), ValueError("secret-value")])
async def test_a_faulty_handler_is_answered_for_and_the_connection_lives(
    fault: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(_action: str, _payload: Payload) -> Payload:
        raise fault

    frames = await exchange(['[2,"x","Bug\\n",{}]'], Handlers(on_call=fail))
    assert frames == [[4, "x", "InternalError", "internal error", {}]]
    assert "the handler of 'Bug\\n' failed" in caplog.text


@pytest.mark.parametrize("payload", [{"x": float("nan")}, {"x": object()}])
async def test_an_answer_that_cannot_be_written_becomes_an_internal_error(payload: Any) -> None:
    async def serve(_action: str, _payload: Payload) -> Any:
        return payload

    frames = await exchange(['[2,"x","Bug",{}]'], Handlers(on_call=serve))
    assert [frame[:3] for frame in frames if frame[0] == 4] == [[4, "x", "InternalError"]]


async def test_a_handler_may_leave_a_call_unanswered() -> None:
    async def silent(action: str, _payload: Payload) -> Payload | None:
        return {} if action == "Last" else None

    assert await exchange(['[2,"x","A",{}]', '[2,"x","A",{}]'], Handlers(on_call=silent)) == []


async def test_a_slow_handler_holds_up_nothing() -> None:
    never = asyncio.Event()

    async def serve(action: str, _payload: Payload) -> Payload:
        if action == "Slow":
            await never.wait()
        return {}

    frames = await exchange(['[2,"s","Slow",{}]', '[2,"q","Quick",{}]'], Handlers(on_call=serve))
    assert frames == [[3, "q", {}]]


async def test_a_repeated_call_is_executed_once() -> None:
    executed: list[str] = []

    async def serve(action: str, _payload: Payload) -> Payload:
        executed.append(action)
        await asyncio.sleep(0)
        return {"done": action}

    frames = await exchange(['[2,"x","Reset",{}]'] * 3, Handlers(on_call=serve))
    assert executed == ["Reset", "Last"]
    assert frames
    assert all(frame == [3, "x", {"done": "Reset"}] for frame in frames)


async def test_violations_are_reported_counted_and_survived() -> None:
    flaws: list[Flaw] = []

    def report(flaw: Flaw) -> None:
        flaws.append(flaw)
        raise RuntimeError("observers have faults, too")

    handlers = Handlers(on_call=refuse_all, on_violation=report)
    frames = ["nonsense", '[2,"x",[],{}]', "[" * 50_000, '[2,"y","A",{"x":NaN}]', "[7]"]
    frames += ['[2,"z","A",{"x":"' + "y" * FrameLimits().frame_bytes + '"}]']
    answers = await exchange(frames, handlers)
    assert [frame[:2] for frame in answers] == [[4, i] for i in ("-1", "x", "-1", "y", "-1", "z")]
    assert len(flaws) == 6


async def test_a_binary_frame_is_a_violation_and_is_not_read() -> None:
    async def csms(socket: ServerConnection) -> None:
        await socket.send(b'[2,"x","Reset",{}]')
        await answer_all(socket)

    flaws: list[Flaw] = []
    handlers = Handlers(on_call=refuse_all, on_violation=flaws.append)
    async with with_csms(csms, handlers) as connection:
        await connection.call("A", {})
        assert flaws == [Flaw.BINARY]
        assert (connection.counters.violations, connection.counters.calls_received) == (1, 0)


async def test_a_flood_of_calls_is_slowed_down_and_every_call_is_answered() -> None:
    async def serve(_action: str, _payload: Payload) -> Payload:
        return {}

    calls = [f'[2,"c{n}","A",{{}}]' for n in range(300)]
    loop = asyncio.get_running_loop()
    began = loop.time()
    frames = await exchange(calls, Handlers(on_call=serve), calls_per_s=500, call_burst=200)
    assert sorted(frame[1] for frame in frames) == sorted(f"c{n}" for n in range(300))
    assert loop.time() - began >= 0.2


async def test_answers_to_our_calls_are_not_slowed_down() -> None:
    async with with_csms(answer_all, calls_per_s=0.1, call_burst=1) as connection:
        for _ in range(20):
            await connection.call("A", {})
        assert connection.counters.throttled == 0


async def test_a_fault_of_our_own_while_reading_ends_the_connection(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class FaultyRpc(Rpc):
        def receive(  # type: ignore[explicit-override]
            self, received: str | bytes, now: float
        ) -> list[RpcEvent]:
            raise RuntimeError("a fault")

    async with scripted_csms(answer_all) as url:
        connection = await connect(make_endpoint(url), lambda _version: FaultyRpc(DIALECT))
        connection.start(REFUSING)
        with pytest.raises(ConnectionLost):
            await connection.call("A", {})
        assert (await connection.wait_closed()).cause is CloseCause.LOST
    assert "reading from the CSMS failed" in caplog.text


# SEND, CALLRESULTERROR, observers


async def test_sends_go_both_ways() -> None:
    async def csms(socket: ServerConnection) -> None:
        await socket.send('[6,"s","Stream",{"id":1}]')
        sent.set_result(await receive(socket))
        await socket.wait_closed()

    sent: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    received: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    handlers = Handlers(on_call=refuse_all, on_send=lambda *what: received.set_result(what))
    async with with_csms(csms, handlers) as connection:
        await connection.send("Stream", {"id": 2})
        assert (await sent)[2:] == ["Stream", {"id": 2}]
        assert await received == ("Stream", {"id": 1})


async def test_an_unusable_answer_is_reported_to_its_sender_where_the_version_can() -> None:
    async def csms(socket: ServerConnection) -> None:
        await answer(socket, {"status": 5})
        reported.set_result(await receive(socket))
        await socket.send('[5,"x","FormatViolation","odd",{}]')
        await socket.wait_closed()

    loop = asyncio.get_running_loop()
    reported: asyncio.Future[Any] = loop.create_future()
    rejected: asyncio.Future[ResultRejected] = loop.create_future()
    handlers = Handlers(on_call=refuse_all, on_result_rejected=rejected.set_result)
    async with with_csms(csms, handlers) as connection:
        reply = await connection.call("A", {})
        await connection.reject_result(reply, RpcErrorCode.TYPE_CONSTRAINT_VIOLATION, "status")
        assert await reported == [5, reply.message_id, "TypeConstraintViolation", "status", {}]
        assert (await rejected).code is RpcErrorCode.FORMAT_VIOLATION


async def test_versions_without_these_message_types_send_none_of_them() -> None:
    plain = Dialect(answers_unreadable_frames=False, rejects_unknown_message_types=False)
    async with with_csms(answer_all, dialect=plain) as connection:
        with pytest.raises(MessageTypeUnavailable):
            await connection.send("Stream", {})
        reply = await connection.call("A", {})
        await connection.reject_result(reply, RpcErrorCode.FORMAT_VIOLATION)
        assert connection.counters.frames_out == 1


async def test_an_observer_sees_every_frame_and_the_log_sees_no_payload(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    seen: list[tuple[Direction, str]] = []

    def observe(direction: Direction, text: str) -> None:
        seen.append((direction, text))
        raise RuntimeError("observers have faults, too")

    async with with_csms(answer_all, on_frame=observe) as connection:
        await connection.call("SetPassword", {"password": "hunter2"})
    assert [direction for direction, _ in seen] == [Direction.OUT, Direction.IN]
    assert "hunter2" in seen[0][1]
    assert "hunter2" not in "".join(
        record.getMessage() for record in caplog.records if record.name.startswith("agent.")
    )


# The end


async def test_a_close_frame_on_a_tcp_connection_that_stays_open_is_the_end() -> None:
    async def csms(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer, "made.up1")
        writer.write(b"\x88\x02" + (1011).to_bytes(2))
        await asyncio.sleep(60)

    async with with_raw_csms(csms) as connection:
        closed = await asyncio.wait_for(connection.wait_closed(), SOON_S)
        assert (closed.cause, closed.code) == (CloseCause.CLOSED_BY_PEER, 1011)


async def test_a_call_fails_soon_after_a_close_frame_on_a_lingering_tcp_connection() -> None:
    async def csms(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer, "made.up1")
        await reader.read(10)
        writer.write(b"\x88\x00")
        await asyncio.sleep(60)

    async with with_raw_csms(csms) as connection:
        with pytest.raises(ConnectionLost):
            await asyncio.wait_for(connection.call("A", {}), SOON_S)


BROKEN = {
    "reserved bit": b"\xc1\x02[]",
    "masked": b"\x81\x82\0\0\0\0[]",
    "stray continuation": b"\x80\x02[]",
    "invalid UTF-8": b"\x81\x02\xff\xfe",
    "unknown opcode": b"\x83\x00",
    "huge": b"\x81\x7f" + (2**62).to_bytes(8),
    "malformed close": b"\x88\x01\x03",
    "close inside a message": b"\x01\x01[\x88\x02\x03\xe8",
}


@pytest.mark.parametrize("frames", BROKEN.values(), ids=BROKEN)
async def test_a_broken_websocket_is_the_end(frames: bytes) -> None:
    async def csms(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer, "made.up1")
        writer.write(frames)
        await asyncio.sleep(60)

    async with with_raw_csms(csms) as connection:
        closed = await asyncio.wait_for(connection.wait_closed(), SOON_S)
        assert closed.cause in (CloseCause.LOST, CloseCause.CLOSED_BY_PEER)


async def test_a_reset_connection_is_the_end() -> None:
    async def csms(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer, "made.up1")
        await reader.read(10)
        writer.transport.abort()

    async with with_raw_csms(csms) as connection:
        with pytest.raises(ConnectionLost, match="lost"):
            await connection.call("A", {})
        assert (await connection.wait_closed()).cause is CloseCause.LOST


async def test_an_unanswered_ping_is_the_end() -> None:
    async def csms(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer, "made.up1")
        await asyncio.sleep(60)

    async with with_raw_csms(csms, ping_interval_s=0.02, pong_timeout_s=0.02) as connection:
        closed = await asyncio.wait_for(connection.wait_closed(), SOON_S)
        assert closed.cause is CloseCause.PING_UNANSWERED


async def test_a_csms_that_sends_anything_at_all_is_alive() -> None:
    async def csms(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer, "made.up1")
        for _ in range(1000):
            writer.write(b"\x8a\x00\x89\x00")
            await writer.drain()
            await asyncio.sleep(0.005)

    async with with_raw_csms(csms, ping_interval_s=0.1, pong_timeout_s=0.5) as connection:
        await asyncio.sleep(1.2)
        assert connection.is_open


async def test_a_second_pong_for_each_ping_does_not_hide_that_the_csms_dies() -> None:
    pings = 0

    async def csms(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal pings
        await accept(reader, writer, "made.up1")
        while pings < 3:
            head = await reader.readexactly(2)
            mask = await reader.readexactly(4)
            masked = await reader.readexactly(head[1] & 0x7F)
            assert head[0] == 0x89
            pings += 1
            data = bytes(byte ^ mask[i % 4] for i, byte in enumerate(masked))
            pong = b"\x8a" + bytes([len(data)]) + data
            writer.write(pong + pong + b"\x89\x00" + b"\x89\x04ping")
            await reader.readexactly(2 + 4 + 2 + 4 + 4)  # the two pongs of the station
        await asyncio.sleep(60)

    async with with_raw_csms(csms, ping_interval_s=0.02, pong_timeout_s=1.0) as connection:
        closed = await asyncio.wait_for(connection.wait_closed(), SOON_S)
        assert closed.cause is CloseCause.PING_UNANSWERED
        assert pings == 3


@pytest.mark.requirement("S16-CONN-17")
async def test_pings_are_sent_at_their_interval_and_answered_pings_keep_the_connection() -> None:
    pings = 0

    async def csms(socket: ServerConnection) -> None:
        nonlocal pings
        receive_data = socket.protocol.receive_data

        def count(data: bytes | bytearray) -> None:
            nonlocal pings
            pings += data[:1] == b"\x89"
            receive_data(data)

        socket.protocol.receive_data = count  # type: ignore[method-assign]
        await socket.wait_closed()

    loop = asyncio.get_running_loop()
    async with with_csms(csms, ping_interval_s=0.02, pong_timeout_s=SOON_S) as connection:
        begun_s = loop.time()
        await until_true(lambda: pings >= 5)
        assert connection.is_open
        assert loop.time() - begun_s >= 0.02 * 3


async def test_a_peer_that_does_not_read_is_given_up() -> None:
    async def csms(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer, "made.up1")
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.sleep(60)

    async with with_raw_csms(csms, call_timeout_s=0.05) as connection:
        calls = [connection.send("Stream", {"x": "y" * 10**6}) for _ in range(30)]
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert any(isinstance(result, ConnectionLost) for result in results)
        assert (await connection.wait_closed()).cause is CloseCause.PEER_NOT_READING


async def test_closing_says_goodbye() -> None:
    async def csms(socket: ServerConnection) -> None:
        await socket.wait_closed()
        code.set_result(socket.close_code)

    code: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
    async with with_csms(csms) as connection:
        await connection.close(1001)
        assert (await connection.wait_closed()).cause is CloseCause.CLOSED_BY_US
        assert await code == 1001
        with pytest.raises(ConnectionLost, match="closed by the station"):
            await connection.send("Stream", {})


async def test_aborting_does_not_wait_for_anybody() -> None:
    async def csms(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer, "made.up1")
        await asyncio.sleep(60)

    async with with_raw_csms(csms) as connection:
        call = asyncio.create_task(connection.call("A", {}))
        await asyncio.sleep(0.01)
        connection.abort()
        with pytest.raises(ConnectionLost, match="aborted"):
            await call
        assert (await connection.wait_closed()).cause is CloseCause.ABORTED


async def test_closing_a_silent_peer_takes_no_longer_than_allowed() -> None:
    async def csms(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer, "made.up1")
        await asyncio.sleep(60)

    async with with_raw_csms(csms) as connection:
        await asyncio.wait_for(connection.close(), SOON_S)


async def test_a_connection_that_was_never_started_can_be_closed() -> None:
    async with scripted_csms(answer_all) as url, connected(url, None) as connection:
        await connection.close()
        assert (await connection.wait_closed()).cause is CloseCause.CLOSED_BY_US
