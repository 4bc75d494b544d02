"""The demo's lines to the station, over a real Unix socket."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from agent.sim import demo_bench
from agent.sim.demo_bench import LineSocket, StationSilent, board_facts, kept_transaction
from tests.unit.sim.demo_world import World

Answer = Callable[[dict[str, Any]], bytes]


@asynccontextmanager
async def station(folder: Path, answer: Answer) -> AsyncIterator[LineSocket]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(answer(json.loads(line)))
            await writer.drain()
        writer.close()

    server = await asyncio.start_unix_server(serve, folder / "s")
    async with server, await LineSocket.connect(folder / "s") as connection:
        yield connection


def reply(facts: dict[str, Any]) -> bytes:
    return json.dumps({"ok": True} | facts).encode() + b"\n"


async def test_questions_of_several_tasks_get_their_own_answers(tmp_path: Path) -> None:
    async with station(tmp_path, lambda request: reply({"n": request["n"]})) as line:
        asked: list[Awaitable[dict[str, Any]]] = [
            line.ask({"op": "state", "n": n}) for n in range(20)
        ]
        answers = await asyncio.gather(*asked)
    assert [answer["n"] for answer in answers] == list(range(20))


async def test_numbers_arrive_exactly(tmp_path: Path) -> None:
    async with station(tmp_path, lambda _: b'{"ok": true, "wh": 1234567.100}\n') as line:
        assert str((await line.ask({"op": "state"}))["wh"]) == "1234567.100"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b'{"ok": false, "error": "there is no EVSE 9"}\n', "there is no EVSE 9"),
        (b'{"ok": false}\n', "without a reason"),
        (b"[]\n", "no JSON line"),
        (b"nonsense\n", "no JSON line"),
    ],
)
async def test_a_refusal_or_nonsense_is_told_with_what_was_asked(
    tmp_path: Path, answer: bytes, why: str
) -> None:
    async with station(tmp_path, lambda _: answer) as line:
        with pytest.raises(StationSilent, match=why) as silence:
            await line.ask({"op": "plug_in"})
    assert "plug_in" in str(silence.value)


async def test_a_station_that_does_not_answer_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo_bench, "REPLY_LIMIT_S", 0.05)
    async with station(tmp_path, lambda _: b"") as line:
        with pytest.raises(StationSilent, match="no answer to state"):
            await line.ask({"op": "state"})


async def test_the_state_of_the_first_evse_is_read() -> None:
    facts = board_facts(await World().ask({"op": "state"}))
    assert (facts.pilot_state, facts.duty, facts.plugged) == ("A", Decimal(1), False)
    assert facts.energy_wh == Decimal(1234567)


@pytest.mark.parametrize("answer", [{}, {"evses": []}, {"evses": [{}]}, {"evses": [{"meter": 1}]}])
def test_a_state_of_another_form_is_told(answer: dict[str, Any]) -> None:
    with pytest.raises(StationSilent, match="unknown form"):
        board_facts(answer)


async def test_the_station_s_own_records_are_asked_for_until_the_transaction_has_ended(
    tmp_path: Path,
) -> None:
    kept = {"records": ["OCMF|1", "OCMF|2"], "public_key": "3059", "ended_at": "2026"}
    told: list[list[object]] = [[kept], [], [{**kept, "ended_at": None, "records": []}]]
    async with station(tmp_path, lambda _: reply({"transactions": told.pop()})) as line:
        found = await kept_transaction(line)
    assert (found.records, found.public_key) == (("OCMF|1", "OCMF|2"), "3059")


@pytest.mark.parametrize("transactions", [[], [{}, {}], [{}], None, [{"ended_at": None}]])
async def test_anything_but_one_kept_transaction_is_told(
    tmp_path: Path, transactions: object
) -> None:
    async with station(tmp_path, lambda _: reply({"transactions": transactions})) as line:
        with pytest.raises(StationSilent, match="transaction"):
            await kept_transaction(line, patience_s=0.01)
