"""Every configuration key of 1.6 and its extensions: there, typed, with its access, and kept.

The keys are those of `tests/data/config_keys_16.tsv`; what the station has not is named with why.
"""

from pathlib import Path
from typing import Final

import pytest

from agent.sim.frames import Payload
from tests.stories.desk import Desk
from tests.stories.instruments import LIGHT, VirtualLight, with_lights
from tests.stories.words import V16
from tests.stories.world import World

pytestmark = pytest.mark.parametrize("version", [V16])
TABLE: Final = Path(__file__).parents[1] / "data" / "config_keys_16.tsv"
ROWS: Final = [line.split("\t") for line in TABLE.read_text("utf-8").splitlines()[1:]]
NO_LIMIT = "optional, and its list has no limit of its own"
NO_LOCAL_TIME = "optional: every interface of the station tells the time in UTC"
NO_TARIFF = "optional: the station shows what the CSMS tells and computes no price itself"
ABSENT: Final = {
    "StopTransactionMaxMeterValues": NO_LIMIT,
    "SupportedFeatureProfilesMaxLength": "the errata call it useless: it need not exist",
    "NumberOfDecimalsForCostValues": NO_TARIFF,
    "TimeOffset": NO_LOCAL_TIME,
    "NextTimeOffsetTransitionDateTime": NO_LOCAL_TIME,
    "TimeOffsetNextTransition": NO_LOCAL_TIME,
    "WaitForSetUserPriceTimeout": NO_TARIFF,
}
FIXED_HERE: Final = {
    "AllowSecurityProfileDowngrade": "whether it may be lowered is the operator's to configure",
}
"""Keys that the standard lets be changed or not, and that cannot be changed on this station."""
SPECIAL: Final = {
    "AuthorizationKey": "has stories of its own",
    "SecurityProfile": "has stories of its own",
    "HeartbeatInterval": "each BootNotification sets it anew",
    "LocalAuthListEnabled": "is tried with the boolean values",
}
VALUES: Final = {
    "DefaultPrice": ['{"priceText":"0.5"}', '{"priceText":"1","chargingPrice":{"kWhPrice":1.50}}'],
    "DefaultPriceText,de": ["", '{"priceText":"1","priceTextOffline":"2"}'],
    "Language": ["de", "en", "nl"],
    "ConnectorPhaseRotation": ["0.RST,1.RTS", "1.NotApplicable"],
    "CpoName": ["Operator", "Another operator"],
    "PublicKeyWithSignedMeterValue": ["Never", "OncePerTransaction", "EveryMeterValue"],
    "WebSocketPingInterval": ["0", "60"],
}
MEASURANDS = ["Voltage,Energy.Active.Import.Register", "Voltage.L1-N", ""]


@pytest.fixture(autouse=True)
def has_a_light(world: World) -> None:
    """Give the station the lamp whose keys the table has."""
    world.machine.wiring = LIGHT
    world.machine.fitted = with_lights([VirtualLight()])


def name_of(row: list[str]) -> str:
    return row[0].replace("<ConnectorId>", "1").replace("<language>", "de")


PRESENT: Final = [row for row in ROWS if row[0] not in ABSENT]


def values_for(row: list[str]) -> list[str]:
    """Return values that a key must take, the last one being left in force."""
    name, kind = name_of(row), row[2]
    if name in VALUES:
        return VALUES[name]
    if kind == "CSL":
        return MEASURANDS[:2]
    return {"boolean": ["true", "false", "true"], "integer": ["7", "12"]}[kind]


def is_writable(row: list[str], shown: Payload) -> bool:
    """Judge what is shown against the table; "R or RW" leaves the choice to the station."""
    writable = not shown["readonly"]
    allowed = {"RW": True, "W": True, "R": False}.get(row[3])
    if allowed is not None and row[0] not in FIXED_HERE:
        assert writable is allowed, f"{row[0]} must be {row[3]}"
    return writable


async def shown_keys(csms: Desk, *names: str) -> dict[str, Payload]:
    answer = await csms.call("GetConfiguration", {"key": list(names)} if names else {})
    return {entry["key"]: entry for entry in answer.get("configurationKey", ())}


@pytest.mark.requirement("S16-CFG-01", "S16-CFG-03", "S16-CFG-05", "S16-CFG-04")
async def test_every_key_is_there_with_its_access_or_there_is_a_reason(
    world: World, csms: Desk
) -> None:
    await world.start()
    every = await shown_keys(csms)
    for row in PRESENT:
        if row[0] != "AuthorizationKey":
            assert name_of(row) in every
            is_writable(row, every[name_of(row)])
    assert "AuthorizationKey" not in every
    answer = await csms.call("GetConfiguration", {"key": [name_of(row) for row in ROWS]})
    assert set(answer["unknownKey"]) == set(ABSENT)
    named = {entry["key"]: entry for entry in answer["configurationKey"]}
    assert "value" not in named["AuthorizationKey"]
    assert {key: entry for key, entry in named.items() if key != "AuthorizationKey"} == {
        name: entry for name, entry in every.items() if name in named
    }


@pytest.mark.requirement("S16-CFG-01")
async def test_every_key_that_may_be_written_takes_its_values_exactly_and_keeps_them(
    world: World, csms: Desk
) -> None:
    await world.start()
    every = await shown_keys(csms)
    expected = {}
    for row in PRESENT:
        name = name_of(row)
        if name in SPECIAL or not is_writable(row, every[name]):
            continue
        for value in values_for(row):
            result = await csms.station.change_configuration(name.swapcase(), value)
            assert result.status == "Accepted", f"{name} = {value!r}"
            assert (await shown_keys(csms, name))[name]["value"] == value
            expected[name] = value
    assert len(expected) > 30
    await world.machine.lose_power()
    await csms.is_ready(60)
    kept = await shown_keys(csms, *expected)
    assert {name: entry["value"] for name, entry in kept.items()} == expected


@pytest.mark.requirement("S16-CFG-01")
async def test_no_key_takes_a_value_of_another_type(world: World, csms: Desk) -> None:
    await world.start()
    before = await shown_keys(csms)
    for row in PRESENT:
        name, kind = name_of(row), row[2]
        wrong = {
            "boolean": ["", "yes", "1", "0", "truex"],
            "integer": ["", "-1", "1.5", "0x10", "1e3", "99999999999999999999", "many"],
            "CSL": ["Nonsense", "Voltage,Nonsense", "Voltage;Current.Import"],
        }.get(kind, [])
        for value in wrong:
            result = await csms.station.change_configuration(name, value)
            assert result.status in {"Rejected", "NotSupported"}, f"{name} = {value!r}"
    assert await shown_keys(csms) == before


@pytest.mark.requirement("S16-CFG-01")
async def test_keys_that_only_may_be_read_reject_every_value(world: World, csms: Desk) -> None:
    await world.start()
    every = await shown_keys(csms)
    for row in PRESENT:
        name = name_of(row)
        if row[3] == "R":
            result = await csms.station.change_configuration(name, str(every[name].get("value")))
            assert result.status == "Rejected", name
    for name in ABSENT:
        result = await csms.station.change_configuration(name, "1")
        assert result.status == "NotSupported", name


@pytest.mark.requirement("S16-CFG-01", "S16-CFG-03")
async def test_a_station_without_a_lamp_has_no_keys_for_one(world: World, csms: Desk) -> None:
    world.machine.wiring = ""
    world.machine.fitted = lambda hardware: hardware
    await world.start()
    keys = ["BlinkRepeat", "LightIntensity"]
    answer = await csms.call("GetConfiguration", {"key": keys})
    assert answer["unknownKey"] == keys
    for key in keys:
        assert (await csms.station.change_configuration(key, "1")).status == "NotSupported"
