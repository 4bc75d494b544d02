"""Stories of a new Basic authentication password: whatever gets lost, both sides meet again."""

import asyncio

import pytest

from agent.sim.frames import Call
from tests.stories.desk import Desk
from tests.stories.words import V21, V201
from tests.stories.world import World

OLD = "old-password-0123456789"
NEW = "new-password-0123456789"
PASSWORD = "SecurityCtrlr.BasicAuthPassword"

pytestmark = pytest.mark.parametrize("version", [V201, V21])


async def start_with_password(world: World) -> None:
    """Bring a station into service with security profile 1."""
    file = world.machine.folder / "password"
    file.write_text(OLD)
    file.chmod(0o600)
    world.csms.csms.password = OLD
    configure = world.machine.configure

    def with_password(*arguments: object, **settings: object) -> None:
        configure(*arguments, **settings)  # type: ignore[arg-type]
        text = world.machine.config.read_text()
        secure = f'security_profile = 1\npassword_file = "{file}"'
        world.machine.config.write_text(text.replace("security_profile = 0", secure))

    world.machine.configure = with_password  # type: ignore[method-assign]
    await world.start()


async def logged(world: World) -> list[tuple[str, str]]:
    entries = await world.machine.station._f.storage.security_log.entries()
    return [(entry.kind, entry.technical_info) for entry in entries]


def refused(csms: Desk) -> int:
    return sum(shake.status == 401 for shake in csms.csms.handshakes)


@pytest.mark.requirement(
    *("A01", "A01.FR.01", "A01.FR.02", "A01.FR.10", "A01.FR.11", "A01.FR.12"),
    *("A00.FR.203", "A00.FR.205", "TC_A_09_CS"),
)
async def test_the_station_answers_and_connects_with_the_new_password(
    world: World, csms: Desk
) -> None:
    await start_with_password(world)
    assert await csms.sets(PASSWORD, NEW) == "Accepted"
    csms.csms.password = NEW
    await csms.until(lambda: csms.station.connections == 2, "a new connection", 60)
    await csms.is_ready()
    assert refused(csms) == 0
    assert len(csms.station.boots) == 1
    kind = "ReconfigurationOfSecurityParameters"
    told = await logged(world)
    assert (kind, f"{PASSWORD} was set") in told
    assert NEW not in str(told)
    assert OLD not in str(told)
    await world.pass_s(1)
    assert await csms.sets(PASSWORD, "too short") == "Rejected"
    await world.machine.restart()
    await csms.until(lambda: csms.station.connections == 3, "a connection after the restart", 60)
    assert refused(csms) == 0


@pytest.mark.requirement("A01.FR.02")
async def test_a_csms_that_keeps_the_old_password_is_met_with_the_old_password(
    world: World, csms: Desk
) -> None:
    await start_with_password(world)
    assert await csms.sets(PASSWORD, NEW) == "Accepted"
    await csms.until(lambda: csms.station.connections == 2, "a new connection", 120)
    await csms.is_ready()
    assert refused(csms) == 1
    assert "FailedToAuthenticateAtCsms" in dict(await logged(world))
    await csms.goes_down()
    await csms.comes_back()
    await csms.until(lambda: csms.station.connections == 3, "another connection", 120)
    assert refused(csms) == 1
    csms.csms.password = NEW
    await csms.goes_down()
    await csms.comes_back()
    await csms.until(lambda: csms.station.connections == 4, "one with the new one", 120)
    assert refused(csms) == 2


@pytest.mark.requirement("A01.FR.02", "A01")
@pytest.mark.parametrize("csms_has_stored_it", [True, False])
async def test_the_answer_may_get_lost(world: World, csms: Desk, csms_has_stored_it: bool) -> None:
    await start_with_password(world)
    setting = asyncio.create_task(csms.station.set_variables({PASSWORD: NEW}))
    stored = world.machine.station._f.model
    await world.until(lambda: NEW in str([a.value for a in stored.changed_values()]), "the change")
    await csms.goes_down()
    await asyncio.gather(setting, return_exceptions=True)
    if csms_has_stored_it:
        csms.csms.password = NEW
    await csms.comes_back()
    await csms.until(lambda: csms.station.connections >= 2, "a new connection", 120)
    await csms.is_ready()
    assert refused(csms) == (0 if csms_has_stored_it else 1)


@pytest.mark.requirement("A01.FR.02")
@pytest.mark.parametrize("csms_has_stored_it", [True, False])
async def test_a_power_cut_right_after_the_answer_separates_nobody(
    world: World, csms: Desk, csms_has_stored_it: bool
) -> None:
    await start_with_password(world)
    assert await csms.sets(PASSWORD, NEW) == "Accepted"
    csms.station.expect_boot()
    cut = asyncio.create_task(world.machine.lose_power())
    if csms_has_stored_it:
        csms.csms.password = NEW
    await cut
    await csms.sees_boot(count=2)
    assert refused(csms) == (0 if csms_has_stored_it else 1)


@pytest.mark.requirement("A01.FR.02")
async def test_nothing_that_is_under_way_is_told_twice(world: World, csms: Desk) -> None:
    await start_with_password(world)
    await world.charges()
    assert await csms.sets(PASSWORD, NEW) == "Accepted"
    csms.csms.password = NEW
    await csms.until(lambda: csms.station.connections == 2, "a new connection", 60)
    await csms.is_ready()
    assert world.bench.is_delivering()
    await world.bench.swipe()
    await csms.sees_end("Local")
    received = [c for c in csms.calls("TransactionEvent") if isinstance(c, Call)]
    numbers = [c.payload["seqNo"] for c in received]
    assert numbers == sorted(set(numbers))
