"""What the foreign CSMS does with a station in 1.6, one step after the other."""

import json

from tests.integration.foreign_csms.peer import Payload
from tests.integration.foreign_csms.rig import OTHER_TOKEN, TOKEN, TOLERATED_WH, Rig
from tests.throw_away_ca import Recipe, issue, sign_request

ONE_WH = 1.0


async def boots(rig: Rig) -> None:
    boot = await rig.csms.sees("BootNotification")
    assert boot["chargePointModel"] == "AC22"
    for connector in (0, 1):
        told = await rig.csms.sees(
            "StatusNotification", lambda s, wanted=connector: s["connectorId"] == wanted
        )
        assert (told["status"], told["errorCode"]) == ("Available", "NoError")
    assert rig.csms.connections == [rig.version]


async def reads_and_writes_its_configuration(rig: Rig) -> None:
    every = (await rig.csms.call("GetConfiguration"))["configurationKey"]
    assert {entry["key"] for entry in every} >= {"HeartbeatInterval", "NumberOfConnectors"}
    order: Payload = {"key": "MeterValueSampleInterval", "value": "1"}
    assert await rig.csms.status("ChangeConfiguration", order) == "Accepted"
    order = {"key": "MeterValueSampleInterval", "value": "often"}
    assert await rig.csms.status("ChangeConfiguration", order) == "Rejected"
    answer = await rig.csms.call("GetConfiguration", {"key": ["MeterValueSampleInterval", "Nope"]})
    assert [entry["value"] for entry in answer["configurationKey"]] == ["1"]
    assert answer["unknownKey"] == ["Nope"]


async def charges_by_card(rig: Rig) -> None:
    mark, before_wh = rig.csms.mark(), await rig.delivered_wh()
    await rig.plug_in()
    await rig.swipe()
    await rig.delivers_wh(3)
    assert (await rig.csms.sees("Authorize", since=mark))["idTag"] == TOKEN
    started = await rig.csms.sees("StartTransaction", since=mark)
    values = await rig.csms.sees("MeterValues", lambda v: "transactionId" in v, mark)
    await rig.swipe()
    ended = await rig.csms.sees("StopTransaction", since=mark)
    assert ended["transactionId"] == values["transactionId"]
    assert ended.get("reason", "Local") == "Local"
    await rig.unplug()
    billed_wh = ended["meterStop"] - started["meterStart"]
    assert billed_wh > 2
    delivered_wh = await rig.delivered_wh() - before_wh
    assert abs(billed_wh - delivered_wh) < ONE_WH + TOLERATED_WH


async def charges_by_order(rig: Rig) -> None:
    mark = rig.csms.mark()
    order: Payload = {"connectorId": 1, "idTag": OTHER_TOKEN}
    assert await rig.csms.status("RemoteStartTransaction", order) == "Accepted"
    await rig.plug_in()
    await rig.energy_flows()
    await rig.csms.sees("StartTransaction", lambda s: s["idTag"] == OTHER_TOKEN, mark)
    number = (await rig.csms.sees("MeterValues", lambda v: "transactionId" in v, mark))[
        "transactionId"
    ]
    for message in ("Heartbeat", "MeterValues", "StatusNotification"):
        asked = rig.csms.mark()
        order = {"requestedMessage": message, "connectorId": 1}
        assert await rig.csms.status("TriggerMessage", order) == "Accepted"
        await rig.csms.sees(message, since=asked)
    order = {"transactionId": number + 77}
    assert await rig.csms.status("RemoteStopTransaction", order) == "Rejected"
    order = {"transactionId": number}
    assert await rig.csms.status("RemoteStopTransaction", order) == "Accepted"
    ended = await rig.csms.sees("StopTransaction", since=mark)
    assert (ended["transactionId"], ended["reason"]) == (number, "Remote")
    await rig.unplug()


async def obeys_other_orders(rig: Rig) -> None:
    for word, status in (("Inoperative", "Unavailable"), ("Operative", "Available")):
        mark = rig.csms.mark()
        order: Payload = {"connectorId": 1, "type": word}
        assert await rig.csms.status("ChangeAvailability", order) == "Accepted"
        await rig.csms.sees("StatusNotification", lambda s, to=status: s["status"] == to, mark)
    assert await rig.csms.status("UnlockConnector", {"connectorId": 1}) == "Unlocked"
    schedule = await rig.csms.call("GetCompositeSchedule", {"connectorId": 1, "duration": 60})
    assert schedule["status"] == "Accepted"
    assert await rig.csms.status("DataTransfer", {"vendorId": "org.example"}) == "UnknownVendorId"


async def gets_a_certificate_for_a_vehicle(rig: Rig) -> None:
    mark = rig.csms.mark()
    await rig.car_gets_a_certificate()
    told = await rig.csms.sees("DataTransfer", since=mark)
    assert told["vendorId"] == "org.openchargealliance.iso15118pnc"
    assert json.loads(told["data"])["exiRequest"] == "gJgCrequest"


async def manages_certificates(rig: Rig) -> None:
    use = "CentralSystemRootCertificate"
    root = issue("Operator root", recipe=Recipe(ca=True, days=3650))
    order: Payload = {"certificateType": use, "certificate": root.pem}
    assert await rig.csms.status("InstallCertificate", order) == "Accepted"
    found = await rig.csms.call("GetInstalledCertificateIds", {"certificateType": use})
    (name,) = found["certificateHashData"]
    mark = rig.csms.mark()
    order = {"requestedMessage": "SignChargePointCertificate"}
    assert await rig.csms.status("ExtendedTriggerMessage", order) == "Accepted"
    asked = await rig.csms.sees("SignCertificate", since=mark)
    order = {"certificateChain": sign_request(asked["csr"], root).pem}
    assert await rig.csms.status("CertificateSigned", order) == "Accepted"
    order = {"certificateChain": "no certificate"}
    assert await rig.csms.status("CertificateSigned", order) == "Rejected"
    told = await rig.csms.sees(
        "SecurityEventNotification",
        lambda e: e["type"] == "InvalidChargePointCertificate",
        mark,
    )
    assert told["timestamp"]
    assert await rig.csms.status("DeleteCertificate", {"certificateHashData": name}) == "Failed"
    other = issue("Maker root", recipe=Recipe(ca=True, days=3650))
    order = {"certificateType": "ManufacturerRootCertificate", "certificate": other.pem}
    assert await rig.csms.status("InstallCertificate", order) == "Accepted"
    order = {"certificateType": "ManufacturerRootCertificate"}
    (name,) = (await rig.csms.call("GetInstalledCertificateIds", order))["certificateHashData"]
    assert await rig.csms.status("DeleteCertificate", {"certificateHashData": name}) == "Accepted"


async def fetches_logs(rig: Rig) -> None:
    mark = rig.csms.mark()
    place = {"remoteLocation": rig.receiver.url()}
    order: Payload = {"logType": "SecurityLog", "requestId": 11, "log": place}
    answer = await rig.csms.call("GetLog", order)
    assert answer["status"] == "Accepted"
    for status in ("Uploading", "Uploaded"):
        told = await rig.csms.sees(
            "LogStatusNotification", lambda s, to=status: s["status"] == to, mark
        )
        assert told["requestId"] == 11
    location = {"location": rig.receiver.url("/one")}
    assert (await rig.csms.call("GetDiagnostics", location))["fileName"]
    await rig.csms.sees("DiagnosticsStatusNotification", lambda s: s["status"] == "Uploaded", mark)
    first, second = rig.receiver.received
    assert first.target == f"/logs/{answer['filename']}"
    assert second.target == "/one"


async def resets(rig: Rig) -> None:
    mark = rig.csms.mark()
    await rig.plug_in()
    await rig.swipe()
    await rig.energy_flows()
    await rig.csms.sees("StartTransaction", since=mark)
    assert await rig.csms.status("Reset", {"type": "Hard"}) == "Accepted"
    ended = await rig.csms.sees("StopTransaction", since=mark)
    assert ended["reason"] == "HardReset"
    await rig.csms.sees("BootNotification", since=mark)
    await rig.unplug()


STEPS = (
    boots,
    reads_and_writes_its_configuration,
    charges_by_card,
    charges_by_order,
    obeys_other_orders,
    manages_certificates,
    gets_a_certificate_for_a_vehicle,
    fetches_logs,
    resets,
)
