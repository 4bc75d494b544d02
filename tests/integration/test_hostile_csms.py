"""A whole station against a malicious CSMS: it answers, goes on charging, and keeps secrets."""

import gc
import json
import tracemalloc
from importlib import import_module
from pathlib import Path

import pytest

from agent.ocpp.link import codec_module
from agent.ocpp.rpc import Rpc
from tests.corpus.commands import absurd_calls, mutations, valid_calls
from tests.corpus.frames import BadFrame, Reply, bad_frames
from tests.integration.hostile_rig import Hostile, charging_station
from tests.integration.station_process import until_true
from tests.patience import PATIENT_S

VERSIONS = ("ocpp1.6", "ocpp2.0.1", "ocpp2.1")
MOST_GROWTH_KIB = 12_000
SECRET = "Secret*Password-0123456789"


def complaint(frame: BadFrame, replies: list[list[object]], *, is_16: bool) -> str | None:
    """Say what is wrong with the replies to a bad frame."""
    ids = [reply[1] for reply in replies]
    match frame.reply:
        case Reply.NOTHING:
            expected: list[list[object]] = [[]]
        case Reply.ITS_ID:
            expected = [[frame.message_id]]
        case Reply.UNREADABLE:
            expected = [[]] if is_16 else [["-1"]]
        case Reply.IF_KNOWN_TYPE:
            expected = [[], [frame.message_id], ["-1"]]
    if ids in expected:
        return None
    return f"{frame.name}: expected {expected}, got {replies}"


@pytest.mark.parametrize("version", VERSIONS)
async def test_no_frame_disturbs_a_station_that_charges(version: str, tmp_path: Path) -> None:
    async with charging_station(version, tmp_path) as hostile:
        before = await hostile.still_charges()
        for frame in bad_frames(*hostile.valid):
            mark = len(hostile.station.frames)
            hostile.station.send_raw(frame.text)
            replies = await hostile.probe(mark)
            if found := complaint(frame, replies, is_16=hostile.is_16):
                hostile.wrong.append(found)
        assert hostile.wrong == []
        rss_kib = hostile.process.rss_kib
        for frame in bad_frames(*hostile.valid):
            hostile.station.send_raw(frame.text)
        await hostile.probe(len(hostile.station.frames))
        assert hostile.process.rss_kib - rss_kib < MOST_GROWTH_KIB
        after = await hostile.still_charges()
        assert after["meter"]["energy_wh"] > before["meter"]["energy_wh"]
        await hostile.end_of_charging()
        assert "InvalidMessages" in await hostile.process.security_log()
        hostile.check_log()


@pytest.mark.parametrize("version", VERSIONS)
async def test_absurd_orders_are_answered_once_and_change_nothing(
    version: str, tmp_path: Path
) -> None:
    async with charging_station(version, tmp_path) as hostile:
        for action, payload in absurd_calls(version):
            mark = len(hostile.station.frames)
            reply = await hostile.call(action, payload)
            replies = [r for r in hostile.replies_since(mark) if r[1] == reply[1]]
            if len(replies) != 1 or "InternalError" in str(reply):
                hostile.wrong.append(f"{action} {str(payload)[:200]}: {replies}")
        assert hostile.wrong == []
        await hostile.still_charges()
        await set_password(hostile)
        await hostile.end_of_charging()
        hostile.check_log(SECRET, SECRET.encode().hex(), SECRET.encode().hex().upper())


async def set_password(hostile: Hostile) -> None:
    """Give the station a password, whatever it thinks of that."""
    if hostile.is_16:
        value = SECRET.encode().hex()
        await hostile.call("ChangeConfiguration", {"key": "AuthorizationKey", "value": value})
        return
    place = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}
    data = [{**place, "attributeValue": SECRET}]
    reply = await hostile.call("SetVariables", {"setVariableData": data})
    assert reply[0] == 3
    got = await hostile.call("GetVariables", {"getVariableData": [place]})
    assert SECRET not in json.dumps(got)


@pytest.mark.parametrize("version", VERSIONS)
async def test_orders_that_are_broken_field_by_field_are_answered(
    version: str, tmp_path: Path
) -> None:
    """The load is the station's own limit of CALLs per second, so a part must do for each run."""
    async with charging_station(version, tmp_path) as hostile:
        broken = [(a, m) for a, payload in valid_calls(version) for m in mutations(payload)]
        for action, payload in broken[VERSIONS.index(version) :: len(broken) // 150]:
            reply = await hostile.call(action, payload)
            if "InternalError" in str(reply):
                hostile.wrong.append(f"{action} {str(payload)[:300]}: {reply}")
        assert hostile.wrong == []
        await hostile.still_charges()
        hostile.check_log()


@pytest.mark.parametrize("version", ["ocpp2.0.1"])
async def test_a_flood_of_calls_is_answered_without_harm(version: str, tmp_path: Path) -> None:
    async with charging_station(version, tmp_path) as hostile:
        mark = len(hostile.station.frames)
        action, payload = hostile.valid
        for number in range(230):
            hostile.station.send_raw(f'[2,"flood-{number}","{action}",{payload}]')
        for number in range(20):
            # The same id again is the same CALL again: it is answered again, not carried out.
            hostile.station.send_raw(f'[2,"flood-{number}","{action}",{payload}]')
        await until_true(lambda: len(hostile.replies_since(mark)) >= 250, PATIENT_S)
        ids = [reply[1] for reply in hostile.replies_since(mark)]
        assert {f"flood-{number}" for number in range(230)} == set(ids)
        await hostile.still_charges()
        await hostile.end_of_charging()


@pytest.mark.parametrize("version", VERSIONS)
def test_ten_thousand_bad_frames_leave_nothing_in_memory(version: str) -> None:
    codec = import_module(codec_module(version)).CODEC
    rpc = Rpc(codec.dialect)
    texts = [frame.text for frame in bad_frames("Reset", "{}") if len(frame.text) < 5_000]

    def repeat(times: int) -> None:
        for _ in range(times):
            for text in texts:
                rpc.receive(text, 0.0)

    repeat(3)
    gc.collect()
    tracemalloc.start()
    try:
        repeat(10_000 // len(texts) + 1)
        gc.collect()
        grown_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert grown_bytes < 1_000_000
