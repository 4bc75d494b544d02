"""More of what the foreign CSMS does in 2.0.1 and 2.1: reservations, lists, networks, questions."""

from datetime import UTC, datetime, timedelta

from tests.integration.foreign_csms.peer import Payload
from tests.integration.foreign_csms.rig import OTHER_TOKEN, Rig
from tests.integration.foreign_csms.steps_2x import collects_report, place
from tests.throw_away_ca import Recipe, issue, sign_request

LISTED_TOKEN = "0102030405060A"


def in_a_while(seconds: float = 600) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")


def token(name: str) -> Payload:
    return {"idToken": name, "type": "ISO14443"}


async def reports_what_is_picked(rig: Rig) -> None:
    """By components, with their evse or without, by variable, and by criterion."""
    order: Payload = {
        "requestId": 201,
        "componentVariable": [
            place("TxCtrlr", "TxStartPoint"),
            {"component": {"name": "OCPPCommCtrlr"}},
            {"component": {"name": "EVSE", "evse": {"id": 2}}},
        ],
    }
    assert await rig.csms.status("GetReport", order) == "Accepted"
    entries = [entry for _, entry in await collects_report(rig, 201)]
    told = {entry["component"]["name"] for entry in entries}
    assert told == {"TxCtrlr", "OCPPCommCtrlr", "EVSE"}
    assert {e["component"]["evse"]["id"] for e in entries if e["component"]["name"] == "EVSE"} == {
        2
    }
    assert len([e for e in entries if e["component"]["name"] == "TxCtrlr"]) == 1
    order = {"requestId": 202, "componentCriteria": ["Problem"]}
    assert await rig.csms.status("GetReport", order) == "EmptyResultSet"
    order = {"requestId": 203, "componentCriteria": ["Available"]}
    assert await rig.csms.status("GetReport", order) == "Accepted"
    assert len(await collects_report(rig, 203)) > 1


async def takes_a_list(rig: Rig) -> None:
    accepted = {"idToken": token(LISTED_TOKEN), "idTokenInfo": {"status": "Accepted"}}
    blocked = {"idToken": token(OTHER_TOKEN), "idTokenInfo": {"status": "Blocked"}}
    order: Payload = {"versionNumber": 7, "updateType": "Full"}
    order["localAuthorizationList"] = [accepted, blocked]
    assert await rig.csms.status("SendLocalList", order) == "Accepted"
    assert (await rig.csms.call("GetLocalListVersion"))["versionNumber"] == 7
    order = {"versionNumber": 8, "updateType": "Differential"}
    order["localAuthorizationList"] = [{"idToken": token(OTHER_TOKEN)}]
    assert await rig.csms.status("SendLocalList", order) == "Accepted"
    assert (await rig.csms.call("GetLocalListVersion"))["versionNumber"] == 8
    stale = {"versionNumber": 8, "updateType": "Differential"}
    assert await rig.csms.status("SendLocalList", stale) == "VersionMismatch"


async def empties_its_list(rig: Rig) -> None:
    empty = {"versionNumber": 9, "updateType": "Full"}
    assert await rig.csms.status("SendLocalList", empty) == "Accepted"
    assert (await rig.csms.call("GetLocalListVersion"))["versionNumber"] == 9


async def reserves(rig: Rig) -> None:
    """For one token: given back, run out, and used; as it is in the list, nobody is asked."""
    mark = rig.csms.mark()
    order: Payload = {"id": 1, "expiryDateTime": in_a_while(), "evseId": 1}
    order["idToken"] = token(LISTED_TOKEN)
    assert await rig.csms.status("ReserveNow", order) == "Accepted"
    await rig.csms.sees("StatusNotification", lambda s: s["connectorStatus"] == "Reserved", mark)
    assert await rig.csms.status("CancelReservation", {"reservationId": 2}) == "Rejected"
    mark = rig.csms.mark()
    assert await rig.csms.status("CancelReservation", {"reservationId": 1}) == "Accepted"
    await rig.csms.sees("StatusNotification", lambda s: s["connectorStatus"] == "Available", mark)
    short = {**order, "id": 3, "expiryDateTime": in_a_while(1)}
    assert await rig.csms.status("ReserveNow", short) == "Accepted"
    told = await rig.csms.sees("ReservationStatusUpdate")
    assert told == {"reservationId": 3, "reservationUpdateStatus": "Expired"}
    mark = rig.csms.mark()
    assert await rig.csms.status("ReserveNow", {**order, "id": 4}) == "Accepted"
    assert await rig.csms.status("ReserveNow", {**order, "id": 5}) == "Occupied"
    await rig.plug_in()
    await rig.swipe(LISTED_TOKEN)
    await rig.energy_flows()
    await rig.swipe(LISTED_TOKEN)
    await rig.csms.sees("TransactionEvent", lambda e: e["eventType"] == "Ended", mark)
    await rig.unplug()
    events = rig.csms.received("TransactionEvent", mark)
    assert rig.csms.received("Authorize", mark) == []
    assert [event["reservationId"] for event in events if "reservationId" in event] == [4]


async def gets_certificates_for_vehicles(rig: Rig) -> None:
    mark = rig.csms.mark()
    order = {"requestedMessage": "SignV2GCertificate"}
    assert await rig.csms.status("TriggerMessage", order) == "Accepted"
    asked = await rig.csms.sees("SignCertificate", since=mark)
    assert asked["certificateType"] == "V2GCertificate"
    await rig.car_gets_a_certificate()
    request = await rig.csms.sees("Get15118EVCertificate", since=mark)
    assert (request["action"], request["exiRequest"]) == ("Install", "gJgCrequest")


async def tells_of_its_queue(rig: Rig) -> None:
    assert await rig.csms.call("GetTransactionStatus") == {"messagesInQueue": False}
    answer = await rig.csms.call("GetTransactionStatus", {"transactionId": "none-such"})
    assert answer == {"ongoingIndicator": False, "messagesInQueue": False}


async def moves_to_another_network_profile(rig: Rig) -> None:
    """The profile of slot 2 leads to the same CSMS by another path; a reset makes it active."""
    profile: Payload = {
        "ocppVersion": "OCPP20" if rig.version == "ocpp2.0.1" else "OCPP21",
        "ocppTransport": "JSON",
        "ocppCsmsUrl": f"{rig.csms.url}/moved",
        "messageTimeout": 10,
        "securityProfile": 0,
        "ocppInterface": "Wired0",
    }
    order = {"configurationSlot": 2, "connectionData": profile}
    assert await rig.csms.status("SetNetworkProfile", order) == "Accepted"
    bad = {"configurationSlot": 9, "connectionData": profile}
    assert await rig.csms.status("SetNetworkProfile", bad) == "Rejected"
    priority = {**place("OCPPCommCtrlr", "NetworkConfigurationPriority"), "attributeValue": "2,1"}
    answer = await rig.csms.call("SetVariables", {"setVariableData": [priority]})
    assert answer["setVariableResult"][0]["attributeStatus"] in {"Accepted", "RebootRequired"}
    mark = rig.csms.mark()
    assert await rig.csms.status("Reset", {"type": "OnIdle"}) == "Accepted"
    await rig.csms.sees("BootNotification", since=mark)
    query = {"getVariableData": [place("OCPPCommCtrlr", "ActiveNetworkProfile")]}
    answer = await rig.csms.call("GetVariables", query)
    assert answer["getVariableResult"][0]["attributeValue"] == "2"


async def renews_its_certificate(rig: Rig) -> None:
    """The CSMS plays the CA whose root it has installed."""
    root = issue("Root", recipe=Recipe(ca=True, days=4000))
    installed = {"certificateType": "CSMSRootCertificate", "certificate": root.pem}
    assert await rig.csms.status("InstallCertificate", installed) == "Accepted"
    request = await asks_for_a_certificate(rig)
    assert await rig.csms.status("CertificateSigned", signed(request, root.pem)) == "Rejected"
    request = await asks_for_a_certificate(rig)
    certificate = sign_request(request["csr"], root).pem
    assert await rig.csms.status("CertificateSigned", signed(request, certificate)) == "Accepted"
    (entry,) = (await rig.csms.call("GetInstalledCertificateIds"))["certificateHashDataChain"]
    order = {"certificateHashData": entry["certificateHashData"]}
    assert await rig.csms.status("DeleteCertificate", order) == "Accepted"
    assert await rig.csms.status("GetInstalledCertificateIds") == "NotFound"


async def asks_for_a_certificate(rig: Rig) -> Payload:
    mark = rig.csms.mark()
    order = {"requestedMessage": "SignChargingStationCertificate"}
    assert await rig.csms.status("TriggerMessage", order) == "Accepted"
    return await rig.csms.sees("SignCertificate", since=mark)


def signed(request: Payload, chain: str) -> Payload:
    """Answer a request, which 2.1 numbers."""
    kind = {"certificateType": "ChargingStationCertificate", "certificateChain": chain}
    return kind | ({"requestId": request["requestId"]} if "requestId" in request else {})


STEPS = (
    renews_its_certificate,
    gets_certificates_for_vehicles,
    reports_what_is_picked,
    tells_of_its_queue,
    takes_a_list,
    reserves,
    empties_its_list,
    moves_to_another_network_profile,
)
