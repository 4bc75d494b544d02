"""What the foreign CSMS does with a station in 2.0.1 and 2.1, one step after the other."""

from datetime import UTC, datetime
from typing import Any

from tests.integration.foreign_csms.peer import Payload
from tests.integration.foreign_csms.rig import OTHER_TOKEN, TOKEN, TOLERATED_WH, Rig, register_wh

HERE = {"id": 1, "connectorId": 1}
NAMES = (
    ("OCPPCommCtrlr", "HeartbeatInterval"),
    ("OCPPCommCtrlr", "NetworkConfigurationPriority"),
    ("OCPPCommCtrlr", "OfflineThreshold"),
    ("OCPPCommCtrlr", "ResetRetries"),
    ("OCPPCommCtrlr", "WebSocketPingInterval"),
    ("AuthCtrlr", "AuthorizeRemoteStart"),
    ("AuthCtrlr", "LocalAuthorizeOffline"),
    ("AuthCtrlr", "LocalPreAuthorize"),
    ("TxCtrlr", "EVConnectionTimeOut"),
    ("TxCtrlr", "StopTxOnEVSideDisconnect"),
    ("TxCtrlr", "StopTxOnInvalidId"),
    ("TxCtrlr", "TxStartPoint"),
    ("TxCtrlr", "TxStopPoint"),
    ("SampledDataCtrlr", "TxUpdatedInterval"),
    ("SampledDataCtrlr", "TxUpdatedMeasurands"),
    ("SampledDataCtrlr", "TxEndedMeasurands"),
    ("AlignedDataCtrlr", "Interval"),
    ("OCPPCommCtrlr", "RetryBackOffRepeatTimes"),
    ("ClockCtrlr", "DateTime"),
    ("SecurityCtrlr", "SecurityProfile"),
)
ORDERS = {
    ("OCPPCommCtrlr", "OfflineThreshold"): "120",
    ("OCPPCommCtrlr", "WebSocketPingInterval"): "60",
    ("TxCtrlr", "EVConnectionTimeOut"): "90",
    ("TxCtrlr", "StopTxOnInvalidId"): "false",
    ("AuthCacheCtrlr", "Enabled"): "true",
    ("AuthCtrlr", "LocalPreAuthorize"): "true",
    ("LocalAuthListCtrlr", "Enabled"): "true",
    ("SampledDataCtrlr", "TxUpdatedInterval"): "1",
    (
        "SampledDataCtrlr",
        "TxUpdatedMeasurands",
    ): "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage",
}


def place(component: str, variable: str, instance: str | None = None) -> Payload:
    named = {"name": variable} if instance is None else {"name": variable, "instance": instance}
    return {"component": {"name": component}, "variable": named}


def events_of(rig: Rig, transaction: str) -> list[Payload]:
    return [
        event
        for event in rig.csms.received("TransactionEvent")
        if event["transactionInfo"]["transactionId"] == transaction
    ]


async def boots(rig: Rig) -> None:
    boot = await rig.csms.sees("BootNotification")
    assert boot["chargingStation"]["model"] == "AC22"
    await rig.csms.sees("StatusNotification", lambda s: s["connectorStatus"] == "Available")
    assert rig.csms.connections == [rig.version]
    assert rig.csms.calls[0].action == "BootNotification"


async def reads_and_writes_variables(rig: Rig) -> None:
    queries = [place(*name) for name in NAMES]
    unknown = [place("NoSuchCtrlr", "Nothing"), place("TxCtrlr", "Nothing")]
    answer = await rig.csms.call("GetVariables", {"getVariableData": [*queries, *unknown]})
    results = answer["getVariableResult"]
    assert [r["attributeStatus"] for r in results] == [
        *("Accepted" for _ in NAMES),
        "UnknownComponent",
        "UnknownVariable",
    ]
    assert [(r["component"]["name"], r["variable"]["name"]) for r in results[:-2]] == list(NAMES)
    data = [{**place(*name), "attributeValue": value} for name, value in ORDERS.items()]
    wrong = {**place("OCPPCommCtrlr", "HeartbeatInterval"), "attributeValue": "often"}
    answer = await rig.csms.call("SetVariables", {"setVariableData": [*data, wrong]})
    statuses = [r["attributeStatus"] for r in answer["setVariableResult"]]
    assert statuses == [*("Accepted" for _ in ORDERS), "Rejected"]
    answer = await rig.csms.call(
        "GetVariables", {"getVariableData": [place(*name) for name in ORDERS]}
    )
    values = [r["attributeValue"] for r in answer["getVariableResult"]]
    assert values == list(ORDERS.values())


async def collects_report(rig: Rig, request: int) -> list[tuple[str, Any]]:
    """Wait for the last page; return what all pages tell, which are gapless and overlap nowhere."""

    def pages() -> list[Payload]:
        return [p for p in rig.csms.received("NotifyReport") if p["requestId"] == request]

    await rig.csms.until(
        lambda: pages() and not pages()[-1].get("tbc", False), f"the last page of report {request}"
    )
    assert [page["seqNo"] for page in pages()] == list(range(len(pages())))
    assert all(page["tbc"] for page in pages()[:-1])
    entries = [entry for page in pages() for entry in page["reportData"]]
    told = [f"{entry['component']} {entry['variable']}" for entry in entries]
    assert len(set(told)) == len(told)
    return list(zip(told, entries, strict=True))


async def reports_its_inventory(rig: Rig) -> None:
    told: dict[str, dict[str, Any]] = {}
    for request, base in enumerate(
        ("FullInventory", "ConfigurationInventory", "SummaryInventory"), 101
    ):
        order = {"requestId": request, "reportBase": base}
        assert await rig.csms.status("GetBaseReport", order) == "Accepted"
        told[base] = dict(await collects_report(rig, request))
    assert {p["requestId"] for p in rig.csms.received("NotifyReport")} == {101, 102, 103}
    full = told["FullInventory"]
    assert set(told["ConfigurationInventory"]) < set(full)
    assert set(told["SummaryInventory"]) < set(full)
    assert len([p for p in rig.csms.received("NotifyReport") if p["requestId"] == 101]) > 1
    values = {
        (entry["component"]["name"], entry["variable"]["name"]): entry["variableAttribute"][0]
        for entry in told["ConfigurationInventory"].values()
    }
    for name, value in ORDERS.items():
        assert values[name]["value"] == value


async def charges_by_card(rig: Rig) -> None:
    mark, before_wh = rig.csms.mark(), await rig.delivered_wh()
    await rig.plug_in()
    await rig.swipe()
    await rig.delivers_wh(3)
    asked = await rig.csms.sees("Authorize", since=mark)
    assert asked["idToken"] == {"idToken": TOKEN, "type": "ISO14443"}
    started = await rig.csms.sees("TransactionEvent", lambda e: e["eventType"] == "Started", mark)
    transaction = started["transactionInfo"]["transactionId"]
    await rig.csms.sees(
        "TransactionEvent", lambda e: e["triggerReason"] == "MeterValuePeriodic", mark
    )
    answer = await rig.csms.call("GetTransactionStatus", {"transactionId": transaction})
    assert answer["ongoingIndicator"] is True
    await rig.swipe()
    ended = await rig.csms.sees("TransactionEvent", lambda e: e["eventType"] == "Ended", mark)
    assert ended["transactionInfo"]["transactionId"] == transaction
    assert ended["transactionInfo"].get("stoppedReason", "Local") == "Local"
    await rig.unplug()
    answer = await rig.csms.call("GetTransactionStatus", {"transactionId": transaction})
    assert answer == {"ongoingIndicator": False, "messagesInQueue": False}
    events = events_of(rig, transaction)
    assert [event["seqNo"] for event in events] == list(range(len(events)))
    assert {event["eventType"] for event in events[1:-1]} == {"Updated"}
    meter = [value for event in events for value in event.get("meterValue", ())]
    billed_wh = register_wh(meter, "Transaction.End") - register_wh(meter, "Transaction.Begin")
    assert billed_wh > 2
    assert abs(billed_wh - (await rig.delivered_wh() - before_wh)) < TOLERATED_WH


def limit(amperes: float, purpose: str = "TxDefaultProfile", number: int = 1) -> Payload:
    return {
        "id": number,
        "stackLevel": 0,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Absolute",
        "chargingSchedule": [
            {
                "id": 1,
                "startSchedule": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "chargingRateUnit": "A",
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": amperes}],
            }
        ],
    }


async def limits_its_current(rig: Rig) -> None:
    """Two limits, of which the lower holds; an idle EVSE leaves its share to others."""
    for evse, profile in ((1, limit(10)), (0, limit(8, "ChargingStationMaxProfile", 2))):
        order = {"evseId": evse, "chargingProfile": profile}
        assert await rig.csms.status("SetChargingProfile", order) == "Accepted"
    assert await composite_a(rig) == [(0, 8.0)]


async def composite_a(rig: Rig) -> list[tuple[int, float]]:
    answer = await rig.csms.call("GetCompositeSchedule", {"evseId": 1, "duration": 60})
    assert answer["status"] == "Accepted"
    periods = answer["schedule"]["chargingSchedulePeriod"]
    return [(period["startPeriod"], period["limit"]) for period in periods]


async def charges_by_order_within_limits(rig: Rig) -> None:
    mark = rig.csms.mark()
    order = {
        "idToken": {"idToken": OTHER_TOKEN, "type": "ISO14443"},
        "remoteStartId": 7,
        "evseId": 1,
    }
    assert await rig.csms.status("RequestStartTransaction", order) == "Accepted"
    await rig.plug_in()
    await rig.energy_flows()
    await rig.offers(8)
    started = await rig.csms.sees(
        "TransactionEvent", lambda e: e["transactionInfo"].get("remoteStartId") == 7, mark
    )
    transaction = started["transactionInfo"]["transactionId"]
    await triggers_in_a_transaction(rig, transaction)
    refused = await rig.csms.status("RequestStopTransaction", {"transactionId": "none-such"})
    assert refused == "Rejected"
    order = {"transactionId": transaction}
    assert await rig.csms.status("RequestStopTransaction", order) == "Accepted"
    ended = await rig.csms.sees("TransactionEvent", lambda e: e["eventType"] == "Ended", mark)
    assert ended["triggerReason"] == "RemoteStop"
    assert ended["transactionInfo"]["stoppedReason"] == "Remote"
    await rig.unplug()


async def limits_it_no_more(rig: Rig) -> None:
    order: Payload = {
        "chargingProfileCriteria": {"chargingProfilePurpose": "ChargingStationMaxProfile"}
    }
    assert await rig.csms.status("ClearChargingProfile", order) == "Accepted"
    assert await composite_a(rig) == [(0, 10.0)]
    order = {"chargingProfileId": 1}
    assert await rig.csms.status("ClearChargingProfile", order) == "Accepted"
    assert await rig.csms.status("ClearChargingProfile", order) == "Unknown"
    assert await composite_a(rig) == [(0, 32.0)]


async def triggers_in_a_transaction(rig: Rig, transaction: str) -> None:
    for message in ("StatusNotification", "MeterValues", "TransactionEvent"):
        mark = rig.csms.mark()
        order = {"requestedMessage": message, "evse": HERE}
        assert await rig.csms.status("TriggerMessage", order) == "Accepted"
        if message == "StatusNotification":
            told = await rig.csms.sees(message, since=mark)
            assert (told["evseId"], told["connectorStatus"]) == (1, "Occupied")
        elif message == "MeterValues":
            told = await rig.csms.sees(message, since=mark)
            assert told["evseId"] == 1
            assert register_wh(told["meterValue"], "Trigger") > 0
        else:
            event = await rig.csms.sees(message, lambda e: e["triggerReason"] == "Trigger", mark)
            assert event["transactionInfo"]["transactionId"] == transaction
            assert event["transactionInfo"]["chargingState"] == "Charging"


async def triggers_everything_else(rig: Rig) -> None:
    """Ask for each message once; what is promised comes, and nothing else is promised."""
    for message, evses in (("Heartbeat", 1), ("MeterValues", 2), ("StatusNotification", 1)):
        mark = rig.csms.mark()
        order: Payload = {"requestedMessage": message}
        if message == "StatusNotification":
            order["evse"] = HERE
        assert await rig.csms.status("TriggerMessage", order) == "Accepted"
        await rig.csms.until(
            lambda m=message, n=evses, since=mark: len(rig.csms.received(m, since)) >= n, message
        )
    order = {"requestedMessage": "BootNotification"}
    assert await rig.csms.status("TriggerMessage", order) == "Rejected"
    order = {"requestedMessage": "TransactionEvent", "evse": {"id": 1}}
    assert await rig.csms.status("TriggerMessage", order) == "Rejected"
    for message in ("PublishFirmwareStatusNotification", "SignCombinedCertificate"):
        order = {"requestedMessage": message}
        assert await rig.csms.status("TriggerMessage", order) == "NotImplemented"


async def goes_out_of_service_and_back(rig: Rig) -> None:
    for word, status in (("Inoperative", "Unavailable"), ("Operative", "Available")):
        mark = rig.csms.mark()
        order = {"operationalStatus": word, "evse": {"id": 1}}
        assert await rig.csms.status("ChangeAvailability", order) == "Accepted"
        await rig.csms.sees(
            "StatusNotification", lambda s, to=status: s["connectorStatus"] == to, mark
        )


async def unlocks_its_outlet(rig: Rig) -> None:
    order = {"evseId": 1, "connectorId": 1}
    assert await rig.csms.status("UnlockConnector", order) == "Unlocked"
    order = {"evseId": 1, "connectorId": 2}
    assert await rig.csms.status("UnlockConnector", order) == "UnknownConnector"


async def knows_no_vendor(rig: Rig) -> None:
    order = {"vendorId": "org.example", "messageId": "Anything", "data": {"of": ["any", "kind"]}}
    assert await rig.csms.status("DataTransfer", order) == "UnknownVendorId"


async def resets_at_once(rig: Rig) -> None:
    """The token is known by now; a reset ends its transaction, of which nothing is lost."""
    mark = rig.csms.mark()
    await rig.plug_in()
    await rig.swipe()
    await rig.energy_flows()
    await rig.csms.sees("TransactionEvent", lambda e: e["eventType"] == "Started", mark)
    assert await rig.csms.status("Reset", {"type": "Immediate"}) == "Accepted"
    ended = await rig.csms.sees("TransactionEvent", lambda e: e["eventType"] == "Ended", mark)
    assert ended["triggerReason"] == "ResetCommand"
    assert ended["transactionInfo"]["stoppedReason"] == "ImmediateReset"
    events = events_of(rig, ended["transactionInfo"]["transactionId"])
    assert [event["seqNo"] for event in events] == list(range(len(events)))
    boot = await rig.csms.sees("BootNotification", since=mark)
    assert boot["reason"] == "RemoteReset"
    assert rig.csms.received("Authorize", mark) == []
    await rig.csms.sees("StatusNotification", lambda s: s["connectorStatus"] == "Occupied", mark)
    await rig.unplug()


async def resets_once_idle(rig: Rig) -> None:
    """The cache was cleared, so the token is asked for; the reset awaits the transaction."""
    assert await rig.csms.status("ClearCache") == "Accepted"
    mark = rig.csms.mark()
    await rig.plug_in()
    await rig.swipe()
    await rig.energy_flows()
    assert await rig.csms.status("Reset", {"type": "OnIdle"}) == "Scheduled"
    await rig.swipe()
    await rig.csms.sees("TransactionEvent", lambda e: e["eventType"] == "Ended", mark)
    boot = await rig.csms.sees("BootNotification", since=mark)
    assert boot["reason"] == "ScheduledReset"
    assert len(rig.csms.received("Authorize", mark)) == 1
    ended = [line.action for line in rig.csms.calls[mark:]].index("BootNotification")
    assert "Ended" in {
        line.payload.get("eventType") for line in rig.csms.calls[mark : mark + ended]
    }
    answer = await rig.csms.call(
        "GetVariables", {"getVariableData": [place(*name) for name in ORDERS]}
    )
    values = [r["attributeValue"] for r in answer["getVariableResult"]]
    assert values == list(ORDERS.values())
    await rig.unplug()


BEGIN = (
    boots,
    reads_and_writes_variables,
    reports_its_inventory,
    charges_by_card,
    limits_its_current,
    charges_by_order_within_limits,
    limits_it_no_more,
    triggers_everything_else,
    goes_out_of_service_and_back,
    unlocks_its_outlet,
    knows_no_vendor,
)
END = (resets_at_once, resets_once_idle)
