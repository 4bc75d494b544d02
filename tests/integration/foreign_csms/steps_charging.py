"""Smart charging as the foreign CSMS orders it and hears of it, in each version."""

from datetime import UTC, datetime
from typing import Any

from tests.integration.foreign_csms import steps_2x, steps_16
from tests.integration.foreign_csms.peer import Payload
from tests.integration.foreign_csms.rig import Rig

NEEDS: dict[str, Any] = {"energy_wh": 20_000, "max_a": 16, "leaves_in_s": 7200, "max_schedules": 3}


def schedule(*periods: tuple[int, float], unit: str = "A", **more: object) -> Payload:
    """Word a schedule of (start in s, limit) that starts now unless `startSchedule` says when."""
    steps = [{"startPeriod": at, "limit": limit} for at, limit in periods]
    start = datetime.now(UTC).isoformat(timespec="milliseconds")
    told = {"startSchedule": start, "chargingRateUnit": unit, "chargingSchedulePeriod": steps}
    return {name: value for name, value in (told | more).items() if value is not None}


# --- 1.6.


def profile_16(number: int, purpose: str, of: Payload, **more: object) -> Payload:
    profile = {
        "chargingProfileId": number,
        "stackLevel": number,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Absolute",
        "chargingSchedule": of,
    }
    return profile | more


async def sets_16(rig: Rig, connector: int, profile: Payload) -> str:
    order = {"connectorId": connector, "csChargingProfiles": profile}
    return await rig.csms.status("SetChargingProfile", order)


async def composite_16(rig: Rig, unit: str = "A") -> list[tuple[int, float]]:
    order = {"connectorId": 1, "duration": 600, "chargingRateUnit": unit}
    answer = await rig.csms.call("GetCompositeSchedule", order)
    assert answer["status"] == "Accepted"
    periods = answer["chargingSchedule"]["chargingSchedulePeriod"]
    return [(period["startPeriod"], period["limit"]) for period in periods]


async def limits_in_16(rig: Rig) -> None:
    """Every purpose and kind, the least of which holds on the pilot; then cleared one by one."""
    weekly = schedule((0, 20.0), (3600, 12.5), duration=7200)
    recurring = {"chargingProfileKind": "Recurring", "recurrencyKind": "Weekly"}
    default = profile_16(1, "TxDefaultProfile", weekly, **recurring)
    assert await sets_16(rig, 1, default) == "Accepted"
    station = profile_16(2, "ChargePointMaxProfile", schedule((0, 11_040.0), unit="W"))
    assert await sets_16(rig, 0, station) == "Accepted"
    mark = rig.csms.mark()
    await rig.plug_in()
    await rig.swipe()
    await rig.energy_flows()
    await rig.offers(16)
    await rig.csms.sees("StartTransaction", since=mark)
    values = await rig.csms.sees("MeterValues", lambda v: "transactionId" in v, mark)
    relative = schedule((0, 8.0), (300, 6.5), startSchedule=None)
    own = {"chargingProfileKind": "Relative", "transactionId": values["transactionId"]}
    assert await sets_16(rig, 1, profile_16(3, "TxProfile", relative, **own)) == "Accepted"
    await rig.offers(8)
    assert [limit for _, limit in await composite_16(rig)] == [8, 6.5]
    assert [limit for _, limit in await composite_16(rig, "W")] == [5520, 4485]
    wrong = {**own, "transactionId": values["transactionId"] + 77}
    assert await sets_16(rig, 1, profile_16(4, "TxProfile", relative, **wrong)) == "Rejected"
    for number, status in ((3, "Accepted"), (3, "Unknown"), (2, "Accepted")):
        assert await rig.csms.status("ClearChargingProfile", {"id": number}) == status
    await rig.offers(20)
    order = {"chargingProfilePurpose": "TxDefaultProfile", "stackLevel": 1}
    assert await rig.csms.status("ClearChargingProfile", order) == "Accepted"
    await rig.offers(32)
    await rig.swipe()
    await rig.csms.sees("StopTransaction", since=mark)
    await rig.unplug()


# --- 2.0.1 and 2.1.


def profile(number: int, *schedules: Payload, **more: object) -> Payload:
    """Word an Absolute TxDefaultProfile unless `more` says otherwise."""
    worded: Payload = {
        "id": number,
        "stackLevel": number,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": [{"id": n, **one} for n, one in enumerate(schedules, 1)],
    }
    return worded | more


async def sets(rig: Rig, evse: int, worded: Payload) -> str:
    order = {"evseId": evse, "chargingProfile": worded}
    return await rig.csms.status("SetChargingProfile", order)


async def profiles_told(rig: Rig, request: int, **criteria: object) -> list[Payload]:
    order: Payload = {"requestId": request, "chargingProfile": criteria}
    assert await rig.csms.status("GetChargingProfiles", order) == "Accepted"

    def pages() -> list[Payload]:
        told = rig.csms.received("ReportChargingProfiles")
        return [page for page in told if page["requestId"] == request]

    await rig.csms.until(
        lambda: pages() and not pages()[-1].get("tbc", False), "the last page of profiles"
    )
    return [one for page in pages() for one in page["chargingProfile"]]


async def begins_to_charge(rig: Rig) -> str:
    mark = rig.csms.mark()
    await rig.plug_in()
    await rig.swipe()
    await rig.energy_flows()
    started = await rig.csms.sees("TransactionEvent", lambda e: e["eventType"] == "Started", mark)
    return str(started["transactionInfo"]["transactionId"])


async def ends(rig: Rig) -> None:
    mark = rig.csms.mark()
    await rig.swipe()
    await rig.csms.sees("TransactionEvent", lambda e: e["eventType"] == "Ended", mark)
    await rig.unplug()


async def reports_its_profiles(rig: Rig) -> None:
    """All kinds, of the station and of an EVSE, as they were set."""
    daily = {"chargingProfileKind": "Recurring", "recurrencyKind": "Daily"}
    station = {"chargingProfilePurpose": "ChargingStationMaxProfile"}
    relative = schedule((0, 16), (3600, 10.5), startSchedule=None)
    orders = (
        (1, profile(1, schedule((0, 20), (7200, 13.5), duration=28_800), **daily)),
        (0, profile(2, schedule((0, 22_080), unit="W"), **station)),
        (2, profile(3, relative, chargingProfileKind="Relative")),
    )
    for evse, worded in orders:
        assert await sets(rig, evse, worded) == "Accepted"
    told = await profiles_told(rig, 301, chargingLimitSource=["CSO"])
    assert sorted(one["id"] for one in told) == [1, 2, 3]
    (only,) = await profiles_told(rig, 302, chargingProfileId=[3])
    assert only["chargingSchedule"][0]["chargingSchedulePeriod"] == [
        {"startPeriod": 0, "limit": 16},
        {"startPeriod": 3600, "limit": 10.5},
    ]
    order: Payload = {"requestId": 303, "chargingProfile": {"chargingProfileId": [99]}}
    assert await rig.csms.status("GetChargingProfiles", order) == "NoProfiles"
    assert await sets(rig, 7, profile(4, schedule((0, 8)))) == "Rejected"
    for number in (1, 2, 3):
        order = {"chargingProfileId": number}
        assert await rig.csms.status("ClearChargingProfile", order) == "Accepted"


async def tells_limits_on_site(rig: Rig) -> None:
    """The grid's limit is told, reported as a profile that the CSMS cannot clear, and released."""
    mark = rig.csms.mark()
    assert (await rig.station.local("limit", amps=14, source="SO", grid_critical=True))["ok"]
    told = await rig.csms.sees("NotifyChargingLimit", since=mark)
    assert told["chargingLimit"]["chargingLimitSource"] == "SO"
    assert told["chargingLimit"]["isGridCritical"] is True
    (outside,) = await profiles_told(rig, 304, chargingLimitSource=["SO"])
    order = {"chargingProfileId": outside["id"]}
    assert await rig.csms.status("ClearChargingProfile", order) == "Unknown"
    await begins_to_charge(rig)
    await rig.offers(14)
    mark = rig.csms.mark()
    assert (await rig.station.local("limit", clear=True, source="SO"))["ok"]
    told = await rig.csms.sees("ClearedChargingLimit", since=mark)
    assert told["chargingLimitSource"] == "SO"
    await rig.offers(32)
    await ends(rig)


async def lets_an_ev_choose(rig: Rig) -> None:
    """The EV tells its needs, is handed schedules, takes the second, and says what it will do."""
    mark, transaction = rig.csms.mark(), await begins_to_charge(rig)
    await rig.csms.answers("NotifyEVChargingNeeds", {"status": "Accepted"})
    await rig.bench("needs", evse=1, choice=1, plan=[[0, 6000], [1800, 3000]], **NEEDS)
    needs = await rig.csms.sees("NotifyEVChargingNeeds", since=mark)
    assert needs["chargingNeeds"]["acChargingParameters"]["energyAmount"] == 20_000
    choice = [schedule((0, 11_000), unit="W"), schedule((0, 6900), unit="W")]
    own = {"chargingProfilePurpose": "TxProfile", "transactionId": transaction}
    assert await sets(rig, 1, profile(5, *choice, **own)) == "Accepted"
    told = await rig.csms.sees("NotifyEVChargingSchedule", since=mark)
    periods = told["chargingSchedule"]["chargingSchedulePeriod"]
    assert [period["limit"] for period in periods] == [6000, 3000]
    await rig.offers(10)
    order = {"evseId": 1, "duration": 600, "chargingRateUnit": "W"}
    answer = await rig.csms.call("GetCompositeSchedule", order)
    assert [p["limit"] for p in answer["schedule"]["chargingSchedulePeriod"]] == [6000]
    await ends(rig)


async def follows_dynamic_limits(rig: Rig) -> None:
    """2.1: limits that are renewed, by order and by question."""
    await begins_to_charge(rig)
    dynamic = {"chargingProfileKind": "Dynamic", "dynUpdateInterval": 2}
    update: Payload = {"status": "Accepted", "scheduleUpdate": {"limit": 11.5}}
    await rig.csms.answers("PullDynamicScheduleUpdate", update)
    assert await sets(rig, 1, profile(6, schedule((0, 20), startSchedule=None), **dynamic)) == (
        "Accepted"
    )
    await rig.csms.sees("PullDynamicScheduleUpdate", lambda p: p["chargingProfileId"] == 6)
    await rig.offers(11.5)
    await rig.csms.answers("PullDynamicScheduleUpdate", {"status": "Rejected"})
    order = {"chargingProfileId": 6, "scheduleUpdate": {"limit": 9}}
    assert await rig.csms.status("UpdateDynamicSchedule", order) == "Accepted"
    await rig.offers(9)
    (told,) = await profiles_told(rig, 305, chargingProfileId=[6])
    assert told["chargingProfileKind"] == "Dynamic"
    order = {"chargingProfileId": 66, "scheduleUpdate": {"limit": 9}}
    assert await rig.csms.status("UpdateDynamicSchedule", order) == "Rejected"


async def charges_with_priority(rig: Rig) -> None:
    """2.1: by order of the CSMS, and on site, which the CSMS hears of."""
    mark = rig.csms.mark()
    transaction = next(
        event["transactionInfo"]["transactionId"]
        for event in reversed(rig.csms.received("TransactionEvent"))
    )
    order: Payload = {"transactionId": transaction, "activate": True}
    assert await rig.csms.status("UsePriorityCharging", order) == "NoProfile"
    purpose = {"chargingProfilePurpose": "PriorityCharging"}
    assert await sets(rig, 0, profile(7, schedule((0, 25)), **purpose)) == "Accepted"
    assert await rig.csms.status("UsePriorityCharging", order) == "Accepted"
    await rig.offers(25)
    assert (await rig.station.local("priority", evse=1, on=False))["ok"]
    told = await rig.csms.sees("NotifyPriorityCharging", lambda p: not p["activated"], mark)
    assert told["transactionId"] == transaction
    await rig.offers(9)
    await ends(rig)


STEPS_201 = (steps_2x.boots, reports_its_profiles, tells_limits_on_site, lets_an_ev_choose)
STEPS = {
    "ocpp1.6": (steps_16.boots, steps_16.reads_and_writes_its_configuration, limits_in_16),
    "ocpp2.0.1": STEPS_201,
    "ocpp2.1": (*STEPS_201, follows_dynamic_limits, charges_with_priority),
}
