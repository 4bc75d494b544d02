"""A process that downloads is killed again and again; what is there in the end is the file."""

import asyncio
import math
import random
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.integration.file_server import FileServer, Handler

SEED = 20261129
KILLS = 12
PIECE = 1 << 20
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


@dataclass
class Pieces:
    """Sends in pieces; `reached` is set when `until` bytes more were sent."""

    loop: asyncio.AbstractEventLoop
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    until: float = math.inf

    def expects(self, until: float) -> asyncio.Event:
        self.reached, self.until = asyncio.Event(), until
        return self.reached

    def __call__(self, handler: Handler) -> None:
        def piecewise(data: bytes, write: object = handler.wfile.write) -> int:
            for begin in range(0, len(data), PIECE):
                write(data[begin : begin + PIECE])  # type: ignore[operator]
                self.until -= PIECE
                if self.until <= 0:
                    self.loop.call_soon_threadsafe(self.reached.set)
                time.sleep(0.02)
            return len(data)

        handler.wfile.write = piecewise  # type: ignore[method-assign, assignment]
        handler.sends_file()


async def test_a_process_that_is_killed_while_it_downloads_loses_little(tmp_path: Path) -> None:
    chance = random.Random(SEED)  # noqa: S311 - repeatable, not secret
    image = tmp_path / "update" / "image"
    pieces = Pieces(asyncio.get_running_loop())
    with FileServer(content=IMAGE, behave=pieces).serving() as server:
        arguments = (server.url(), str(image), str(server.port))

        async def downloads(until: float = math.inf) -> int:
            """Download, killed once so many bytes were sent; return the code of its end."""
            reached = asyncio.create_task(pieces.expects(until).wait())
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", PROGRAM, *arguments
            )
            ended = asyncio.create_task(process.wait())
            await asyncio.wait({reached, ended}, return_when=asyncio.FIRST_COMPLETED)
            if not ended.done():
                process.kill()
            reached.cancel()
            return await ended

        for _ in range(KILLS):
            if await downloads(chance.randrange(len(IMAGE) // 4)) == 0:
                break
        else:
            assert await downloads() == 0
        resumed = [request for request in server.requests if "Range" in request]
    assert image.read_bytes() == IMAGE
    assert resumed, "it never went on where it was killed"
    assert sorted(path.name for path in image.parent.iterdir()) == ["image"]
