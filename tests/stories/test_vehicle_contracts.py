"""Stories of contract certificates that vehicles ask for (M01, M02), in every version."""

from typing import Any, Final

import pytest

from agent.sim.frames import Payload
from hal.api import CertificateAnswer
from tests.stories.bench import Bench
from tests.stories.certificate_office import Office
from tests.stories.desk import Desk
from tests.stories.words import V16, V21, VERSIONS
from tests.stories.world import World

ISO_2: Final = "urn:iso:15118:2:2013:MsgDef"
ISO_20: Final = "urn:iso:std:iso:15118:-20:CommonMessages"
EXI: Final = "gJgCLNpEXI="


@pytest.fixture
def office(csms: Desk) -> Office:
    office = Office(csms)
    office.opens()
    return office


async def wants(bench: Bench, **more: Any) -> None:
    await bench.operate("certificate_installation", evse=1, **{"exi": EXI, **more})


def answers(bench: Bench) -> list[CertificateAnswer]:
    return list(bench.plant().conversation.certificates)


async def is_answered(world: World, bench: Bench, count: int = 1) -> CertificateAnswer:
    await world.until(lambda: len(answers(bench)) >= count, f"{count} answers", 30)
    return answers(bench)[count - 1]


@pytest.mark.requirement(
    *("M01", "M01.FR.01", "M01.FR.02", "M02", "M02.FR.01", "TC_M_26_CS", "TC_M_28_CS")
)
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("action", ["Install", "Update"])
async def test_a_vehicle_of_iso_15118_2_gets_its_certificate_from_the_csms(
    world: World, bench: Bench, csms: Desk, office: Office, action: str
) -> None:
    office.replies["Get15118EVCertificate"] = lambda _: {
        "status": "Accepted",
        "exiResponse": "gJkCRESPONSE",
    }
    await world.start()
    await bench.plug_in()
    await world.pass_s(1)
    await wants(bench, action=action, max_chains=3)
    assert await is_answered(world, bench) == CertificateAnswer("gJkCRESPONSE")
    assert office.requests("Get15118EVCertificate") == [
        {"iso15118SchemaVersion": ISO_2, "action": action, "exiRequest": EXI}
    ]
    await wants(bench)
    assert (await is_answered(world, bench)).exi == "gJkCRESPONSE"
    await bench.unplug()


@pytest.mark.requirement("M01.FR.03", "M01.FR.05", "M01.FR.06", "M02.FR.02")
@pytest.mark.parametrize("version", [V21])
async def test_a_vehicle_of_iso_15118_20_gets_one_chain_after_the_other(
    world: World, bench: Bench, csms: Desk, office: Office
) -> None:
    left = [2, 1, 0]

    def reply(_: Payload) -> Payload:
        remaining = left.pop(0)
        exi = f"CHAIN{remaining}"
        return {"status": "Accepted", "exiResponse": exi, "remainingContracts": remaining}

    office.replies["Get15118EVCertificate"] = reply
    await world.start()
    await bench.plug_in()
    await world.pass_s(1)
    await wants(bench, action="Update", schema=ISO_20, max_chains=3)
    await is_answered(world, bench, 3)
    assert [(one.exi, one.remaining) for one in answers(bench)] == [
        ("CHAIN2", 2),
        ("CHAIN1", 1),
        ("CHAIN0", 0),
    ]
    assert office.requests("Get15118EVCertificate") == 3 * [
        {
            "iso15118SchemaVersion": ISO_20,
            "action": "Install",
            "exiRequest": EXI,
            "maximumContractCertificateChains": 3,
        }
    ]
    # A number that never falls would go on for ever.
    left.extend([5] * 50)
    await wants(bench, schema=ISO_20, max_chains=3)
    await world.pass_s(30)
    assert len(answers(bench)) == 2
    await bench.unplug()


@pytest.mark.requirement("TC_M_27_CS", "TC_M_29_CS")
@pytest.mark.parametrize("version", VERSIONS)
async def test_a_vehicle_is_told_of_every_failure_in_time(
    world: World, bench: Bench, csms: Desk, office: Office
) -> None:
    await world.start()
    await bench.plug_in()
    await world.pass_s(1)
    csms.tolerated.append(lambda fault: "Get15118EVCertificate" in fault.frame)
    await wants(bench)
    assert await is_answered(world, bench) == CertificateAnswer(None, 0, "the CSMS has none")
    office.replies["Get15118EVCertificate"] = lambda _: {"status": "Failed", "exiResponse": "NO"}
    await wants(bench)
    assert await is_answered(world, bench) == CertificateAnswer("NO", 0, "the CSMS has none")
    office.replies["Get15118EVCertificate"] = lambda _: {"status": "Failed", "exiResponse": ""}
    await wants(bench)
    assert await is_answered(world, bench) == CertificateAnswer(None, 0, "the CSMS has none")
    await wants(bench, exi="A" * 12_000)
    assert "too long" in (await is_answered(world, bench)).problem
    await bench.unplug()


@pytest.mark.requirement("TC_M_27_CS", "TC_M_29_CS")
@pytest.mark.parametrize("version", VERSIONS)
async def test_a_vehicle_does_not_wait_for_a_csms_that_is_late_or_not_there(
    world: World, bench: Bench, csms: Desk, office: Office
) -> None:
    await world.start()
    await bench.plug_in()
    await world.pass_s(1)
    office.delay_s = 10
    office.replies["Get15118EVCertificate"] = lambda _: {"status": "Accepted", "exiResponse": "YES"}
    await wants(bench)
    await world.pass_s(4)
    assert answers(bench) == []
    await world.pass_s(1)
    assert "within 4.5 s" in answers(bench)[0].problem
    await world.pass_s(10)
    assert len(answers(bench)) == 1, "what came late is not handed to it any more"
    office.delay_s = 0
    await wants(bench)
    assert (await is_answered(world, bench)).exi == "YES"
    await csms.goes_down()
    await wants(bench)
    assert "cannot be reached" in (await is_answered(world, bench)).problem
    await csms.comes_back()
    await csms.is_ready(90)
    await bench.unplug()


@pytest.mark.parametrize("version", [V16, V21])
@pytest.mark.parametrize("variable", ["PnCEnabled", "ContractCertificateInstallationEnabled"])
async def test_a_station_that_is_set_not_to_install_contracts_asks_nobody(
    world: World, bench: Bench, csms: Desk, office: Office, variable: str
) -> None:
    await world.start({f"ISO15118Ctrlr.{variable}": "false"})
    await bench.plug_in()
    await world.pass_s(1)
    await wants(bench)
    assert "is set not to install" in (await is_answered(world, bench)).problem
    assert office.asked == []
    await bench.unplug()


@pytest.mark.parametrize("version", [V16])
@pytest.mark.parametrize(
    "inside",
    [{"status": "Accepted"}, {"status": "Accepted", "exiResponse": 7}, {"exiResponse": "X"}],
)
async def test_an_answer_inside_that_cannot_be_read_is_a_failure(
    world: World, bench: Bench, csms: Desk, office: Office, inside: Payload
) -> None:
    office.replies["Get15118EVCertificate"] = lambda _: inside
    await world.start()
    await bench.plug_in()
    await world.pass_s(1)
    await wants(bench)
    assert (await is_answered(world, bench)).problem == "the CSMS has none"
    await bench.unplug()
