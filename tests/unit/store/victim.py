"""A process that works on a store until it is killed, and announces what it was promised.

Every line it writes states a promise that the store has already given:
`A id number` the row is durable, `K id` the row is acknowledged, `C value` the counter gave value.
"""

import asyncio
import os
import random
import sys
from pathlib import Path

from agent.store.counters import Counters
from agent.store.database import Database
from agent.store.group import Durability
from agent.store.outbox import Entry, Outbox
from agent.store.sessions import Sessions
from tests.unit.store.stores import SMALL, STAMP


def announce(line: str) -> None:
    os.write(1, f"{line}\n".encode())


async def append(outbox: Outbox, number: int, durability: Durability) -> None:
    body = str(number).encode()
    (row_id,) = await outbox.append(
        [Entry("TransactionEvent", body, "tx", number, must_keep=True)],
        lambda connection: Sessions.upsert(connection, 1, body),
        durability,
    )
    if durability is Durability.BEFORE_EFFECT:
        announce(f"A {row_id} {number}")


async def produce(outbox: Outbox, first: int, randomness: random.Random) -> None:
    number = first
    while True:
        count = randomness.randint(1, 5)
        calls = [
            append(outbox, number + index, randomness.choice(list(Durability)))
            for index in range(count)
        ]
        number += count
        await asyncio.gather(*calls)
        await asyncio.sleep(randomness.choice((0, 0, 0.001)))


async def consume(outbox: Outbox, randomness: random.Random) -> None:
    while True:
        await outbox.wait_not_empty()
        for _ in range(randomness.randint(1, 20)):
            head = outbox.head()
            if head is None:
                break
            outbox.acknowledge(head.id)
            announce(f"K {head.id}")
        await asyncio.sleep(randomness.choice((0, 0.0005, 0.002)))


async def count(counters: Counters) -> None:
    while True:
        announce(f"C {await counters.next('pagination')}")
        await asyncio.sleep(0.001)


async def main(path: Path, first: int, seed: int) -> None:
    randomness = random.Random(seed)  # noqa: S311 - reproducible, not secret
    database = await Database.open(path, SMALL)
    outbox = await Outbox.open(database, stamp=lambda: STAMP, schema=1)
    announce("R")
    await asyncio.gather(
        produce(outbox, first, randomness),
        consume(outbox, randomness),
        count(Counters(database)),
    )


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
