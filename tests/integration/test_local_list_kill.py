"""The local list under kill -9: whoever comes after finds a whole list, the old one or the new."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agent.store.authorization import StoredLocalList
from tests.unit.store.list_victim import entries
from tests.unit.store.stores import opened

KILLS = 20
SEED = 20_250_118


def live_and_die(path: Path, replacements: int, patience_s: float) -> int:
    """Let a process replace the list so often and go on for a moment, kill it.

    Return the last version that it told.
    """
    command = [sys.executable, "-m", "tests.unit.store.list_victim", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as victim:
        assert victim.stdout is not None
        try:
            assert victim.stdout.readline() == b"R\n"
            lines = [victim.stdout.readline() for _ in range(replacements)]
            time.sleep(patience_s)
        finally:
            victim.send_signal(signal.SIGKILL)
        lines += victim.stdout.read().splitlines(keepends=True)
        told = [int(line) for line in lines if line.endswith(b"\n")]
        assert victim.wait() == -signal.SIGKILL
    return max(told, default=0)


@pytest.mark.requirement("D01.FR.10", "D01.FR.02", "D01.FR.01")
async def test_a_list_is_replaced_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "state" / "stationd.db"
    randomness = random.Random(SEED)  # noqa: S311 - reproducible, not secret
    last = 0
    for _ in range(KILLS):
        replacements, patience_s = randomness.randrange(5), randomness.uniform(0.0, 0.05)
        told = max(last, live_and_die(path, replacements, patience_s))
        async with opened(path) as database:
            assert database.recovery is None
            stored = await StoredLocalList.open(database)
            # The last change may have been made without having been told.
            assert stored.version in {told, told + 1}
            texts = {key: stored.get(key) for key in sorted(stored.keys())}
            assert texts == (entries(stored.version) if stored.version else {})
            last = stored.version
    assert last > KILLS
