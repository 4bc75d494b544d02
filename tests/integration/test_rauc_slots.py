"""Whole-system updates through a real RAUC service on a bus of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.ports import ImageRefused, InstallationFailed
from tests.integration.rauc_bench import RaucBench, obstacle, rauc_bench
from tests.throw_away_ca import issue

pytest.importorskip("dbus_fast", reason="the extra `rauc` is not installed")
pytestmark = pytest.mark.skipif(bool(obstacle()), reason=obstacle() or "RAUC runs here")
CONTENT = b"system 2" * 4096


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[RaucBench]:
    with rauc_bench(tmp_path) as bench:
        yield bench


class Machine:
    """The slots of the bench, and how often the machine was restarted."""

    def __init__(self, bench: RaucBench) -> None:
        from agent.update.rauc_slots import RaucSlots

        self.bench, self.reboots, self.may_restart = bench, 0, True
        (bench.folder / "state").mkdir()
        self.boots = 1
        self.slots = RaucSlots(
            bench.folder / "state", bench.address, self._reboot, lambda: str(self.boots)
        )

    async def _reboot(self) -> None:
        if not self.may_restart:
            raise InstallationFailed("Reboot: not allowed")
        self.reboots += 1

    def boot(self, system: str) -> None:
        self.boots += 1
        self.bench.boot(system)

    async def install(self) -> list[int]:
        told: list[int] = []
        await self.slots.install(self.bench.bundle(CONTENT), told.append)
        return told


@pytest.fixture
def machine(bench: RaucBench) -> Machine:
    return Machine(bench)


async def test_a_bundle_is_written_into_the_other_system_and_not_booted_yet(
    machine: Machine,
) -> None:
    told = await machine.install()
    assert told == sorted(told)
    assert (machine.bench.folder / "b.img").read_bytes().startswith(CONTENT)
    assert machine.bench.says("primary") == "A"
    assert machine.reboots == 0
    assert not (await machine.slots.standing()).on_trial


async def test_the_new_system_is_on_trial_until_it_is_confirmed(machine: Machine) -> None:
    await machine.install()
    await machine.slots.activate()
    assert (machine.bench.says("primary"), machine.reboots) == ("B", 1)
    machine.boot("B")
    assert (await machine.slots.standing()).on_trial
    await machine.slots.confirm()
    assert machine.bench.says("state-B") == "good"
    standing = await machine.slots.standing()
    assert not standing.on_trial
    assert not standing.trial_failed


async def test_a_machine_that_may_not_be_restarted_keeps_its_system_at_the_next_boot(
    machine: Machine,
) -> None:
    await machine.install()
    machine.may_restart = False
    with pytest.raises(InstallationFailed, match="not allowed"):
        await machine.slots.activate()
    assert machine.bench.says("primary") == "A"
    machine.boot("A")
    standing = await machine.slots.standing()
    assert not standing.on_trial
    assert not standing.trial_failed


async def test_a_system_that_the_boot_loader_gave_up_is_told_as_failed(machine: Machine) -> None:
    await machine.install()
    await machine.slots.activate()
    machine.boot("A")
    standing = await machine.slots.standing()
    assert standing.trial_failed
    assert "B was not kept" in standing.failure


async def test_software_that_is_restarted_before_the_machine_is_says_nothing_of_the_trial(
    machine: Machine,
) -> None:
    await machine.install()
    await machine.slots.activate()
    standing = await machine.slots.standing()
    assert (standing.on_trial, standing.trial_failed) == (False, False)
    await machine.slots.activate()
    assert (machine.bench.says("primary"), machine.reboots) == ("B", 2)
    machine.boot("B")
    assert (await machine.slots.standing()).on_trial


async def test_a_note_of_an_older_version_is_read(machine: Machine) -> None:
    note = machine.bench.folder / "state" / "rauc-trial.json"
    note.write_text('{"left": "A", "tried": "B", "booted": false}')
    assert (await machine.slots.standing()).trial_failed
    machine.boot("B")
    assert (await machine.slots.standing()).on_trial


async def test_what_runs_is_known_before_and_after_a_system_was_kept(machine: Machine) -> None:
    assert await machine.slots.running() == "A"
    await machine.install()
    await machine.slots.activate()
    machine.boot("B")
    await machine.slots.confirm()
    assert await machine.slots.running() == "B"


async def test_a_system_that_gives_itself_up_boots_the_one_before(machine: Machine) -> None:
    await machine.install()
    await machine.slots.activate()
    machine.boot("B")
    await machine.slots.give_up()
    assert machine.bench.says("primary") == "A"
    assert machine.bench.says("state-B") == "bad"
    assert machine.reboots == 2
    machine.boot("A")
    assert (await machine.slots.standing()).trial_failed


@pytest.mark.parametrize(
    "fault", ["wrong chain", "other product", "flipped", "truncated", "absent"]
)
async def test_what_rauc_does_not_take_is_refused_and_nothing_is_written(
    machine: Machine, fault: str
) -> None:
    bench = machine.bench
    match fault:
        case "wrong chain":
            image = bench.bundle(CONTENT, root=issue("Somebody's Root"))
        case "other product":
            image = bench.bundle(CONTENT, compatible="another")
        case "absent":
            image = bench.folder / "nothing.raucb"
        case _:
            image = bench.bundle(CONTENT)
            good = image.read_bytes()
            bad = good[:200] + bytes([good[200] ^ 1]) + good[201:]
            image.write_bytes(bad if fault == "flipped" else good[:-100])
    before = (bench.folder / "b.img").read_bytes()
    with pytest.raises(ImageRefused):
        await machine.slots.install(image, lambda _: None)
    assert (bench.folder / "b.img").read_bytes() == before
    assert bench.says("primary") == "A"


async def test_without_a_service_nothing_can_be_installed(machine: Machine) -> None:
    image = machine.bench.bundle(CONTENT)
    machine.bench.close()
    with pytest.raises(InstallationFailed, match="cannot be used"):
        await machine.slots.install(image, lambda _: None)
