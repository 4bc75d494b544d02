"""The store's promises under kill -9: a real process, killed again and again at random moments."""

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agent.store.counters import Counters
from agent.store.errors import StoreInUse
from agent.store.files import InstanceLock, StoreFiles
from agent.store.sessions import Sessions
from tests.patience import PATIENT_S
from tests.unit.store.stores import opened, queue, snapshot

KILLS = 32
SEED = 20_250_117


@dataclass
class Ledger:
    """What was promised so far, by all lives of the victim."""

    durable: dict[int, int] = field(default_factory=dict)
    acknowledged: set[int] = field(default_factory=set)
    counter: int = 0
    highest_id: int = 0
    highest_id_before: int = 0
    next_number: int = 0

    def note(self, output: str) -> None:
        for line in output.splitlines(keepends=True):
            if line.endswith("\n"):
                self.note_line(line.split())

    def note_line(self, words: list[str]) -> None:
        match words:
            case ["A", row_id, number]:
                assert int(row_id) > self.highest_id_before, "an id was given out twice"
                assert int(row_id) not in self.durable
                self.durable[int(row_id)] = int(number)
            case ["K", row_id]:
                assert int(row_id) not in self.acknowledged, "an acknowledged row came back"
                self.acknowledged.add(int(row_id))
            case ["C", value]:
                assert int(value) > self.counter, "a counter repeated a number"
                self.counter = int(value)


def live_and_die(path: Path, ledger: Ledger, announcements: int, patience_s: float) -> None:
    """Start a victim, let it announce so much and work for a moment, kill it, note what it said."""
    command = [sys.executable, "-m", "tests.unit.store.victim"]
    arguments = [str(path), str(ledger.next_number), str(len(ledger.durable))]
    with subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE) as victim:
        assert victim.stdout is not None
        try:
            assert victim.stdout.readline() == b"R\n"
            said = b"".join(victim.stdout.readline() for _ in range(announcements))
            # Reading meanwhile would need a thread; the pipe holds what these milliseconds bring.
            time.sleep(patience_s)
        finally:
            victim.send_signal(signal.SIGKILL)
        ledger.note((said + victim.stdout.read()).decode())
        assert victim.wait() == -signal.SIGKILL


async def check(killed: Path, ledger: Ledger) -> None:
    async with opened(killed) as database, queue(database) as outbox:
        assert database.recovery is None
        rows = await database.read(
            lambda connection: connection.execute(
                "SELECT id, seq_no FROM outbox ORDER BY id"
            ).fetchall()
        )
        stored = dict(rows)
        assert len(outbox) == len(rows)
        await check_rows(stored, ledger)
        ledger.highest_id = max([ledger.highest_id, *stored, *ledger.durable])
        ledger.next_number = (
            max([ledger.next_number, *stored.values(), *ledger.durable.values()]) + 1
        )
        if ledger.durable:
            session = (await Sessions(database).load_all())[1]
            assert int(session) >= max(ledger.durable.values())
        taken = await Counters(database).last("pagination")
        # One number may have been taken without having been announced, in each life.
        assert taken - ledger.counter in {0, 1}
        ledger.counter = taken


async def check_rows(stored: dict[int, int], ledger: Ledger) -> None:
    for row_id, number in ledger.durable.items():
        gone = row_id in ledger.acknowledged or row_id not in stored
        assert gone or stored[row_id] == number
    # The last acknowledgements may have been granted without having been announced yet.
    missing = set(ledger.durable) - set(stored) - ledger.acknowledged
    lowest = min(stored, default=1 << 62)
    assert all(row_id < lowest for row_id in missing), f"durable rows are gone: {missing}"
    assert len(missing) <= 1, "at most one acknowledgement can be unannounced"
    assert not ledger.acknowledged & set(stored), "acknowledged rows came back"
    numbers = [stored[row_id] for row_id in sorted(stored)]
    assert numbers == sorted(numbers), "the order changed"


async def test_promises_survive_being_killed_at_any_moment(tmp_path: Path) -> None:
    path = tmp_path / "state" / "stationd.db"
    randomness = random.Random(SEED)  # noqa: S311 - reproducible, not secret
    ledger = Ledger()
    for life in range(KILLS):
        ledger.highest_id_before = ledger.highest_id
        live_and_die(path, ledger, randomness.randrange(24), randomness.uniform(0.0, 0.03))
        # Looking at a copy leaves the killed process's files to the next life, as they are.
        await check(snapshot(path, tmp_path / str(life) / "stationd.db"), ledger)
    assert len(ledger.durable) > KILLS
    assert len(ledger.acknowledged) > KILLS
    assert ledger.counter > KILLS // 2


def find_locked_while_alive(path: Path) -> None:
    command = [sys.executable, "-m", "tests.unit.store.victim", str(path), "0", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as victim:
        assert victim.stdout is not None
        try:
            assert victim.stdout.readline() == b"R\n"
            with pytest.raises(StoreInUse, match=f"process {victim.pid} uses this store"):
                InstanceLock(StoreFiles(path).lock)
        finally:
            victim.kill()
        victim.stdout.read()


async def test_a_killed_daemon_leaves_no_lock_behind(tmp_path: Path) -> None:
    path = tmp_path / "state" / "stationd.db"
    find_locked_while_alive(path)
    async with opened(path) as database:
        assert database.recovery is None


FORGETFUL = """
import asyncio, sys
from pathlib import Path
from agent.store.database import Database
from agent.store.group import Durability
async def main():
    database = await Database.open(Path(sys.argv[1]))
    await database.write(
        lambda c: c.execute("INSERT INTO meta VALUES ('left', 'behind')") and None,
        Durability.WITHIN_SECONDS,
    )
asyncio.run(main())
"""


def run_forgetful(path: Path) -> int:
    command = [sys.executable, "-c", FORGETFUL, str(path)]
    return subprocess.run(command, timeout=PATIENT_S, check=False).returncode


async def test_a_program_that_forgets_to_close_still_ends_and_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "state" / "stationd.db"
    assert run_forgetful(path) == os.EX_OK
    async with opened(path) as database:
        query = "SELECT value FROM meta WHERE key = 'left'"
        row = await database.read(lambda connection: connection.execute(query).fetchone())
        assert row == ("behind",)
