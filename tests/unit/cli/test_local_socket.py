"""Questions to the station: where its socket is, and what is said when it does not answer."""

import socket
from pathlib import Path

import pytest

from agent.cli.local_socket import (
    API_SECTION,
    API_SOCKET_NAME,
    BENCH_SECTION,
    DEFAULT_STATE_DIR,
    QuestionRefused,
    StationNotReached,
    ask,
    socket_path,
)
from agent.config.load import load
from tests.unit.cli.fake_station import FakeStation, line

CONFIG = """
[station]
vendor = "V"
model = "M"
serial_number = "1"
[csms]
url = "ws://127.0.0.1:1/ocpp"
identity = "CS001"
versions = ["ocpp2.0.1"]
security_profile = 0
allow_insecure = true
[[evse]]
id = 1
connector_type = "cType2"
max_current_a = 32
phases = 3
pilot = { backend = "mock" }
contactor = { backend = "mock" }
meter = { backend = "mock" }
"""


def test_the_reply_of_the_station_is_returned(tmp_path: Path) -> None:
    with FakeStation(tmp_path / "s", lambda _: line({"ok": True, "answer": 42})) as station:
        assert ask(station.path, {"op": "state"}) == {"ok": True, "answer": 42}
    assert station.requests == [{"op": "state"}]


def test_a_long_reply_arrives_whole(tmp_path: Path) -> None:
    text = "x" * 1_000_000
    with FakeStation(tmp_path / "s", lambda _: line({"ok": True, "text": text})) as station:
        assert ask(station.path, {"op": "export"})["text"] == text


def test_a_refusal_tells_the_station_s_reason(tmp_path: Path) -> None:
    reply = {"ok": False, "error": "there is no EVSE 9"}
    with (
        FakeStation(tmp_path / "s", lambda _: line(reply)) as station,
        pytest.raises(QuestionRefused, match="there is no EVSE 9") as refusal,
    ):
        ask(station.path, {"op": "plug_in", "evse": 9})
    assert refusal.value.reply == reply


@pytest.mark.parametrize("answer", [b"", b"{", b"[]\n", b"nonsense\n", b'{"ok": true}'])
def test_an_answer_that_is_no_line_of_json_is_told(tmp_path: Path, answer: bytes) -> None:
    with (
        FakeStation(tmp_path / "s", lambda _: answer) as station,
        pytest.raises(StationNotReached, match="look at its log"),
    ):
        ask(station.path, {"op": "status"})


def test_a_station_that_does_not_run_is_told_with_socket_and_remedy(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    with pytest.raises(StationNotReached, match="stationd run") as absent:
        ask(path, {"op": "status"})
    assert str(path) in str(absent.value)
    with socket.socket(socket.AF_UNIX) as left_over:
        left_over.bind(str(path))
    with pytest.raises(StationNotReached, match="stationd run"):
        ask(path, {"op": "status"})


def test_a_station_that_is_silent_is_given_up(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(path))
        deaf.listen()
        with pytest.raises(StationNotReached, match=r"within 0\.05 s"):
            ask(path, {"op": "status"}, timeout_s=0.05)


def test_the_folder_of_a_socket_may_be_as_deep_as_the_file_system_allows(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 120)
    deep.mkdir()
    with FakeStation(tmp_path / "s", lambda _: line({"ok": True})) as station:
        moved = station.path.rename(deep / "s")
        assert ask(moved, {"op": "state"}) == {"ok": True}


def test_a_name_that_no_socket_can_have_is_told(tmp_path: Path) -> None:
    with pytest.raises(StationNotReached, match="too long"):
        ask(tmp_path / ("x" * 200), {"op": "status"})


def test_the_socket_is_given_or_configured_or_the_usual_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "station.toml"
    given = Path("given.sock")
    assert socket_path(API_SECTION, file, given) == given
    monkeypatch.setenv("STATIOND_CONFIG", str(file))
    assert socket_path(API_SECTION, file, None) == DEFAULT_STATE_DIR / API_SOCKET_NAME
    file.write_text('[station]\nstate_dir = "state"\n')
    assert socket_path(API_SECTION, file, None) == tmp_path / "state/api.sock"
    file.write_text('[local_api]\nsocket = "api.sock"\n[bench]\nsocket = "/run/b.sock"\n')
    assert socket_path(API_SECTION, file, None) == tmp_path / "api.sock"
    assert socket_path(BENCH_SECTION, file, None) == Path("/run/b.sock")


def test_the_usual_socket_is_the_one_of_the_configuration(tmp_path: Path) -> None:
    file = tmp_path / "station.toml"
    for text in (CONFIG, CONFIG.replace("[csms]", 'state_dir = "state"\n[csms]')):
        file.write_text(text)
        assert socket_path(API_SECTION, file, None) == load(file).local_api.socket


def test_a_station_without_a_bench_is_told_with_the_remedy(tmp_path: Path) -> None:
    file = tmp_path / "station.toml"
    for text in ("", "bench = 1\n", "[bench]\nsocket = 1\n"):
        file.write_text(text)
        with pytest.raises(StationNotReached, match=r"no \[bench\] socket") as missing:
            socket_path(BENCH_SECTION, file, None)
        assert "--socket" in str(missing.value)


@pytest.mark.parametrize("section", [API_SECTION, BENCH_SECTION])
def test_a_configuration_that_is_named_must_be_there(tmp_path: Path, section: str) -> None:
    """The usual socket would be that of another station."""
    with pytest.raises(StationNotReached, match=r"staton\.toml: there is no such file"):
        socket_path(section, tmp_path / "staton.toml", None)


def test_a_configuration_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    file = tmp_path / "station.toml"
    file.write_text("[[[")
    with pytest.raises(StationNotReached, match=r"station\.toml: cannot be read"):
        socket_path(API_SECTION, file, None)
    with pytest.raises(StationNotReached, match="Is a directory"):
        socket_path(API_SECTION, tmp_path, None)
