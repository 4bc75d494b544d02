"""Who may ask the local socket, and who may order."""

import asyncio
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from agent.services.json_lines import JsonLinesServer


async def _answer(request: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"ok": True, "op": request["op"]}


async def asked(path: Path, op: str) -> dict[str, Any]:
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(json.dumps({"op": op}).encode() + b"\n")
    reply: dict[str, Any] = json.loads(await reader.readline())
    writer.close()
    await writer.wait_closed()
    return reply


async def test_the_stations_own_user_may_ask_and_order(tmp_path: Path) -> None:
    server = JsonLinesServer(tmp_path / "s", _answer, frozenset({"order"}))
    await server.start()
    assert await asked(tmp_path / "s", "question") == {"ok": True, "op": "question"}
    assert await asked(tmp_path / "s", "order") == {"ok": True, "op": "order"}
    await server.close()


async def test_another_user_who_got_at_the_socket_may_ask_but_not_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = JsonLinesServer(tmp_path / "s", _answer, frozenset({"order"}))
    await server.start()
    # The peer's user is the kernel's word; root, which tests may run as, counts as the owner.
    monkeypatch.setattr("agent.services.json_lines.ROOT", -1)
    monkeypatch.setattr(os, "geteuid", lambda: 12_345)
    assert await asked(tmp_path / "s", "question") == {"ok": True, "op": "question"}
    assert await asked(tmp_path / "s", "order") == {
        "ok": False,
        "error": "order is an order: ask as the user that runs the station, or as root",
    }
    await server.close()


async def test_the_socket_is_open_to_its_user_alone(tmp_path: Path) -> None:
    server = JsonLinesServer(tmp_path / "s", _answer)
    await server.start()
    assert (await asyncio.to_thread((tmp_path / "s").stat)).st_mode & 0o777 == 0o600
    await server.close()
