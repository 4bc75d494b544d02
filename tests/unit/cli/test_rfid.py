"""`stationd rfid`: what an installer sees, and what the station is asked meanwhile."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.cli import rfid_session
from tests.unit.cli.conftest import Started
from tests.unit.cli.fake_station import FakeStation, line

CARD = {
    "token": "…E580",
    "type": "ISO14443",
    "evses": [1],
    "outcome": "learnt",
    "reason": "",
}
RANDOM = {**CARD, "outcome": "refused", "reason": "it makes its number up anew"}
NOBODY = None
Script = Callable[[dict[str, Any]], dict[str, Any]]


def held(card: dict[str, Any] | None, enrolled: int = 1, *lost: str) -> dict[str, Any]:
    return {"ok": True, "card": card, "enrolled": enrolled, "lost_readers": list(lost)}


def one_after_the_other(*replies: dict[str, Any]) -> Script:
    """Answer questions in turn, the end of a session always."""
    rest = iter(replies)

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        return held(NOBODY) if request.get("end") else next(rest)

    return answer


@pytest.fixture(autouse=True)
def time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each look at the clock take a second."""
    seconds: Iterator[int] = iter(range(100_000))
    monkeypatch.setattr(rfid_session.time, "monotonic", lambda: float(next(seconds)))


@pytest.fixture
def run(
    started: Started, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str, list[dict[str, Any]]]]:
    def run(script: Script, *arguments: str) -> tuple[int, str, str, list[dict[str, Any]]]:
        path = tmp_path / "api.sock"
        with FakeStation(path, lambda request: line(script(request))) as station:
            code = started.run("rfid", *arguments, "--socket", str(path))
        path.unlink()
        told = capsys.readouterr()
        return code, told.out, told.err, station.requests

    return run


Run = Callable[..., tuple[int, str, str, list[dict[str, Any]]]]


# --- Learning.


def test_a_card_is_enrolled_and_the_session_ended(run: Run) -> None:
    code, out, _, requests = run(one_after_the_other(held(NOBODY, 0), held(CARD)), "learn")
    assert code == 0
    assert out.splitlines() == [
        "hold the card before a reader; it is enrolled, not taken as a wish to charge",
        "…E580 (ISO14443) learnt · 1 enrolled",
    ]
    first, second, end = requests
    assert first == {
        "op": "rfid_learn",
        "session": first["session"],
        "remove": False,
        "wait_s": 0.0,
    }
    assert second["wait_s"] > 0
    assert end == {"op": "rfid_learn", "session": first["session"], "end": True}


def test_several_cards_are_enrolled_and_one_that_is_refused_does_not_count(run: Run) -> None:
    script = one_after_the_other(held(NOBODY, 0), held(CARD), held(RANDOM), held(CARD, 2))
    code, out, _, requests = run(script, "learn", "--count", "2", "--evse", "3")
    assert code == 0
    assert "hold 2 cards, one after the other, before the reader of EVSE 3" in out
    assert "refused: it makes its number up anew" in out
    assert {request.get("evse") for request in requests[:-1]} == {3}


def test_cards_are_removed_in_the_same_way(run: Run) -> None:
    removed = {**CARD, "outcome": "removed"}
    script = one_after_the_other(held(NOBODY), held(removed, 0))
    code, out, _, requests = run(script, "learn", "--remove")
    assert code == 0
    assert "it is removed, not taken as a wish to charge" in out
    assert "…E580 (ISO14443) removed · 0 enrolled" in out
    assert requests[0]["remove"] is True


def test_nobody_who_comes_in_time_is_a_failure(run: Run) -> None:
    code, _, err, requests = run(lambda _: held(NOBODY), "learn", "--timeout", "5")
    assert code == 1
    assert err == "stationd: no card was held before a reader for 5 s\n"
    assert requests[-1]["end"] is True


def test_why_a_reader_is_lost_is_told_once(run: Run) -> None:
    loss = "token reader (pn532): there is no /dev/x: plug the reader in"
    script = one_after_the_other(held(NOBODY, 0, loss), held(NOBODY, 0, loss), held(CARD))
    code, _, err, _ = run(script, "learn")
    assert (code, err) == (0, f"stationd: {loss}\n")


def test_a_station_that_refuses_is_told_and_the_code_is_that_of_a_failure(run: Run) -> None:
    refusal = {"ok": False, "error": "the local authorization list is switched off: set …"}
    code, out, err, _ = run(lambda _: refusal, "learn")
    assert (code, out) == (1, "")
    assert err == "stationd: the local authorization list is switched off: set …\n"
    code, out, err, _ = run(lambda _: refusal, "learn", "--json")
    assert (code, err, json.loads(out)) == (1, "", refusal)


def test_programs_get_a_line_of_json_for_each_card(run: Run) -> None:
    script = one_after_the_other(held(NOBODY, 0), held(CARD), held(CARD, 2))
    code, out, _, _ = run(script, "learn", "--count", "2", "--json")
    assert code == 0
    assert [json.loads(text) for text in out.splitlines()] == [held(CARD), held(CARD, 2)]
    code, out, _, _ = run(lambda _: held(NOBODY), "learn", "--timeout", "3", "--json")
    assert code == 1
    assert json.loads(out) == {"ok": False, "error": "no card was held before a reader for 3 s"}


def test_an_interrupted_session_is_ended(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: dict[str, Any]) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(rfid_session, "held_card", interrupted)
    code, _, err, requests = run(lambda _: held(NOBODY), "learn")
    assert (code, err) == (1, "stationd: interrupted\n")
    assert requests[-1]["end"] is True


# --- Watching.

WORKS = {"kind": "reader", "evses": [1, 2], "works": True, "reason": ""}
LOST = {**WORKS, "works": False, "reason": "there is no /dev/x"}
TOKEN = {"kind": "token", "token": "…BEEF", "type": "ISO14443", "evses": [1], "random": False}


def news(number: int, *told: dict[str, Any], reader: dict[str, Any] = WORKS) -> dict[str, Any]:
    return {"ok": True, "number": number, "readers": [reader], "news": list(told)}


def test_watching_tells_readers_and_tokens(run: Run) -> None:
    random = {**TOKEN, "random": True}
    script = one_after_the_other(
        news(3, reader={**WORKS, "works": None}), news(3), news(5, TOKEN, LOST), news(6, random)
    )
    code, out, _, requests = run(script, "watch", "--count", "2")
    assert code == 0
    assert out.splitlines() == [
        "the reader of EVSE 1, 2 is not reached yet",
        "EVSE 1: …BEEF (ISO14443)",
        "the reader of EVSE 1, 2 is lost: there is no /dev/x",
        "EVSE 1: …BEEF (ISO14443), a number that the card makes up anew each time",
    ]
    assert [request.get("after") for request in requests] == [None, 3, 3, 5]
    assert {request["show"] for request in requests} == {False}


def test_watching_ends_in_time_with_what_was_asked_for_or_fails(run: Run) -> None:
    assert run(lambda _: news(1), "watch", "--timeout", "5", "--show")[0] == 0
    code, _, _, requests = run(lambda _: news(1), "watch", "--timeout", "5", "--count", "1")
    assert code == 1
    assert len(requests) < 10


def test_programs_that_watch_get_a_line_of_json_for_each_piece_of_news(run: Run) -> None:
    script = one_after_the_other(news(0), news(1, TOKEN))
    _, out, _, _ = run(script, "watch", "--count", "1", "--json")
    assert [json.loads(text) for text in out.splitlines()] == [WORKS, TOKEN]


def test_an_answer_of_another_version_is_told_with_the_remedy(run: Run) -> None:
    for operation in ("watch", "learn", "list"):
        code, _, err, _ = run(lambda _: {"ok": True}, operation)
        assert code == 1
        assert "another version of stationd" in err


# --- The enrolled cards.


def test_enrolled_cards_are_listed(run: Run) -> None:
    card = {"token": "…E580", "type": "ISO14443", "learnt_at": "2026-03-02T07:00:00.000Z"}
    reply = {"ok": True, "used": True, "cards": [card]}
    code, out, _, requests = run(lambda _: reply, "list")
    assert code == 0
    assert out.splitlines()[1].split() == ["…E580", "ISO14443", "2026-03-02T07:00:00.000Z"]
    assert requests == [{"op": "rfid_cards", "show": False}]
    _, out, _, _ = run(lambda _: {**reply, "used": False}, "list", "--show")
    assert out.splitlines()[-1] == ("they let nobody in: LocalAuthListCtrlr.Enabled is false")
    _, out, _, _ = run(lambda _: {**reply, "cards": []}, "list")
    assert out == "no cards are enrolled\n"


@pytest.mark.parametrize(
    ("removed", "words"),
    [(1, "removed"), (0, "not enrolled, so nothing was removed"), (2, "2 kinds of this token")],
)
def test_a_lost_card_is_forgotten(run: Run, removed: int, words: str) -> None:
    reply = {"ok": True, "removed": removed, "enrolled": 3}
    code, out, _, requests = run(lambda _: reply, "forget", "--token", "04A1")
    assert code == 0
    assert words in out
    assert requests == [{"op": "rfid_forget", "token": "04A1"}]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ([], "OPERATION"),
        (["teach"], "teach"),
        (["learn", "--count", "0"], "must be a number from 1 to 500"),
        (["learn", "--count", "many"], "must be a number"),
        (["learn", "--timeout", "nan"], "must be seconds"),
        (["watch", "--timeout", "-1"], "must be seconds"),
        (["forget"], "--token"),
    ],
)
def test_a_wrong_use_is_told(
    started: Started, capsys: pytest.CaptureFixture[str], arguments: list[str], why: str
) -> None:
    assert started.run("rfid", *arguments) == 2
    assert why in capsys.readouterr().err


@pytest.mark.parametrize("operation", ["watch", "learn", "list", "forget"])
def test_every_operation_explains_itself_with_an_example(
    started: Started, capsys: pytest.CaptureFixture[str], operation: str
) -> None:
    assert started.run("rfid", operation, "--help") == 0
    assert f"example: stationd rfid {operation}" in capsys.readouterr().out
