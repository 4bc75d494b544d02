"""A whole station against a CSMS that does not keep to the protocol, to HTTP or to its own time."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from agent.ocpp.endpoint import SecurityProfile
from agent.sim.csms import Csms
from agent.sim.frames import result_text
from agent.sim.misbehaviour import (
    CallHook,
    Ending,
    answer_call_error,
    answer_late,
    answer_twice,
    end_connection,
    never_answer,
    select_subprotocol,
)
from tests.integration.csms_doubles import accept, raw_csms
from tests.integration.hostile_rig import charging_station
from tests.integration.station_process import StationProcess, until_true
from tests.integration.test_tls import server_context
from tests.patience import PATIENT_S
from tests.throw_away_ca import LOOPBACK, Recipe, issue

OFFLINE_TOKENS = """
"AuthCtrlr.OfflineTxForUnknownIdEnabled" = true
"OCPPCommCtrlr.RetryBackOffRepeatTimes" = 0
"OCPPCommCtrlr.MessageAttemptInterval[TransactionEvent]" = 1
"""
PASSWORD = "the-right-password-01"
OTHER_PASSWORD = "another-password-0002"
CLOSE = b"\x88\x02\x03\xe8"
SCHEMA_BREACH = {"status": "Perhaps", "currentTime": 7, "idTokenInfo": [], "transactionId": "x"}


def answer_with(payload: dict[str, Any], *actions: str, times: int | None = None) -> CallHook:
    """Answer with this payload, whatever was asked."""
    return CallHook(
        lambda call, plan: replace(plan, answer=result_text(call.message_id, payload)),
        actions or None,
        times,
    )


FAULTS: dict[str, Callable[[], CallHook]] = {
    "answers late": lambda: answer_late(0.4, times=2),
    "answers twice": lambda: answer_twice(times=2),
    "answers after the time-out": lambda: answer_late(1.3, times=1),
    "does not answer": lambda: never_answer(times=1),
    "answers for nobody": lambda: answer_call_error(odd_id=lambda _id: "nobody", times=1),
    "answers for null": lambda: answer_call_error(odd_id=lambda _id: None, times=1),
    "answers with a breach of the schema": lambda: answer_with(SCHEMA_BREACH, times=1),
    "closes in the middle of a CALL": lambda: end_connection(Ending.CLOSE),
    "kills TCP in the middle of a CALL": lambda: end_connection(Ending.ABORT),
    "closes after its answer": lambda: end_connection(Ending.CLOSE, answered=True),
}


@pytest.mark.parametrize(("version", "first"), [("ocpp1.6", 0), ("ocpp2.1", 1)])
async def test_a_session_outlives_every_fault_of_the_csms(
    version: str, first: int, tmp_path: Path
) -> None:
    settings = {"message_timeout_s": 1, "variables": OFFLINE_TOKENS}
    async with charging_station(version, tmp_path, **settings) as hostile:
        for name, fault in list(FAULTS.items())[first::2]:
            hook = hostile.csms.misbehave(fault())
            await hostile.csms.wait_for(lambda _, hook=hook: hook.count >= 1, PATIENT_S)
            await asyncio.sleep(0.1)
            hostile.csms.behave()
            await hostile.is_served()
            assert hostile.wrong == [], name
            await hostile.still_charges()
        hostile.csms.misbehave(select_subprotocol(None, times=1))
        hostile.station.drop()
        await asyncio.sleep(0.2)
        hostile.csms.behave()
        await hostile.is_served()
        await hostile.end_of_charging()
        hostile.check_log()


BOOTS: dict[str, dict[str, Any]] = {
    "interval -1": {"status": "Pending", "interval": -1},
    "interval 10^19": {"status": "Pending", "interval": 10**19},
    "rejected": {"status": "Rejected", "interval": 10**6},
    "nonsense": {"status": "Perhaps"},
}


@pytest.mark.parametrize("boot", BOOTS)
async def test_a_station_that_is_never_accepted_charges_by_its_own_rules(
    boot: str, tmp_path: Path
) -> None:
    async with Csms(ping_interval_s=None) as csms:
        station = StationProcess(tmp_path, csms.url, ("ocpp2.0.1",), variables=OFFLINE_TOKENS)
        answer = {"currentTime": "2026-01-01T00:00:00Z", **BOOTS[boot]}
        hook = csms.misbehave(answer_with(answer, "BootNotification"))
        try:
            await station.start()
            await csms.wait_for(lambda _: hook.count == 1, PATIENT_S)
            await station.charge()
            assert hook.count == 1, "it does not hammer"
            assert not csms.station("CS001").transactions
            assert await station.stop() == 0
            assert "Traceback" not in station.log
        finally:
            await station.dispose()


@pytest.mark.parametrize(
    ("told", "interval"),
    [
        ("1970-01-01T00:00:00Z", 300),
        ("2106-02-07T06:28:16Z", 0),
        ("9999-12-31T23:59:59-14:00", 10**9),
    ],
)
async def test_an_absurd_time_neither_stops_nor_dates_a_session(
    told: str, interval: int, tmp_path: Path
) -> None:
    async with Csms(ping_interval_s=None, validate=False) as csms:
        station = StationProcess(tmp_path, csms.url, ("ocpp2.0.1",))
        boot = {"status": "Accepted", "currentTime": told, "interval": interval}
        csms.misbehave(answer_with(boot, "BootNotification"))
        csms.misbehave(answer_with({"currentTime": told}, "Heartbeat"))
        try:
            await station.start()
            known = csms.station("CS001")
            transaction = await station.charge()
            await station.bench("swipe", token="DEADBEEF")
            await station.until(lambda e: e["transaction"] is None)
            record = await csms.wait_for(lambda _: known.transactions.get(transaction), PATIENT_S)
            await csms.wait_for(lambda _: record.ended, PATIENT_S)
            assert record.started_at is not None
            assert record.ended_at is not None
            assert 0 < (record.ended_at - record.started_at).total_seconds() < 30
            assert record.started_at.year in (2106, csms.now().year)
            assert await station.stop() == 0
            assert "Traceback" not in station.log
        finally:
            await station.dispose()


ASKED_TO_WAIT_S = 2.0
HTTP_ANSWERS = (
    "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:{other}/\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "no HTTP at all\r\n\r\n",
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\nContent-Length: 0\r\n\r\n",
)


@asynccontextmanager
async def station_at(url: str, folder: Path) -> AsyncIterator[StationProcess]:
    """Start a station that charges without its CSMS; it must not have stumbled in the end."""
    settings: dict[str, Any] = {"variables": OFFLINE_TOKENS, "message_timeout_s": 1}
    station = StationProcess(folder, url, ("ocpp2.0.1",), **settings)
    try:
        await station.start()
        await station.charge()
        yield station
        assert (await station.evse())["contactor_closed"]
        assert await station.stop() == 0
        assert "Traceback" not in station.log
    finally:
        await station.dispose()


async def test_no_answer_to_the_handshake_leads_astray_or_to_haste(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    attempts: list[float] = []
    astray: list[bytes] = []
    other = 0

    async def elsewhere(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        astray.append(await reader.read(100))

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        attempts.append(loop.time())
        answer = HTTP_ANSWERS[min(len(attempts), len(HTTP_ANSWERS)) - 1]
        writer.write(answer.format(other=other).encode())
        await writer.drain()

    async with raw_csms(elsewhere) as elsewhere_url, raw_csms(script) as url:
        other = int(elsewhere_url.split(":")[2].split("/")[0])
        async with station_at(url, tmp_path):
            await until_true(lambda: len(attempts) == len(HTTP_ANSWERS), PATIENT_S)
            await asyncio.sleep(ASKED_TO_WAIT_S - 0.5)
        assert len(attempts) == len(HTTP_ANSWERS)
        assert min(after - before for before, after in pairwise(attempts)) >= 0.99
        assert astray == []


async def test_odd_bytes_on_the_websocket_end_the_connection_and_nothing_else(
    tmp_path: Path,
) -> None:
    text = b'[2,"x","Reset",{}]'
    garbage = (
        b"\x81\xfe" + b"\xff" * 100,  # masked, which no server may
        b"\xc1" + bytes([len(text)]) + text,  # a reserved bit: compressed, it claims
        b"\x80\x05hello",  # a continuation of nothing
        b"\x81\x7f" + b"\x7f" + b"\xff" * 7,  # a frame of 9 exabytes
        b"\x88\x02\x03\xe7",  # close with a code that none may send
        CLOSE,  # and TCP stays open
        b"\x81\x04\xff\xfe\xfd\xfc",  # no UTF-8
    )
    turn = 0

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal turn
        await accept(reader, writer, "ocpp2.0.1")
        writer.write(b"\x8a\x00" * 50 + b"\x89\x00" * 50 + garbage[turn % len(garbage)])
        turn += 1
        keeps_tcp_open = garbage[(turn - 1) % len(garbage)] == CLOSE
        with contextlib.suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(10 if keeps_tcp_open else 0.3):
                while await reader.read(1000):
                    pass

    async with raw_csms(script) as url, station_at(url, tmp_path):
        await until_true(lambda: turn > len(garbage), PATIENT_S)


# TLS and passwords


@asynccontextmanager
async def station_with_password(
    tmp_path: Path, csms: Csms, version: str, profile: SecurityProfile
) -> AsyncIterator[StationProcess]:
    (tmp_path / "password").write_text(PASSWORD + "\n")
    (tmp_path / "password").chmod(0o600)
    lines = f'password_file = "{tmp_path}/password"\n'
    if profile is SecurityProfile.TLS_BASIC:
        lines += f'ca_file = "{tmp_path}/CA.crt"\n'
    station = StationProcess(
        tmp_path,
        csms.url,
        (version,),
        profile=profile,
        csms=lines,
        log_level="debug",
        variables=OFFLINE_TOKENS,
    )
    try:
        yield station
        assert PASSWORD not in station.log
        assert "Authorization" not in station.log
        assert "Traceback" not in station.log
    finally:
        await station.dispose()


async def told_later(csms: Csms, kind: str) -> None:
    """The event waited in the queue until the CSMS could be trusted."""
    known = await csms.wait_for_station("CS001", PATIENT_S)
    await csms.wait_for(
        lambda _: kind in {event.type for event in known.security_events}, PATIENT_S
    )


CERTIFICATES = {
    "of another CA": ("ocpp2.0.1", "InvalidCsmsCertificate"),
    "for another host": ("ocpp1.6", "InvalidCentralSystemCertificate"),
}


@pytest.mark.requirement("A00.FR.308", "A00.FR.309", "A00.FR.310", "A00.FR.311", "A04.FR.02")
@pytest.mark.parametrize("kind", CERTIFICATES)
async def test_no_password_goes_to_a_server_that_cannot_prove_itself(
    kind: str, tmp_path: Path
) -> None:
    version, event = CERTIFICATES[kind]
    ca = issue("CA", folder=tmp_path)
    honest = Recipe(names=[LOOPBACK])
    good = issue("csms", ca, honest, tmp_path)
    if kind == "of another CA":
        bad = issue("impostor", issue("Other CA", folder=tmp_path), honest, tmp_path)
    else:
        bad = issue("elsewhere", ca, Recipe(), tmp_path)
    csms = Csms(ping_interval_s=None, password=PASSWORD, ssl=server_context(bad))
    await csms.start()
    profile = SecurityProfile.TLS_BASIC
    try:
        async with station_with_password(tmp_path, csms, version, profile) as station:
            await station.start()
            await station.says("next attempt")
            assert csms.handshakes == []
            assert not (await station.bench("state"))["csms"]["connected"]
            await csms.stop()
            csms.ssl = server_context(good)
            await csms.start()
            await told_later(csms, event)
    finally:
        await csms.stop()


@pytest.mark.requirement("A00.FR.204")
async def test_a_refused_password_is_logged_once(tmp_path: Path) -> None:
    async with Csms(ping_interval_s=None, password=OTHER_PASSWORD) as csms:
        profile = SecurityProfile.BASIC
        async with station_with_password(tmp_path, csms, "ocpp2.0.1", profile) as station:
            await station.start()
            await csms.wait_for(lambda c: len(c.handshakes) >= 2, PATIENT_S)
            assert {shake.status for shake in csms.handshakes} == {401}
            csms.password = PASSWORD
            await told_later(csms, "StartupOfTheDevice")
            assert (await station.security_log()).count("FailedToAuthenticateAtCsms") == 1


async def test_a_tls_server_that_hangs_up_over_the_password_is_not_hammered(
    tmp_path: Path,
) -> None:
    """It writes 401 and destroys the socket, so the station sees no whole answer."""
    loop = asyncio.get_running_loop()
    attempts: list[float] = []
    ca = issue("CA", folder=tmp_path)
    context = server_context(issue("csms", ca, Recipe(names=[LOOPBACK]), tmp_path))

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            attempts.append(loop.time())
            writer.write(b"HTTP/1.1 401 Unauthorized\r\nContent-Le")
            writer.transport.abort()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    csms = Csms(port=port, ping_interval_s=None, password=PASSWORD, ssl=context)
    profile = SecurityProfile.TLS_BASIC
    try:
        async with station_with_password(tmp_path, csms, "ocpp2.0.1", profile) as station:
            station.variables = station.variables.replace('RepeatTimes" = 0', 'RepeatTimes" = 1')
            await station.start()
            await until_true(lambda: len(attempts) == 3, PATIENT_S)
            waits_s = [after - before for before, after in pairwise(attempts)]
            assert waits_s[0] >= 0.99
            assert waits_s[1] >= 1.99
            server.close()
            await csms.start()
            await csms.wait_for_station("CS001", PATIENT_S)
    finally:
        server.close()
        await csms.stop()
