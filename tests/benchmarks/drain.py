"""A full outbox drained to the CSMS by a daemon that is killed before, during and after."""

import asyncio
import os
import random
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from agent.core.events import TransactionEvent
from agent.core.vocabulary import TransactionPhase
from tests.benchmarks import processes, sessions
from tests.benchmarks.effort import Effort
from tests.benchmarks.loopback_csms import Arrival, LoopbackCsms, Payload
from tests.benchmarks.report import Aim, Figure
from tests.benchmarks.station import BenchStation

VERSIONS = ("ocpp2.0.1", "ocpp1.6")
SEED = 20261121
KILL_WITHIN_S = 0.003
DRAIN_TIMEOUT_S = 300.0
LONG_ENOUGH = 50
"""A connection that carried fewer events says nothing about speed."""
RATE_PER_S, BYTES_PER_EVENT, RESENT_PER_KILL = 700.0, 8_000.0, 1.0

Identity = tuple[object, ...]


@dataclass
class Ledger:
    """What of the stored events has arrived, and how often."""

    expected: int
    first_arrivals: dict[Identity, Arrival] = field(default_factory=dict)
    arrivals: int = 0
    by_connection: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))

    def note(self, arrival: Arrival) -> None:
        """Take note of a CALL, if it belongs to a transaction."""
        identity = identity_of(arrival.action, arrival.payload)
        if identity is None:
            return
        self.arrivals += 1
        self.first_arrivals.setdefault(identity, arrival)
        self.by_connection[arrival.connection].append(arrival.at_s)

    @property
    def known(self) -> int:
        """How many different events have arrived."""
        return len(self.first_arrivals)

    @property
    def resent(self) -> int:
        """How many arrived again."""
        return self.arrivals - self.known

    @property
    def rate_per_s(self) -> float:
        """Events per second while a connection was draining, restarts left out."""
        return rate_per_s(list(self.by_connection.values()))


async def measure(effort: Effort) -> list[Figure]:
    """Drain one station for each kind of transaction message."""
    figures = []
    for version in VERSIONS:
        figures += await drain(effort, version, effort.times(10_000, 1_500), effort.times(8, 3))
    return figures


async def drain(effort: Effort, version: str, count: int, kills: int) -> list[Figure]:
    """Fill, kill before, drain with kills, kill after; return what came of it."""
    chance = random.Random(SEED)  # noqa: S311 - repeatable, not secret
    folder = effort.subfolder(f"drain-{version}")
    async with LoopbackCsms() as csms, BenchStation(folder, csms.url, version) as station:
        begin_s, before = time.monotonic(), processes.bytes_written(os.getpid())
        async with sessions.opened(station.config_file) as stored:
            await stored.store(count)
        written = processes.bytes_written(os.getpid()) - before
        filling_s = time.monotonic() - begin_s
        events = stored.events
        effort.tell(f"{version}: {len(events)} events stored in {filling_s:.1f} s")
        ledger = Ledger(expected_calls(events, version))
        csms.on_arrival = ledger.note
        await station.start_guard()
        begin_s = time.monotonic()
        drained = await _drain(station, csms, ledger, kills, chance)
        took_s = time.monotonic() - begin_s
        await _kill_after(station, csms)
    return _figures(version, ledger, _Account(len(events), written, drained, kills, took_s))


async def _drain(
    station: BenchStation, csms: LoopbackCsms, ledger: Ledger, kills: int, chance: random.Random
) -> int:
    """Drain everything over several lives of the daemon; return the bytes that they wrote."""
    station.start()
    await csms.until(lambda: csms.count("BootNotification") > 0)
    written = await station.kill()
    points = sorted(chance.randrange(1, ledger.expected) for _ in range(kills))
    for point in points:
        station.start()
        await csms.until(lambda: ledger.known >= point, DRAIN_TIMEOUT_S)  # noqa: B023 - awaited here
        await asyncio.sleep(chance.uniform(0.0, KILL_WITHIN_S))
        written += await station.kill()
    station.start()
    try:
        await csms.until(lambda: ledger.known >= ledger.expected, DRAIN_TIMEOUT_S)
        await station.until(lambda state: state["csms"]["queued_events"] == 0)
    except TimeoutError:
        pass  # what is missing is the figure
    return written + await station.kill()


async def _kill_after(station: BenchStation, csms: LoopbackCsms) -> None:
    """Let the daemon come up once more, which must have nothing left to tell."""
    boots = csms.count("BootNotification")
    station.start()
    await csms.until(lambda: csms.count("BootNotification") > boots)
    await station.until(lambda state: state["csms"]["queued_events"] == 0)
    await station.stop()


@dataclass(frozen=True, slots=True)
class _Account:
    events: int
    written_filling: int
    written_draining: int
    kills: int
    took_s: float


def _figures(version: str, ledger: Ledger, account: _Account) -> list[Figure]:
    written = account.written_filling + account.written_draining
    events, kills = account.events, account.kills + 2
    return [
        Figure(
            name=f"drain rate, {version}",
            unit="events/s",
            measured=ledger.rate_per_s,
            aim=RATE_PER_S,
            side=Aim.AT_LEAST,
            samples=ledger.arrivals,
            note=f"all of it with {kills} kills and restarts: {account.took_s:.1f} s",
        ),
        Figure(
            name=f"lost, {version}",
            unit="events",
            measured=ledger.expected - ledger.known,
            aim=0,
            samples=ledger.expected,
            note=f"{kills} times kill -9",
        ),
        Figure(
            name=f"sent again for each kill, {version}",
            unit="events",
            measured=ledger.resent / kills,
            aim=RESENT_PER_KILL,
            samples=kills,
            note=f"{ledger.resent} in all",
        ),
        Figure(
            name=f"written to disk for each event, {version}",
            unit="B",
            measured=written / events,
            aim=BYTES_PER_EVENT,
            samples=events,
            note=f"{account.written_filling / events:,.0f} filling,"
            f" {account.written_draining / events:,.0f} draining",
        ),
    ]


def identity_of(action: str, payload: Payload) -> Identity | None:
    """Return what makes a transaction message that one and no other; None for other messages."""
    match action:
        case "TransactionEvent":
            return (action, payload["transactionInfo"]["transactionId"], payload["seqNo"])
        case "StartTransaction":
            return (action, payload["timestamp"], payload["meterStart"])
        case "StopTransaction":
            return (action, payload["transactionId"])
        case "MeterValues":
            times = tuple(value["timestamp"] for value in payload["meterValue"])
            return (action, payload.get("transactionId"), times)
        case _:
            return None


def expected_calls(events: Sequence[TransactionEvent], version: str) -> int:
    """Return how many messages a version has for these events.

    2.x tells every one. 1.6 tells the one that names the token, the samples after it, and the end.
    """
    if version != "ocpp1.6":
        return len(events)
    return sum(
        event.phase is TransactionPhase.ENDED or event.starts_billing or bool(event.meter_values)
        for event in events
    )


def rate_per_s(connections: Sequence[Sequence[float]]) -> float:
    """Return arrivals per second from the arrival times on each connection; 0 if all are short."""
    long = [times for times in connections if len(times) >= LONG_ENOUGH]
    span_s = sum(times[-1] - times[0] for times in long)
    return sum(len(times) - 1 for times in long) / span_s if span_s > 0 else 0.0
