"""Histories of a machine that is updated: whatever happens, each order has one end, a true one.

Orders, dates, transactions, downloads that break off, restarts, cuts of the power between any two
writes, storage and slots that refuse, a CSMS that is away and a clock that jumps are mixed at will.
"""

import asyncio
import re
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent.core.firmware_order import UpdateStatus
from agent.core.firmware_update import holds_back_sessions
from agent.core.progress import FirmwareStatus
from agent.update import application_slots, slot_state
from tests.integration.file_server import FileServer
from tests.unit.services.firmware_machine import (
    Asked,
    Cut,
    Machine,
    full_disk_of,
    images,
    linked_slot,
    prepared,
)
from tests.virtual_time import VirtualTimeLoop

KINDS: Final = ("next", "same", "unsigned", "forged", "rubbish", "older", "sick", "hangs")
LETTERS: Final = {
    FirmwareStatus.DOWNLOAD_SCHEDULED: "s",
    FirmwareStatus.DOWNLOADING: "d",
    FirmwareStatus.DOWNLOAD_PAUSED: "p",
    FirmwareStatus.DOWNLOADED: "D",
    FirmwareStatus.SIGNATURE_VERIFIED: "v",
    FirmwareStatus.INSTALL_SCHEDULED: "i",
    FirmwareStatus.INSTALLING: "I",
    FirmwareStatus.INSTALL_REBOOTING: "r",
    FirmwareStatus.DOWNLOAD_FAILED: "X",
    FirmwareStatus.INVALID_SIGNATURE: "S",
    FirmwareStatus.INSTALL_VERIFICATION_FAILED: "V",
    FirmwareStatus.INSTALLATION_FAILED: "F",
    FirmwareStatus.INSTALLED: "!",
}
INSTALLING: Final = r"i?(I(V|F|r(F|!)?)?)?"
COURSE: Final = re.compile(rf"s?(d(pd)*(p|X|D(S|v{INSTALLING})?)?)?")
UNSIGNED_COURSE: Final = re.compile(rf"s?(d(pd)*(p|X|D{INSTALLING})?)?")
ENDS: Final = frozenset("XSVF!")
POSSIBLE: Final = {
    "forged": "SX",
    "rubbish": "VFX",
    "older": "VFX",
    "sick": "FX",
    "hangs": "FX",
}
CERTAIN: Final = {"forged": "S", "rubbish": "V", "older": "V", "sick": "F", "hangs": "F"}
SETTLED_S: Final = 3 * 86_400.0
LOOK_S: Final = 30.0

CALLS: Final = {
    "power fails": "loses_power",
    "restart": "restarts",
    "server": "serves",
    "charge": "charges",
}
FLAGS: Final = {
    "online": "online",
    "somebody is let in": "somebody_is_let_in_at_the_switch",
    "new sessions": "allows_new_sessions",
    "storage refuses": "storage_refuses",
    "guard lost": "guard_is_lost",
    "nobody serves": "keeper_is_deaf",
    "slots' disk full": "slots_disk_is_full",
}
PASSING: Final = ("nobody serves", "slots' disk full")
"""What ends by itself: orders to the slots, and starts, would go on for ever."""

Step = tuple[object, ...]


async def happens(machine: Machine, step: Step) -> None:
    """Let one thing happen."""
    match step:
        case ("order", str(kind), int(retrieve_s), install_s, int(retries)):
            now = machine.clock.now()
            install_at = None if install_s is None else now + timedelta(seconds=int(str(install_s)))
            await machine.orders(
                kind,
                retrieve_at=now + timedelta(seconds=retrieve_s),
                install_at=install_at,
                retries=retries,
                retry_interval_s=30,
            )
        case ("pass", float(seconds)):
            await asyncio.sleep(seconds)
        case ("cut", int(write), bool(committed)):
            machine.cut_armed = Cut(write, committed)
        case ("clock", int(seconds)):
            machine.clock.wrong_by = timedelta(seconds=seconds)
        case (str(call), *words) if call in CALLS:
            getattr(machine, CALLS[call])(*words)
        case (str(flag), bool(value)):
            setattr(machine, FLAGS[flag], value)
        case (str(flag), float(seconds)):
            setattr(machine, FLAGS[flag], True)
            asyncio.get_running_loop().call_later(seconds, setattr, machine, FLAGS[flag], False)
        case _:
            raise AssertionError(step)


def check_now(machine: Machine) -> None:
    """Check what must hold at every moment."""
    service = machine.service
    if service is None:
        return
    asked = service.progress()
    ours = [event for event in machine.recorded if event.request_id == asked.request_id]
    if asked.status is FirmwareStatus.IDLE:
        assert asked.request_id is None
    else:
        assert asked.status is ours[-1].status
    if machine.is_held_back:
        assert service.update is not None
        assert holds_back_sessions(service.update, allowed=False)


async def settles(machine: Machine) -> None:
    """Let everything be well again, and wait for the end of what was ordered."""
    machine.storage_refuses = machine.somebody_is_let_in_at_the_switch = False
    machine.guard_is_lost = False
    machine.cut_armed, machine.online, machine.clock.wrong_by = None, True, timedelta(0)
    machine.serves("well")
    deadline_s, starts = machine.clock.monotonic_s() + SETTLED_S, machine.starts
    quiet = 0
    while quiet < 20:
        assert machine.clock.monotonic_s() < deadline_s, f"it stands at {machine.update}"
        await asyncio.sleep(LOOK_S)
        is_over = machine.update is None or machine.update.is_over
        quiet = quiet + 1 if machine.service is not None and is_over else 0
    assert machine.starts - starts < 30, "it restarts for ever"


def check_in_the_end(machine: Machine) -> None:
    """Check what was told of each order, and that it is true."""
    state = machine.state
    assert state.trial is None
    assert linked_slot(machine.layout) == state.active
    assert not machine.is_held_back
    assert not list(machine.layout.outbox.glob("image*"))
    told = [event for _, event in sorted(machine.told.items())]
    assert told == machine.recorded
    taken = [a for a in machine.asked if a.answer in _TAKEN or a.answer is None]
    assert {event.request_id for event in told} <= {a.order.request_id for a in taken}
    courses = [course_of(machine, a) for a in taken]
    for position, (asked, course) in enumerate(zip(taken, courses, strict=True)):
        check_course(asked, course)
        is_last = position + 1 == len(taken)
        if asked.answer is not None and (is_last or taken[position + 1].answer is _ACCEPTED):
            assert ENDS & set(course), f"{asked.kind} ended with nothing: {course!r}"
        if position and asked.answer is UpdateStatus.ACCEPTED_CANCELED:
            assert not ENDS & set(courses[position - 1]), "it was over, and is told as cancelled"
    order = [event.request_id for event in told]
    assert order == sorted(order, key=lambda number: number or 0), "told after its successor"
    if taken and taken[-1].answer is not None:
        check_truth(machine, taken[-1], courses[-1])
    installed = sum("!" in course for course in courses)
    assert machine.security.count(_UPDATED) >= installed


def check_course(asked: Asked, course: str) -> None:
    """Check that an order was told step by step, with no more tries than it allows."""
    pattern = COURSE if asked.order.is_signed else UNSIGNED_COURSE
    assert pattern.fullmatch(course), f"{asked.kind} took the course {course!r}"
    tries = 1 + (asked.order.retries or 0)
    assert course.count("d") <= tries
    if "X" in course:
        assert course.count("d") == tries
    if asked.order.install_at is None:
        assert "i" not in course
    if ends := ENDS & set(course):
        assert ends <= set(POSSIBLE.get(asked.kind, "!FX"))


def check_truth(machine: Machine, asked: Asked, course: str) -> None:
    """Check that what was told last is what runs."""
    if "!" in course:
        assert machine.mark.bundle_sha256 == asked.image.sha256
        assert machine.state.active != asked.active
    else:
        assert machine.state.active == asked.active


def course_of(machine: Machine, asked: Asked) -> str:
    number = asked.order.request_id
    return "".join(LETTERS[e.status] for e in machine.recorded if e.request_id == number)


_ACCEPTED: Final = UpdateStatus.ACCEPTED
_TAKEN: Final = (UpdateStatus.ACCEPTED, UpdateStatus.ACCEPTED_CANCELED)
_UPDATED: Final = "FirmwareUpdated"


@pytest.fixture(scope="module")
def memory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A machine to copy; in memory where there is such a folder."""
    parent = Path("/dev/shm")  # noqa: S108 - a folder of our own is made below it
    folder = tmp_path_factory.mktemp("machines")
    if parent.is_dir():
        folder = parent / f"stationd-{folder.parent.name}-{folder.name}"
        folder.mkdir()
    version, replace_file = application_slots.__version__, slot_state.replace_file
    try:
        prepared(folder)
        images(folder)
        yield folder
    finally:
        application_slots.__version__, slot_state.replace_file = version, replace_file
        shutil.rmtree(folder)


def lives(
    memory: Path, steps: list[Step], check: Callable[[Machine], None] = check_in_the_end
) -> None:
    """Let a machine live through a history."""
    folder = memory / "life"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(memory / "machine", folder, symlinks=True)

    async def history() -> None:
        machine = Machine(folder, server, images(memory))
        whole = slot_state.replace_file
        slot_state.replace_file = full_disk_of(machine)
        machine.serves("well")
        try:
            await asyncio.sleep(1)
            for step in steps:
                await happens(machine, step)
                await asyncio.sleep(2)
                check_now(machine)
            await settles(machine)
            check(machine)
        finally:
            slot_state.replace_file = whole
            await machine.close()

    with FileServer().serving() as server, asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(history())


def order(
    kind: str = "next", retrieve_s: int = 0, install_s: int | None = None, retries: int = 2
) -> Step:
    return ("order", kind, retrieve_s, install_s, retries)


orders = st.builds(
    order,
    st.sampled_from(KINDS),
    st.sampled_from([-3600, 0, 0, 0, 120, 1800]),
    st.sampled_from([None, None, None, -60, 60, 300, 1800]),
    st.integers(0, 3),
)
cuts = st.tuples(st.just("cut"), st.integers(1, 9), st.booleans())
others = st.one_of(
    st.tuples(st.just("pass"), st.sampled_from([1.0, 5.0, 20.0, 40.0, 130.0, 400.0, 1300.0])),
    st.sampled_from([("power fails",), ("restart",)]),
    st.tuples(
        st.just("server"),
        st.sampled_from(["well", "breaks off", "knows no ranges", "is out of order"]),
    ),
    st.tuples(
        st.sampled_from([flag for flag in sorted(FLAGS) if flag not in PASSING]), st.booleans()
    ),
    st.tuples(st.just("charge"), st.sampled_from([10.0, 100.0, 1000.0])),
    st.tuples(st.just(PASSING[0]), st.sampled_from([10.0, 100.0, 300.0])),
    st.tuples(st.just(PASSING[1]), st.sampled_from([10.0, 60.0])),
    st.tuples(st.just("clock"), st.sampled_from([0, -3600, 3600, 86_400, -315_360_000])),
)
histories = st.lists(st.one_of(orders, cuts, others, others), min_size=3, max_size=16)


@pytest.mark.parametrize("kind", KINDS)
def test_without_trouble_each_order_ends_as_it_must(memory: Path, kind: str) -> None:
    def check(machine: Machine) -> None:
        check_in_the_end(machine)
        assert course_of(machine, machine.asked[0])[-1] == CERTAIN.get(kind, "!")

    lives(memory, [order(kind)], check)


@settings(max_examples=40)
@given(histories)
@example([("cut", 8, False), order("same"), ("pass", 400.0)])
@example([("cut", 8, False), order(), ("pass", 5.0), ("guard lost", True), ("pass", 1300.0)])
@example([("new sessions", True), ("somebody is let in", True), order(), ("pass", 400.0)])
@example([("charge", 100.0), order(), ("pass", 40.0), ("nobody serves", 300.0), ("pass", 400.0)])
@example(
    [
        *(order(), ("online", False), ("pass", 40.0)),
        *(("slots' disk full", 60.0), ("power fails",), ("pass", 130.0)),
    ]
)
@pytest.mark.requirement("L01.FR.01", "L01.FR.10", "L01.FR.24", "L01.FR.25", "L01.FR.26")
@pytest.mark.requirement("L01.FR.30", "L01.FR.33", "L02.FR.06", "L02.FR.19", "L02.FR.22")
def test_whatever_happens_each_order_has_one_end_which_is_true(
    memory: Path, history: list[Step]
) -> None:
    lives(memory, history)
