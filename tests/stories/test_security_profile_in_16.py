"""Stories of the keys AuthorizationKey and SecurityProfile of 1.6 (A01, A05)."""

import base64

import pytest

from agent.sim.misbehaviour import refuse_handshake
from tests.stories.desk import Desk
from tests.stories.test_passwords import logged, refused, start_with_password
from tests.stories.words import V16
from tests.stories.world import World

pytestmark = pytest.mark.parametrize("version", [V16])

KEY = "0123456789ABCDEF0123456789abcdef01234567"
OCTETS = bytes.fromhex(KEY)
CHANGED = "ReconfigurationOfSecurityParameters"


async def sets(csms: Desk, key: str, value: str) -> str:
    return (await csms.station.change_configuration(key, value)).status


async def profile(csms: Desk) -> str | None:
    return (await csms.station.get_configuration(["SecurityProfile"]))["SecurityProfile"]


async def raised_to_1(world: World, csms: Desk) -> None:
    """Bring a station into service and raise its security profile from 0 to 1."""
    await world.start({"OCPPCommCtrlr.NetworkProfileConnectionAttempts": "2"})
    assert await sets(csms, "AuthorizationKey", KEY) == "Accepted"
    csms.csms.password = OCTETS
    assert await sets(csms, "SecurityProfile", "1") == "Accepted"


@pytest.mark.requirement(
    *("A01.FR.01 (1.6)", "A01.FR.11 (1.6)", "A01.FR.12 (1.6)", "A00.FR.205 (1.6)"),
    *("A00.FR.202 (1.6)", "TC_073_CS", "TC_085_CS"),
)
async def test_a_new_authorization_key_is_used_as_the_octets_that_it_means(
    world: World, csms: Desk
) -> None:
    await start_with_password(world)
    assert await sets(csms, "AuthorizationKey", KEY) == "Accepted"
    csms.csms.password = OCTETS
    await csms.until(lambda: csms.station.connections == 2, "a new connection", 60)
    await csms.is_ready()
    assert refused(csms) == 0
    assert len(csms.station.boots) == 1
    told = await logged(world)
    assert (CHANGED, "SecurityCtrlr.BasicAuthPassword was set") in told
    for form in (KEY, KEY.lower(), base64.b64encode(OCTETS).decode()):
        assert form not in str(told)
    every = await csms.station.get_configuration()
    assert "AuthorizationKey" not in every
    assert KEY not in str(every)
    for wrong in ("", "0123", KEY + "01", "no hexadecimal text", KEY[:31]):
        assert await sets(csms, "AuthorizationKey", wrong) == "Rejected"


@pytest.mark.requirement(
    *("A05.FR.05 (1.6)", "A05.FR.06 (1.6)", "A05.FR.07 (1.6)", "A00.FR.001 (1.6)"),
    *("A00.FR.204 (1.6)", "A04.FR.04 (1.6)", "TC_083_CS"),
)
async def test_the_csms_raises_the_security_profile(world: World, csms: Desk) -> None:
    await raised_to_1(world, csms)
    await csms.until(lambda: csms.station.connections == 2, "a new connection", 60)
    await csms.is_ready()
    assert refused(csms) == 0
    assert await profile(csms) == "1"
    assert len(csms.station.boots) == 1, "it is the same CSMS"
    assert (CHANGED, "SecurityCtrlr.SecurityProfile was set") in await logged(world)
    await world.pass_s(5)
    assert world.machine.station.network.slots.before_change() is None
    await world.machine.restart()
    await csms.until(lambda: csms.station.connections == 3, "one after the restart", 60)
    assert refused(csms) == 0
    assert await profile(csms) == "1"


@pytest.mark.requirement("A05.FR.01 (1.6)", "A00.FR.005 (1.6)", "TC_084_CS")
async def test_a_security_profile_is_never_lowered_nor_set_again(world: World, csms: Desk) -> None:
    await raised_to_1(world, csms)
    await csms.until(lambda: csms.station.connections == 2, "a new connection", 60)
    await csms.is_ready()
    await world.pass_s(5)
    for level in ("0", "1", "4", "-1", "one", ""):
        assert await sets(csms, "SecurityProfile", level) == "Rejected"
    assert await sets(csms, "AllowSecurityProfileDowngrade", "true") == "Rejected"
    await csms.goes_down()
    await world.pass_s(600)
    csms.csms.password = None
    await csms.comes_back()
    await csms.until(lambda: csms.station.connected, "a connection", 120)
    assert await profile(csms) == "1"


@pytest.mark.requirement("A05.FR.02 (1.6)", "A05.FR.03 (1.6)", "A05.FR.04 (1.6)")
@pytest.mark.parametrize("level", ["1", "2", "3"])
async def test_a_security_profile_without_what_it_needs_is_rejected(
    world: World, csms: Desk, level: str
) -> None:
    await world.start()
    if level == "2":
        assert await sets(csms, "AuthorizationKey", KEY) == "Accepted"
    assert await sets(csms, "SecurityProfile", level) == "Rejected"
    await world.pass_s(5)
    assert await profile(csms) == "0"
    assert csms.station.connections == 1


@pytest.mark.requirement("A05.FR.08 (1.6)")
@pytest.mark.parametrize("cut", [False, True])
async def test_a_csms_that_cannot_be_reached_with_it_is_met_with_the_one_before(
    world: World, csms: Desk, cut: bool
) -> None:
    await world.start({"OCPPCommCtrlr.NetworkProfileConnectionAttempts": "2"})
    assert await sets(csms, "AuthorizationKey", KEY) == "Accepted"
    assert await sets(csms, "SecurityProfile", "1") == "Accepted"
    attempts = refuse_handshake(404, times=2)
    csms.csms.misbehave(attempts)
    if cut:
        await csms.goes_down()
        csms.station.expect_boot()
        await world.machine.lose_power()
        await csms.comes_back()
    await csms.until(lambda: csms.station.connections == 2, "the old way", 600)
    assert attempts.count == 2
    await csms.is_ready()
    await world.pass_s(5)
    assert await profile(csms) == "0"
    slots = world.machine.station.network.slots
    assert slots.before_change() is None
    assert {kept.security_profile for kept in slots.all().values()} == {0}, "it dials the old way"
    csms.csms.password = OCTETS
    assert await sets(csms, "SecurityProfile", "1") == "Accepted"
    await csms.until(lambda: csms.station.connections == 3, "the new way", 60)
    await csms.is_ready()
    assert await profile(csms) == "1"


@pytest.mark.requirement("A05.FR.08 (1.6)")
async def test_a_charge_goes_on_while_the_security_profile_changes(
    world: World, csms: Desk
) -> None:
    await world.start()
    await world.charges()
    assert await sets(csms, "AuthorizationKey", KEY) == "Accepted"
    csms.csms.password = OCTETS
    assert await sets(csms, "SecurityProfile", "1") == "Accepted"
    await csms.until(lambda: csms.station.connections == 2, "a new connection", 60)
    await csms.is_ready()
    assert world.bench.is_delivering()
    await world.bench.swipe()
    await csms.sees_end("Local")
