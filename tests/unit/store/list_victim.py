"""A process that replaces its local list for ever until it is killed; it writes each version."""

import asyncio
import os
import sys
from pathlib import Path

from agent.store.authorization import StoredLocalList
from agent.store.database import Database
from tests.unit.store.stores import SMALL

ENTRIES = 150


def entries(version: int) -> dict[str, str]:
    return {f"ISO14443:{number:08x}": f"of version {version}" for number in range(ENTRIES)}


async def main(path: Path) -> None:
    stored = await StoredLocalList.open(await Database.open(path, SMALL))
    os.write(1, b"R\n")
    version = stored.version
    while True:
        version += 1
        await stored.change(version, entries(version), (), replaces=version % 3 == 0)
        os.write(1, f"{version}\n".encode())


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
