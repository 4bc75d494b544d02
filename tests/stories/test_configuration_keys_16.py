"""Every configuration key of 1.6 and its extensions: there, typed, with its access, and kept.

The keys are those of `tests/data/config_keys_16.tsv`, and the station has all of them.
"""

from pathlib import Path
from typing import Final

import pytest

from agent.core.variable_definition import list_members
from agent.sim.frames import Payload
from tests.stories.desk import Desk
from tests.stories.instruments import LIGHT, VirtualLight, with_lights
from tests.stories.words import V16
from tests.stories.world import World

pytestmark = pytest.mark.parametrize("version", [V16])
TABLE: Final = Path(__file__).parents[1] / "data" / "config_keys_16.tsv"
ROWS: Final = [line.split("\t") for line in TABLE.read_text("utf-8").splitlines()[1:]]
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
    "TimeOffset": ["Z", "-09:30", "+01:00"],
    "NextTimeOffsetTransitionDateTime": [
        "2026-03-29T01:00:00Z",
        "",
        "2026-10-25T03:00:00.000+02:00",
    ],
    "TimeOffsetNextTransition": ["", "+14:00", "+02:00"],
    "PublicKeyWithSignedMeterValue": ["Never", "OncePerTransaction", "EveryMeterValue"],
    "WebSocketPingInterval": ["0", "60"],
}
NO_OFFSETS = ["1", "+25:00", "+01:60", "Europe/Berlin", " "]
WRONG: Final = {
    "TimeOffset": ["", *NO_OFFSETS],
    "TimeOffsetNextTransition": NO_OFFSETS,
}
"""Texts that are no values of keys whose type is `string`."""
MEASURANDS = ["Voltage,Energy.Active.Import.Register", "Voltage.L1-N", ""]


@pytest.fixture(autouse=True)
def has_a_light(world: World) -> None:
    """Give the station the lamp whose keys the table has."""
    world.machine.wiring = LIGHT
    world.machine.fitted = with_lights([VirtualLight()])


def name_of(row: list[str]) -> str:
    return row[0].replace("<ConnectorId>", "1").replace("<language>", "de")


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
async def test_every_key_is_there_with_its_access(world: World, csms: Desk) -> None:
    await world.start()
    every = await shown_keys(csms)
    for row in ROWS:
        if row[0] != "AuthorizationKey":
            assert name_of(row) in every
            is_writable(row, every[name_of(row)])
    assert "AuthorizationKey" not in every
    answer = await csms.call("GetConfiguration", {"key": [name_of(row) for row in ROWS]})
    assert answer.get("unknownKey", []) == []
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
    for row in ROWS:
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
    for row in ROWS:
        name, kind = name_of(row), row[2]
        wrong = {
            "boolean": ["", "yes", "1", "0", "truex"],
            "integer": ["", "-1", "1.5", "0x10", "1e3", "99999999999999999999", "many"],
            "dateTime": ["tomorrow", "2026-03-29", "2026-03-29T01:00:00", "2026-13-29T01:00:00Z"],
            "string": WRONG.get(name, []),
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
    for row in ROWS:
        name = name_of(row)
        if row[3] == "R":
            result = await csms.station.change_configuration(name, str(every[name].get("value")))
            assert result.status == "Rejected", name
    result = await csms.station.change_configuration("NoSuchKey", "1")
    assert result.status == "NotSupported"


async def test_no_list_is_longer_than_its_own_limit_says(world: World, csms: Desk) -> None:
    await world.start()
    every = await shown_keys(csms)
    limits = {
        n.removesuffix("MaxLength"): int(e["value"]) for n, e in every.items() if "MaxLen" in n
    }
    limited = {name: every[name]["value"] for name in limits if name in every}
    assert limits["SupportedFeatureProfiles"] == 6
    assert len(limited) > 5
    for name, text in limited.items():
        assert len(list_members(text)) <= limits[name], name


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
