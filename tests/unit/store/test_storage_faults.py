"""Real failures of the storage, each in a process of its own that the kernel denies something."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.patience import PATIENT_S

NOBODY = 65534

PRELUDE = """
import asyncio, os, resource, signal, sys
from pathlib import Path
from agent.store.database import Database, Limits
from agent.store.errors import Reason, StoreUnavailable
from agent.store.outbox import Entry, Outbox, Stamp

PATH = Path(sys.argv[1]) / "state" / "stationd.db"
STAMP = Stamp("boot", 1.0, None)

def event(size=2000):
    return Entry("e", os.urandom(size), "tx", 1, must_keep=True)

async def opened(limits=Limits(reserve_bytes=256 * 1024)):
    database = await Database.open(PATH, limits)
    return database, await Outbox.open(database, stamp=lambda: STAMP, schema=1)
"""

READ_ONLY = """
import concurrent.futures.thread

async def main():
    if os.geteuid() == 0:  # the superuser may write everywhere
        os.setgroups([])
        os.setgid(int(sys.argv[3]))
        os.setuid(int(sys.argv[3]))
    try:
        await Database.open(PATH)
    except StoreUnavailable as error:
        assert error.reason is Reason.READ_ONLY, error
        assert str(PATH.parent) in str(error) and "writable" in str(error), error
        print("refused")
    copy = await Database.open_copy(PATH, Path(sys.argv[2]))
    await copy.write(lambda c: c.execute("INSERT INTO meta VALUES ('a', 'b')") and None)
    print(await copy.read(lambda c: c.execute("SELECT count(*) FROM outbox").fetchone()[0]))
    await copy.close()
"""

INPUT_OUTPUT = """
async def main():
    database, outbox = await opened()
    await outbox.append([event()])
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    size = PATH.with_name(PATH.name + "-wal").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    for _ in range(3):
        try:
            await outbox.append([event()])
        except StoreUnavailable as error:
            assert error.reason is Reason.INPUT_OUTPUT, error
            print("refused", len(outbox))
    await database.ping()
    assert database.last_failure is not None
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    await outbox.append([event()])
    assert database.last_failure is None
    print("works again", len(outbox))
    await outbox.close()
    await database.close()
    database, outbox = await opened()
    assert database.recovery is None
    print("after a restart", len(outbox))
    await outbox.close()
    await database.close()
"""

FULL = """
async def main():
    database, outbox = await opened()
    filler = PATH.with_name("filler").open("wb", buffering=0)
    try:
        while True:
            filler.write(bytes(4096))
    except OSError:
        print("the disk is full")
    reserve = PATH.with_name(PATH.name + ".reserve")
    assert reserve.exists()
    stored = 0
    try:
        while True:
            await outbox.append([event()])
            stored += 1
    except StoreUnavailable as error:
        assert error.reason is Reason.FULL, error
    assert not reserve.exists()
    assert stored > 20, stored
    assert len(outbox) == stored
    print("the reserve took events, then refused")
    filler.truncate(0)
    filler.close()
    await outbox.append([event()])
    assert len(outbox) == stored + 1
    for _ in range(stored + 1):
        await outbox.wait_not_empty()
        outbox.acknowledge(outbox.head().id)
    print("and goes on when there is space")
    await outbox.close()
    await database.close()
"""


def run(program: str, *arguments: str) -> list[str]:
    script = f"{PRELUDE}\n{program}\nasyncio.run(main())\n"
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", script, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENT_S, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.fixture
def public_directory() -> Iterator[Path]:
    """A directory that another user can reach, which those of pytest are not."""
    with tempfile.TemporaryDirectory(prefix="stationd-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        yield directory
        for path in directory.rglob("*"):
            path.chmod(0o700)


def test_a_read_only_directory_is_refused_and_a_copy_in_ram_goes_on(
    public_directory: Path,
) -> None:
    prepare = "async def main():\n    db, box = await opened()\n    await box.append([event()])\n"
    run(prepare + "    await box.close()\n    await db.close()\n", str(public_directory))
    state, ram = public_directory / "state", public_directory / "ram"
    for path in state.iterdir():
        path.chmod(0o444)
    state.chmod(0o555)
    ram.mkdir()
    if os.geteuid() == 0:
        for path in (ram, *public_directory.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
    arguments = (str(public_directory), str(ram), str(NOBODY))
    assert run(READ_ONLY, *arguments) == ["refused", "1"]


def test_a_disk_that_refuses_writes_fails_them_until_it_works_again(tmp_path: Path) -> None:
    assert run(INPUT_OUTPUT, str(tmp_path)) == [
        "refused 1",
        "refused 1",
        "refused 1",
        "works again 2",
        "after a restart 2",
    ]


def test_a_full_disk_leaves_room_for_the_essential_and_recovers(tmp_path: Path) -> None:
    wrapper = ["unshare", "--mount", "--map-root-user", "sh", "-c"]
    probe = subprocess.run(
        [*wrapper, f"mount -t tmpfs -o size=2m tmpfs {tmp_path}"], capture_output=True, check=False
    )
    if probe.returncode != 0:
        pytest.skip(f"no file system of one's own here: {probe.stderr.decode().strip()}")
    script = f"{PRELUDE}\n{FULL}\nasyncio.run(main())\n"
    mounted = f'mount -t tmpfs -o size=2m tmpfs {tmp_path} && exec "$0" -c "$1" "$2"'
    done = subprocess.run(
        [*wrapper, mounted, sys.executable, script, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=PATIENT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "the disk is full",
        "the reserve took events, then refused",
        "and goes on when there is space",
    ]
