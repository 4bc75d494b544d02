"""A real daemon with a token reader on a serial port: enrolled, charged, unplugged, plugged in."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from agent.__main__ import main
from tests.integration.station_process import StationProcess
from tests.rigs.token_readers import Pn532

CARD = "04A1B2C3D4E580"
NOBODY = "ws://127.0.0.1:9/ocpp"


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Pn532]:
    with Pn532(tmp_path / "usb-reader", baudrate=115200) as running:
        yield running


@pytest.fixture
async def station(tmp_path: Path, reader: Pn532) -> AsyncIterator[StationProcess]:
    table = f'{{ backend = "serial", protocol = "pn532", port = "{reader.path}" }}'
    process = StationProcess(tmp_path, NOBODY, ("ocpp2.0.1",), reader=table)
    await process.start()
    yield process
    await process.dispose()


async def command(station: StationProcess, *arguments: str) -> int:
    socket = str(station.folder / "state" / "api.sock")
    return await asyncio.to_thread(main, ["rfid", *arguments, "--socket", socket])


async def tells(station: StationProcess, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Wait until `stationd rfid watch` says something of the reader."""
    for _ in range(100):
        await command(station, "watch", "--timeout", "0.01")
        if words in capsys.readouterr().out:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"it was never told that the reader {words}")


async def test_a_card_is_enrolled_at_a_serial_reader_and_charges_without_a_csms(
    station: StationProcess, reader: Pn532, capsys: pytest.CaptureFixture[str]
) -> None:
    learning = asyncio.ensure_future(command(station, "learn", "--json"))
    await asyncio.sleep(0.3)
    reader.hold_card(CARD)
    assert await learning == 0
    assert json.loads(capsys.readouterr().out)["card"]["outcome"] == "learnt"
    reader.remove_card()

    await station.bench("plug_in")
    watching = asyncio.ensure_future(command(station, "watch", "--show", "--count", "1"))
    await asyncio.sleep(2.0)  # the card has to be away for so long to come anew
    reader.hold_card(CARD)
    await station.until(lambda e: e["contactor_closed"])
    assert await watching == 0
    assert f"EVSE 1: {CARD} (ISO14443)" in capsys.readouterr().out

    reader.unplug()
    await station.says("was unplugged or has lost its power: plug it in again")
    await tells(station, "is lost: token reader (pn532): there is no", capsys)
    # A session does not need its reader, and the card on it is no new presentation.
    reader.plug_in()
    await tells(station, "the reader of EVSE 1 works", capsys)
    assert (await station.evse())["contactor_closed"]
    assert "04A1B2C3" not in station.log
