"""Stories of logs that the CSMS asks for: GetLog, and GetDiagnostics of 1.6 (N01, A04)."""

import gzip
import io
import json
import logging
import tarfile
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from agent.sim.csms_model import format_timestamp
from tests.http_receiver import Received, Receiver, receiving
from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.words import TOKEN, V16
from tests.stories.world import World
from tests.virtual_time import utc_now

only_16 = pytest.mark.parametrize("version", [V16])


@pytest.fixture
async def server(world: World, caplog: pytest.LogCaptureFixture) -> AsyncIterator[Receiver]:
    """A server on this machine, which the station is allowed to send logs to."""
    caplog.set_level(logging.INFO)
    async with receiving() as receiver:
        configure = world.machine.configure

        def with_server(*arguments: object, **settings: object) -> None:
            configure(*arguments, **settings)  # type: ignore[arg-type]
            text = world.machine.config.read_text()
            section = '\n[diagnostics]\nschemes = ["https", "http"]\nprivate_addresses = true\n'
            world.machine.config.write_text(f"{text}{section}ports = [{receiver.port}, 443]\n")

        world.machine.configure = with_server  # type: ignore[method-assign]
        yield receiver


async def asks(
    csms: Desk, location: str, log: str = "SecurityLog", number: int = 7, **more: Any
) -> Any:
    """Send GetLog; `retries`, `retryInterval`, `oldest` and `latest` as wanted."""
    window = {f"{end}Timestamp": more.pop(end) for end in ("oldest", "latest") if end in more}
    order = {"logType": log, "requestId": number, "log": {"remoteLocation": location, **window}}
    return await csms.call("GetLog", {**order, **more})


def told(csms: Desk, action: str = "LogStatusNotification") -> list[tuple[str, int | None]]:
    calls = (call.payload for call in csms.calls(action))
    return [(payload["status"], payload.get("requestId")) for payload in calls]


async def sees(csms: Desk, *statuses: str, number: int | None = 7) -> None:
    """Wait until exactly these statuses of a request were told."""
    await csms.until(
        lambda: [s for s, n in told(csms) if n == number] == list(statuses),
        f"{statuses}, there is {told(csms)}",
        600,
    )


def entries_of(received: Received) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress(received.body).splitlines()]


def files_of(received: Received) -> dict[str, str]:
    with tarfile.open(fileobj=io.BytesIO(received.body)) as archive:
        members = {member.name: archive.extractfile(member) for member in archive}
        return {name: file.read().decode() for name, file in members.items() if file is not None}


@pytest.mark.requirement(
    *("N01", "N01.FR.01", "N01.FR.02", "N01.FR.03", "N01.FR.07", "N01.FR.08", "N01.FR.09"),
    *("N01.FR.14", "N01.FR.21", "A04.FR.04", "TC_N_25_CS", "N01.FR.01 (1.6)", "TC_079_CS"),
    *("N01.FR.02 (1.6)", "N01.FR.07 (1.6)", "N01.FR.08 (1.6)", "N01.FR.21 (1.6)"),
    "A04.FR.04 (1.6)",
)
async def test_the_security_log_is_uploaded(world: World, csms: Desk, server: Receiver) -> None:
    await world.start()
    answer = await asks(csms, server.url())
    assert answer["status"] == "Accepted"
    name = answer["filename"]
    assert name.startswith("CS001_")
    await sees(csms, "Uploading", "Uploaded")
    (received,) = server.received
    assert (received.method, received.target) == ("PUT", f"/logs/{name}")
    entries = entries_of(received)
    assert [entry["number"] for entry in entries] == list(range(1, len(entries) + 1))
    assert entries[0]["type"] == "StartupOfTheDevice"
    assert list((world.machine.folder / "state/logs").iterdir()) == []


@pytest.mark.requirement("N01.FR.02", "N01.FR.04", "TC_N_26_CS", "N01.FR.02 (1.6)", "TC_079_CS")
async def test_the_diagnostics_are_uploaded_without_passwords_and_whole_tokens(
    world: World, bench: Bench, csms: Desk, server: Receiver
) -> None:
    await world.start()
    await world.charges()
    answer = await asks(csms, server.url("/one/file"), "DiagnosticsLog")
    assert answer["status"] == "Accepted"
    await sees(csms, "Uploading", "Uploaded")
    (received,) = server.received
    assert received.target == "/one/file"
    files = files_of(received)
    assert set(files) == {"stationd.log", "station.json"}
    assert "online, speaking" in files["stationd.log"]
    facts = json.loads(files["station.json"])
    assert facts["serial_number"] == "0001"
    assert "OCPPCommCtrlr.HeartbeatInterval" in facts["variables"]
    assert "SecurityCtrlr.BasicAuthPassword" not in facts["variables"]
    assert TOKEN not in "".join(files.values())
    await bench.swipe()


@pytest.mark.requirement("N01.FR.05", "N01.FR.01 (1.6)")
async def test_there_is_no_log_of_a_time_without_entries(
    world: World, csms: Desk, server: Receiver
) -> None:
    await world.start()
    long_ago = {"latest": format_timestamp(utc_now() - timedelta(days=1))}
    for log in ("SecurityLog", "DiagnosticsLog"):
        answer = await asks(csms, server.url(), log, **long_ago)
        assert answer["status"] == "Rejected"
        assert "filename" not in answer
    await world.pass_s(60)
    assert server.received == []
    assert told(csms) == []


@pytest.mark.requirement("N01.FR.02")
async def test_a_log_holds_what_is_in_its_window(
    world: World, csms: Desk, server: Receiver
) -> None:
    await world.start()
    begin = utc_now()
    await world.pass_s(100)
    await world.bench.plug_in()
    key = "SecurityCtrlr.BasicAuthPassword"
    if csms.is_16:
        await csms.station.change_configuration("AuthorizationKey", "00112233445566778899AABBCCDD")
        await csms.station.change_configuration("AuthorizationKey", "0" * 40)
    else:
        await csms.station.set_variables({key: "0123456789abcdef0"})
    await world.pass_s(5)
    window = {"oldest": format_timestamp(begin), "latest": format_timestamp(utc_now())}
    assert (await asks(csms, server.url(), **window))["status"] == "Accepted"
    await sees(csms, "Uploading", "Uploaded")
    entries = entries_of(server.received[0])
    assert {entry["type"] for entry in entries} == {"ReconfigurationOfSecurityParameters"}
    assert all(datetime.fromisoformat(entry["at"]) >= begin for entry in entries)


@pytest.mark.requirement("N01.FR.10", "TC_N_36_CS", "N01.FR.08 (1.6)")
@pytest.mark.parametrize(
    ("status", "word"),
    [
        (500, "UploadFailure"),
        (307, "UploadFailure"),
        (403, "PermissionDenied"),
        (400, "BadMessage"),
        (405, "NotSupportedOperation"),
    ],
)
async def test_an_upload_that_fails_is_told_after_the_last_retry(
    world: World, csms: Desk, server: Receiver, status: int, word: str
) -> None:
    await world.start()
    server.answers = [status] * 20
    server.headers = f"Location: {server.url('/elsewhere')}\r\n"
    begin = utc_now()
    await asks(csms, server.url(), retries=2, retryInterval=30)
    await sees(csms, "Uploading", word)
    assert (utc_now() - begin).total_seconds() == pytest.approx(60, abs=5)
    puts = [request for request in server.received if request.method == "PUT"]
    assert len(puts) == 3
    assert {request.target for request in puts} == {puts[0].target}, "no redirect is followed"
    assert list((world.machine.folder / "state/logs").iterdir()) == []


@pytest.mark.requirement("N01.FR.19", "N01.FR.19 (1.6)")
async def test_a_server_that_takes_no_put_gets_a_post_that_names_the_file(
    world: World, csms: Desk, server: Receiver
) -> None:
    await world.start()
    server.answers = [405, 200]
    name = (await asks(csms, server.url("/cgi/take?day=1")))["filename"]
    await sees(csms, "Uploading", "Uploaded")
    put, post = server.received
    assert (put.method, post.method) == ("PUT", "POST")
    assert post.target == "/cgi/take?day=1"
    assert post.headers["content-type"] == "application/gzip"
    assert post.headers["content-disposition"] == f'attachment; filename="{name}"'
    assert post.body == put.body


@pytest.mark.requirement(
    *("N01.FR.12", "N01.FR.20", "TC_N_34_CS", "TC_N_35_CS", "N01.FR.11 (1.6)"),
)
async def test_a_newer_order_cancels_the_upload_that_runs(
    world: World, csms: Desk, server: Receiver
) -> None:
    await world.start()
    server.stall.clear()
    assert (await asks(csms, server.url("/first"), number=1))["status"] == "Accepted"
    await server.gets(1)
    answer = await asks(csms, server.url("/second"), number=2)
    assert answer["status"] == "AcceptedCanceled"
    server.stall.set()
    await sees(csms, "Uploading", "Uploaded", number=2)
    canceled = "UploadFailure" if csms.is_16 else "AcceptedCanceled"
    await sees(csms, "Uploading", canceled, number=1)
    assert [request.target for request in server.received] == ["/first", "/second"]


@pytest.mark.requirement(
    *("F06.FR.14", "F06.FR.15", "N01.FR.13", "N01.FR.12 (1.6)"),
)
async def test_how_far_an_upload_has_come_is_told_when_the_csms_asks(
    world: World, csms: Desk, server: Receiver
) -> None:
    await world.start()
    assert (await csms.station.trigger("LogStatusNotification")).accepted
    await csms.sees("LogStatusNotification")
    assert told(csms) == [("Idle", None)]
    server.answers = [503]
    await asks(csms, server.url(), retries=1, retryInterval=60)
    await server.gets(1)
    assert (await csms.station.trigger("LogStatusNotification")).accepted
    await sees(csms, "Uploading", "Uploading", "Uploaded")
    assert (await csms.station.trigger("LogStatusNotification")).accepted
    await csms.sees("LogStatusNotification", 5)
    assert told(csms)[-1] == ("Idle", None)


@pytest.mark.requirement("N01.FR.07")
@pytest.mark.parametrize(
    "location",
    [
        "file:///etc/passwd",
        "ftp://127.0.0.1/logs/",
        "C:",
        "http://169.254.169.254/latest/",
        "https://127.0.0.1:22/",
        "http://0x7f000001/",
        "http://",
    ],
)
async def test_a_location_where_no_log_may_go_is_refused_at_once(
    world: World, csms: Desk, server: Receiver, location: str
) -> None:
    await world.start()
    answer = await asks(csms, location)
    assert answer["status"] == "Rejected"
    if not csms.is_16:
        assert answer["statusInfo"]["reasonCode"] == "InvalidURL"
    await world.pass_s(60)
    assert told(csms) == []


@pytest.mark.requirement("N01.FR.09", "N01.FR.08 (1.6)")
async def test_the_end_of_an_upload_is_told_when_the_csms_is_back(
    world: World, csms: Desk, server: Receiver
) -> None:
    await world.start()
    server.answers = [503]
    await asks(csms, server.url(), retryInterval=30)
    await server.gets(1)
    await csms.goes_down()
    await server.gets(2)
    await world.pass_s(20)
    await csms.comes_back()
    await sees(csms, "Uploading", "Uploaded")


@pytest.mark.requirement("N01.FR.10", "N01.FR.08 (1.6)")
async def test_an_upload_that_a_power_cut_ends_is_told_as_failed(
    world: World, csms: Desk, server: Receiver
) -> None:
    await world.start()
    server.answers = [503]
    await asks(csms, server.url(), retryInterval=600)
    await sees(csms, "Uploading")
    csms.station.expect_boot()
    await world.machine.lose_power()
    await sees(csms, "Uploading", "UploadFailure")
    await world.pass_s(2)
    assert list((world.machine.folder / "state/logs").iterdir()) == []
    await world.machine.restart()
    await csms.is_ready()
    await world.pass_s(60)
    await sees(csms, "Uploading", "UploadFailure")


@pytest.mark.requirement("N01.FR.17 (1.6)", "N01.FR.25")
async def test_the_upload_server_gets_the_login_of_the_url_and_never_the_stations_password(
    world: World, csms: Desk, server: Receiver
) -> None:
    await world.start()
    await asks(csms, server.url().replace("127.", "logs:s%40cret@127."), number=1)
    await sees(csms, "Uploading", "Uploaded", number=1)
    await asks(csms, server.url(), number=2)
    await sees(csms, "Uploading", "Uploaded", number=2)
    with_login, without = server.received
    assert with_login.headers["authorization"] == "Basic bG9nczpzQGNyZXQ="
    assert "authorization" not in without.headers


# --- GetDiagnostics, which only 1.6 has.


async def diagnoses(csms: Desk, location: str, **more: Any) -> Any:
    return await csms.call("GetDiagnostics", {"location": location, **more})


@only_16
@pytest.mark.requirement("S16-DIAG-01", "TC_045_1_CS")
async def test_diagnostics_are_uploaded_as_one_file(
    world: World, csms: Desk, server: Receiver
) -> None:
    await world.start()
    order = {"requestedMessage": "DiagnosticsStatusNotification"}
    assert (await csms.call("TriggerMessage", order))["status"] == "Accepted"
    await csms.sees("DiagnosticsStatusNotification")
    name = (await diagnoses(csms, server.url()))["fileName"]
    await csms.sees("DiagnosticsStatusNotification", 3)
    action = "DiagnosticsStatusNotification"
    assert [status for status, _ in told(csms, action)] == ["Idle", "Uploading", "Uploaded"]
    (received,) = server.received
    assert received.target == f"/logs/{name}"
    assert "stationd.log" in files_of(received)
    assert told(csms) == []


@only_16
@pytest.mark.requirement("S16-DIAG-01", "TC_045_2_CS")
async def test_diagnostics_that_cannot_be_uploaded_are_told_as_failed(
    world: World, csms: Desk, server: Receiver
) -> None:
    await world.start()
    server.answers = [500] * 9
    await diagnoses(csms, server.url(), retries=1, retryInterval=5)
    action = "DiagnosticsStatusNotification"
    await csms.sees(action, 2)
    assert [status for status, _ in told(csms, action)] == ["Uploading", "UploadFailed"]
    assert len(server.received) == 2


@only_16
@pytest.mark.requirement("S16-DIAG-01")
async def test_without_diagnostics_the_answer_names_no_file(
    world: World, csms: Desk, server: Receiver
) -> None:
    await world.start()
    before = format_timestamp(utc_now() - timedelta(days=1))
    assert await diagnoses(csms, server.url(), stopTime=before) == {}
    assert await diagnoses(csms, "C:") == {}
    await world.pass_s(60)
    assert csms.calls("DiagnosticsStatusNotification") == []
