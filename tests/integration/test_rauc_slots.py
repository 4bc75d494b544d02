"""Whole-system updates through a real RAUC service on a bus of its own."""

import asyncio
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
        self.state_dir = bench.folder / "state"
        self.state_dir.mkdir()
        self.slots = RaucSlots(
            self.state_dir, bench.address, self._reboot, boot_id=lambda: str(self.boots)
        )
        self.boots = 1

    async def _reboot(self) -> None:
        if not self.may_restart:
            raise InstallationFailed("Reboot: not allowed")
        self.reboots += 1

    def boot(self, system: str) -> None:
        """Restart the machine, into that system."""
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


# --- How RAUC tells which system runs.


async def test_a_system_that_is_known_by_its_device_is_kept_as_well(machine: Machine) -> None:
    """Without `rauc.slot=` on the kernel's command line RAUC tells the device of the root."""
    machine.boot(f"{machine.bench.folder}/a.img")
    await machine.install()
    await machine.slots.activate()
    machine.boot(f"{machine.bench.folder}/b.img")
    assert (await machine.slots.standing()).on_trial
    await machine.slots.confirm()
    assert machine.bench.says("state-B") == "good"
    assert not (await machine.slots.standing()).trial_failed


async def test_a_system_for_rescue_is_not_the_other_one(machine: Machine) -> None:
    for booted, other in (("A", "B"), ("B", "A")):
        machine.boot(booted)
        await machine.install()
        await machine.slots.activate()
        assert machine.bench.says("primary") == other
        machine.boot(other)
        assert (await machine.slots.standing()).on_trial
        await machine.slots.confirm()


async def test_where_rauc_does_not_know_what_runs_nothing_is_activated(machine: Machine) -> None:
    await machine.install()
    machine.boot("/dev/nothing")
    with pytest.raises(InstallationFailed, match="booted slot"):
        await machine.slots.activate()
    assert (machine.bench.says("primary"), machine.reboots) == ("A", 0)
    machine.boot("A")
    assert not (await machine.slots.standing()).trial_failed


async def test_until_the_machine_is_restarted_no_trial_has_failed(machine: Machine) -> None:
    """The agent may be restarted between the two; then it only asks again."""
    await machine.install()
    await machine.slots.activate()
    standing = await machine.slots.standing()
    assert (standing.on_trial, standing.trial_failed) == (False, False)
    await machine.slots.activate()
    machine.boot("B")
    assert (await machine.slots.standing()).on_trial


async def test_a_trial_that_is_still_to_come_can_be_taken_back(machine: Machine) -> None:
    await machine.install()
    await machine.slots.activate()
    await machine.slots.give_up()
    assert (machine.bench.says("primary"), machine.bench.says("state-A")) == ("A", "good")
    machine.boot("A")
    assert not (await machine.slots.standing()).trial_failed


# --- What must not happen to a system that is not proven yet.


async def test_the_system_before_is_not_overwritten_while_the_new_one_is_on_trial(
    machine: Machine,
) -> None:
    await machine.install()
    await machine.slots.activate()
    machine.boot("B")
    before = (machine.bench.folder / "a.img").read_bytes()
    with pytest.raises(InstallationFailed, match="on trial"):
        await machine.install()
    assert (machine.bench.folder / "a.img").read_bytes() == before
    assert (await machine.slots.standing()).on_trial


async def test_a_boot_loader_that_does_not_switch_leaves_everything_as_it_was(
    machine: Machine,
) -> None:
    await machine.install()
    (machine.bench.folder / "refuses-set-primary").touch()
    with pytest.raises(InstallationFailed, match="activate"):
        await machine.slots.activate()
    machine.boot("A")
    assert machine.reboots == 0
    (machine.bench.folder / "refuses-set-primary").unlink()
    await machine.install()
    await machine.slots.activate()
    machine.boot("B")
    assert (await machine.slots.standing()).on_trial


async def test_a_boot_loader_that_takes_no_good_leaves_the_system_on_trial(
    machine: Machine,
) -> None:
    await machine.install()
    await machine.slots.activate()
    machine.boot("B")
    refuses = machine.bench.folder / "refuses-set-state"
    refuses.touch()
    with pytest.raises(InstallationFailed, match="good"):
        await machine.slots.confirm()
    assert (await machine.slots.standing()).on_trial
    await machine.slots.give_up()
    assert (machine.bench.says("primary"), machine.reboots) == ("A", 2)


@pytest.mark.parametrize("damage", ["{", "[]", '{"left": "A"}'])
async def test_with_a_damaged_note_a_healthy_system_is_still_called_good(
    machine: Machine, damage: str
) -> None:
    await machine.install()
    await machine.slots.activate()
    machine.boot("B")
    (machine.state_dir / "rauc-trial.json").write_text(damage)
    assert not (await machine.slots.standing()).trial_failed
    await machine.slots.confirm()
    assert machine.bench.says("state-B") == "good"
    assert not list(machine.state_dir.iterdir())


# --- A service that is busy, hangs or dies.


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    from agent.update import rauc_service

    monkeypatch.setattr(rauc_service, "CALL_S", 0.5)


@pytest.mark.usefixtures("impatient")
async def test_a_service_that_hangs_is_an_error_and_no_hang(machine: Machine) -> None:
    await machine.install()
    await machine.slots.activate()
    machine.boot("B")
    machine.bench.hang()
    for asked in (machine.slots.standing, machine.slots.confirm, machine.slots.give_up):
        with pytest.raises(InstallationFailed, match="does not answer"):
            await asyncio.wait_for(asked(), 10.0)


async def installing(machine: Machine) -> asyncio.Task[list[int]]:
    """Begin an installation that RAUC does not end."""
    for name in ("slow", "entered"):
        (machine.bench.folder / name).touch()
    (machine.bench.folder / "entered").unlink()
    task = asyncio.create_task(machine.install())
    while not (machine.bench.folder / "entered").exists():  # noqa: ASYNC110 - a file gives no event
        await asyncio.sleep(0.02)
    return task


@pytest.mark.parametrize("starts_again", [True, False])
async def test_a_service_that_dies_ends_the_installation(
    machine: Machine, starts_again: bool
) -> None:
    task = await installing(machine)
    machine.bench.kill_service()
    (machine.bench.folder / "slow").unlink()
    if starts_again:
        await asyncio.to_thread(machine.bench.boot, "A")
    with pytest.raises(InstallationFailed):
        await asyncio.wait_for(task, 20.0)
    if starts_again:
        await machine.install()


@pytest.mark.usefixtures("impatient")
async def test_a_bus_that_dies_ends_the_installation(machine: Machine) -> None:
    task = await installing(machine)
    machine.bench.cut_the_bus()
    with pytest.raises(InstallationFailed):
        await asyncio.wait_for(task, 20.0)
    (machine.bench.folder / "slow").unlink()


async def test_what_a_run_before_has_begun_is_waited_for(machine: Machine) -> None:
    """RAUC goes on when the agent is killed, and the next run asks for the same again."""
    task = await installing(machine)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    again = asyncio.create_task(machine.install())
    await asyncio.sleep(1.0)
    assert not again.done()
    (machine.bench.folder / "slow").unlink()
    await asyncio.wait_for(again, 20.0)
    assert (machine.bench.folder / "b.img").read_bytes().startswith(CONTENT)


async def test_without_a_service_nothing_can_be_installed(machine: Machine) -> None:
    image = machine.bench.bundle(CONTENT)
    machine.bench.close()
    with pytest.raises(InstallationFailed, match="cannot be used"):
        await machine.slots.install(image, lambda _: None)
