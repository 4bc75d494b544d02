"""A process that downloads is killed again and again; what is there in the end is the file."""

import asyncio
import random
import sys
import time
from pathlib import Path

import pytest

from tests.integration.file_server import FileServer, Handler

SEED = 20261129
KILLS = 12
IMAGE = random.Random(SEED).randbytes(24 * 1024 * 1024)  # noqa: S311 - repeatable, not secret
PROGRAM = """
import asyncio, sys
from pathlib import Path
from agent.core.firmware_order import DownloadInterrupted
from agent.transfer.addresses import AddressRules
from agent.update.download import DownloadLimits, HttpDownload

url, image, port = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
rules = AddressRules(schemes=frozenset({"http"}), ports=frozenset({port}), private=True)
download = HttpDownload(rules, DownloadLimits(), lambda: None)
asyncio.run(download.fetch(url, image, lambda percent: None))
"""


def slowly(handler: Handler) -> None:
    """Send in pieces, so that there is time to be killed."""

    def piecewise(data: bytes, write: object = handler.wfile.write) -> int:
        for begin in range(0, len(data), 1 << 20):
            write(data[begin : begin + (1 << 20)])  # type: ignore[operator]
            time.sleep(0.02)
        return len(data)

    handler.wfile.write = piecewise  # type: ignore[method-assign]
    handler.sends_file()


@pytest.mark.timeout(120)
async def test_a_process_that_is_killed_while_it_downloads_loses_little(tmp_path: Path) -> None:
    chance = random.Random(SEED)  # noqa: S311 - repeatable, not secret
    image = tmp_path / "update" / "image"
    with FileServer(content=IMAGE, behave=slowly).serving() as server:
        arguments = (server.url(), str(image), str(server.port))

        async def downloads(for_s: float | None) -> int | None:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", PROGRAM, *arguments
            )
            try:
                return await asyncio.wait_for(process.wait(), for_s)
            except TimeoutError:
                process.kill()
                await process.wait()
                return None

        for _ in range(KILLS):
            if await downloads(chance.uniform(0.2, 1.0)) == 0:
                break
        else:
            assert await downloads(60) == 0
        resumed = [request for request in server.requests if "Range" in request]
    assert image.read_bytes() == IMAGE
    assert resumed, "it never went on where it was killed"
    assert sorted(path.name for path in image.parent.iterdir()) == ["image"]
