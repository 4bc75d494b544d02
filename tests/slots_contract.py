"""What every backend of `agent.ports.Slots` must do, as tests that each of them is run through.

A maker of another backend derives a class from `SlotsContract` whose fixture `machine` returns a
`Machine` with it: real slots, and whatever takes the place of the boot loader or service manager.
Nothing here looks behind the port.
"""

import abc
import asyncio
from pathlib import Path

import pytest

from agent.ports import ImageRefused, InstallationFailed, Slots

MOST_STARTS = 12
"""After so many starts without being confirmed every backend must have fallen back."""


class Machine(abc.ABC):
    """A machine with two slots, of which the old one is confirmed and the other one is empty."""

    @property
    @abc.abstractmethod
    def slots(self) -> Slots:
        """Return the backend as a process that has just been started sees it."""

    @abc.abstractmethod
    def image(self) -> Path:
        """Return a good image of a newer version."""

    @abc.abstractmethod
    def bad_image(self) -> Path:
        """Return an image that must not be installed, such as one that is damaged."""

    @property
    @abc.abstractmethod
    def restarts(self) -> int:
        """Return how often the backend has asked for a restart so far."""

    @abc.abstractmethod
    def start(self) -> str:
        """Restart the software, or the machine, as it would be; return the name of what runs."""


def silent(_percent: int) -> None:
    """Take no interest in the progress."""


async def on_trial(machine: Machine) -> tuple[str, str]:
    """Bring a new version up to its trial; return the names of the old and of the new slot."""
    old = machine.start()
    await machine.slots.install(machine.image(), silent)
    await machine.slots.activate()
    return old, machine.start()


async def is_trouble_free(machine: Machine) -> bool:
    standing = await machine.slots.standing()
    return not standing.on_trial and not standing.trial_failed


class SlotsContract:
    """The tests. They take a second or so each with real slots."""

    async def test_a_machine_without_an_update_runs_a_version_that_is_kept(
        self, machine: Machine
    ) -> None:
        running = machine.start()
        standing = await machine.slots.standing()
        assert standing.version
        assert await is_trouble_free(machine)
        assert machine.start() == running

    async def test_an_installation_tells_its_progress_and_changes_nothing_that_runs(
        self, machine: Machine
    ) -> None:
        old, told = machine.start(), list[int]()
        await machine.slots.install(machine.image(), told.append)
        assert told == sorted(told)
        assert all(0 <= percent <= 100 for percent in told)
        assert await is_trouble_free(machine)
        assert (machine.start(), machine.restarts) == (old, 0)
        assert await is_trouble_free(machine)

    async def test_a_bad_image_is_refused_and_the_next_good_one_taken(
        self, machine: Machine
    ) -> None:
        old = machine.start()
        with pytest.raises(ImageRefused) as refused:
            await machine.slots.install(machine.bad_image(), silent)
        assert str(refused.value)
        assert machine.start() == old
        assert await is_trouble_free(machine)
        assert (await on_trial(machine))[1] != old

    async def test_an_image_that_is_not_there_fails_and_changes_nothing(
        self, machine: Machine, tmp_path: Path
    ) -> None:
        old = machine.start()
        with pytest.raises((ImageRefused, InstallationFailed)):
            await machine.slots.install(tmp_path / "nothing", silent)
        assert machine.start() == old
        assert await is_trouble_free(machine)

    async def test_an_activated_version_is_started_on_trial(self, machine: Machine) -> None:
        old, new = await on_trial(machine)
        assert new != old
        assert machine.restarts == 1
        standing = await machine.slots.standing()
        assert (standing.on_trial, standing.trial_failed) == (True, False)

    async def test_what_was_asked_for_may_be_asked_for_again_by_the_next_process(
        self, machine: Machine
    ) -> None:
        old = machine.start()
        for _ in range(2):
            await machine.slots.install(machine.image(), silent)
        for _ in range(2):
            await machine.slots.activate()
        new = machine.start()
        assert new != old
        for _ in range(2):
            await machine.slots.confirm()
        assert machine.start() == new
        assert await is_trouble_free(machine)

    async def test_a_confirmed_version_stays_however_often_it_is_started(
        self, machine: Machine
    ) -> None:
        _, new = await on_trial(machine)
        await machine.slots.confirm()
        assert await is_trouble_free(machine)
        assert {machine.start() for _ in range(MOST_STARTS)} == {new}
        assert await is_trouble_free(machine)

    async def test_a_version_that_is_never_confirmed_is_left_for_good_and_that_is_told(
        self, machine: Machine
    ) -> None:
        old, new = await on_trial(machine)
        started = [machine.start() for _ in range(MOST_STARTS)]
        assert started[-1] == old
        assert started == sorted(started, key=lambda name: name == old)
        assert set(started) <= {old, new}
        standing = await machine.slots.standing()
        assert (standing.on_trial, standing.trial_failed) == (False, True)
        assert standing.failure

    async def test_after_a_failed_trial_the_next_update_begins_anew(self, machine: Machine) -> None:
        old, new = await on_trial(machine)
        for _ in range(MOST_STARTS):
            machine.start()
        await machine.slots.install(machine.image(), silent)
        assert await is_trouble_free(machine)
        await machine.slots.activate()
        assert machine.start() == new
        await machine.slots.confirm()
        assert machine.start() == new
        assert new != old

    async def test_a_version_that_gives_itself_up_is_left_and_that_is_told(
        self, machine: Machine
    ) -> None:
        old, _ = await on_trial(machine)
        await machine.slots.give_up()
        assert machine.restarts == 2
        assert machine.start() == old
        standing = await machine.slots.standing()
        assert (standing.on_trial, standing.trial_failed) == (False, True)
        assert {machine.start() for _ in range(MOST_STARTS)} == {old}

    async def test_while_a_version_is_on_trial_the_one_before_is_not_written_over(
        self, machine: Machine
    ) -> None:
        old, _ = await on_trial(machine)
        with pytest.raises(InstallationFailed):
            await machine.slots.install(machine.image(), silent)
        assert (await machine.slots.standing()).on_trial
        for _ in range(MOST_STARTS):
            running = machine.start()
        assert running == old

    async def test_without_a_trial_a_confirmation_changes_nothing(self, machine: Machine) -> None:
        running = machine.start()
        await machine.slots.confirm()
        assert machine.start() == running
        assert await is_trouble_free(machine)

    async def test_an_installation_may_be_cancelled_and_asked_for_again(
        self, machine: Machine
    ) -> None:
        old = machine.start()
        asked = asyncio.create_task(machine.slots.install(machine.image(), silent))
        await asyncio.sleep(0.05)
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        assert machine.start() == old
        assert await is_trouble_free(machine)
        await machine.slots.install(machine.image(), silent)
        await machine.slots.activate()
        assert machine.start() != old
