"""Stories of a station that charges although the CSMS has not accepted it yet."""

import pytest

from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.words import TOKEN
from tests.stories.world import World


@pytest.mark.requirement("B02.FR.03", "B03.FR.01", "B01.FR.08", "S16-BOOT-13")
@pytest.mark.parametrize("status", ["Pending", "Rejected"])
async def test_a_transaction_before_acceptance_waits_for_it(
    world: World, bench: Bench, csms: Desk, status: str
) -> None:
    csms.csms.office.boot_script = (status, "Accepted")
    csms.csms.office.boot_interval_s = 120
    await world.power_up({"AuthCtrlr.OfflineTxForUnknownIdEnabled": "true"})
    await csms.sees_boot(status)
    await world.charges_unseen()
    await world.pass_s(20)
    assert csms.actions_received() == ["BootNotification"]
    await bench.swipe(TOKEN)
    await world.energy_ceases()
    assert csms.actions_received() == ["BootNotification"]
    await csms.is_ready(within_s=200)
    await csms.sees_end("Local")


@pytest.mark.requirement("B02.FR.03", "B03.FR.01", "S16-BOOT-13")
@pytest.mark.parametrize("status", ["Pending", "Rejected"])
async def test_nobody_charges_before_acceptance_unless_that_is_configured(
    world: World, bench: Bench, csms: Desk, status: str
) -> None:
    csms.csms.office.boot_script = (status, "Accepted")
    csms.csms.office.boot_interval_s = 120
    await world.power_up()
    await csms.sees_boot(status)
    await bench.plug_in()
    await bench.swipe(TOKEN)
    await world.pass_s(60)
    assert not bench.plant().contactor_closed
    await csms.is_ready(within_s=200)
    assert not csms.station.transactions
