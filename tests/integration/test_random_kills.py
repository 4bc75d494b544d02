"""The daemon is killed at random moments of sessions; nothing that happened may be lost.

The plant runs in a process of its own, so that what it delivered is the truth to compare with.
"""

import asyncio
import contextlib
import random
from collections.abc import Collection
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from agent.sim.csms import Csms
from agent.sim.csms_model import TransactionRecord
from tests.integration.station_process import StationProcess

TOKEN = "DEADBEEF"  # the text of an RFID card
SEED = 20261121


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("version", "few", "many"),
    [("ocpp2.0.1", 8, 50), ("ocpp1.6", 4, 15), ("ocpp2.1", 4, 15)],
    ids=["ocpp2.0.1", "ocpp1.6", "ocpp2.1"],
)
@pytest.mark.requirement("E01.FR.07", "E01.FR.08", "E04.FR.01", "E04.FR.02", "S16-TXM-01")
async def test_random_kills_lose_and_invent_nothing(
    tmp_path: Path, pytestconfig: pytest.Config, version: str, few: int, many: int
) -> None:
    kills = many if pytestconfig.getoption("--many-kills") else few
    chance = random.Random(SEED)  # noqa: S311 - repeatable, not secret
    csms = Csms(ping_interval_s=None, station_timeout_s=5)
    await csms.start()
    station = StationProcess(tmp_path, csms.url, (version,))
    try:
        await station.start()
        left = kills
        while left > 0:
            left -= await session_with_kills(station, csms, chance, left)
        truth = await station.until(lambda evse: evse["transaction"] is None)
        record = csms.station("CS001")
        await delivered(station, record.transactions.values())
        check_transactions(list(record.transactions.values()))
        billed = sum((t.energy_wh for t in record.transactions.values()), Decimal(0))
        rounding = len(record.transactions) if version == "ocpp1.6" else Decimal("0.01")
        assert abs(billed - Decimal(str(truth["delivered_wh"]))) <= rounding
        resent = sum(t.duplicates for t in record.transactions.values())
        assert resent <= kills
    finally:
        await station.dispose()
        await csms.stop()


async def session_with_kills(
    station: StationProcess, csms: Csms, chance: random.Random, most: int
) -> int:
    """Run one session and kill the daemon up to three times during it; return how often."""
    kills = 0
    await persist(station, "plug_in")
    await persist(station, "swipe", token=TOKEN)
    for _ in range(min(most, chance.randint(1, 3))):
        await asyncio.sleep(chance.uniform(0.0, 1.2))
        await crash(station, csms, chance)
        kills += 1
        await authorized_again(station)
    await asyncio.sleep(chance.uniform(0.0, 0.8))
    if chance.random() < 0.5:
        await persist(station, "swipe", token=TOKEN)
    await persist(station, "plug_out")
    await station.until(lambda evse: evse["transaction"] is None and not evse["plugged_in"])
    return kills


async def crash(station: StationProcess, csms: Csms, chance: random.Random) -> None:
    """Kill the daemon, sometimes while the CSMS is away, and start it again."""
    absent = chance.random() < 0.3
    if absent:
        await csms.stop(abort=True)
        await asyncio.sleep(chance.uniform(0.0, 0.5))
    await station.kill()
    csms.station("CS001").expect_boot()
    await station.start()
    if absent:
        await asyncio.sleep(chance.uniform(0.0, 1.0))
        await csms.start()


async def authorized_again(station: StationProcess) -> None:
    """A kill before the verdict forgets the tap, as a driver would notice: tap again."""
    evse = await station.until(lambda evse: evse["plugged_in"])
    if not evse["authorized"] and evse["transaction"] is None:
        await persist(station, "swipe", token=TOKEN)


async def persist(station: StationProcess, op: str, **arguments: Any) -> None:
    with contextlib.suppress(OSError):
        await station.bench(op, **arguments)


async def delivered(station: StationProcess, transactions: Collection[TransactionRecord]) -> None:
    """Wait until the CSMS has everything: the queue may be empty just before the end is in it."""
    for _ in range(300):
        queued = (await station.bench("state"))["csms"]["queued_events"]
        if queued == 0 and all(transaction.end_wh is not None for transaction in transactions):
            return
        await asyncio.sleep(0.1)
    raise AssertionError("the queue did not drain, or a transaction has no end")


def check_transactions(transactions: list[TransactionRecord]) -> None:
    assert transactions
    for transaction in transactions:
        assert transaction.begin_wh is not None, transaction
        assert transaction.end_wh is not None, transaction
        numbers = sorted({event.seq_no for event in transaction.events if event.seq_no is not None})
        assert numbers == list(range(len(numbers))), transaction
    ordered = sorted(transactions, key=lambda t: t.begin_wh or 0)
    for earlier, later in pairwise(ordered):
        assert earlier.end_wh is not None
        assert later.begin_wh is not None
        assert earlier.end_wh <= later.begin_wh
