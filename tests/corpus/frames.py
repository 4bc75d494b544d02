"""Frames that break rules of OCPP-J, each with the reply that it deserves.

`frames.json` holds those that are worth reading; those that are long or need arithmetic are made
here. Expectations come from the standard: a CALL with a usable message id gets exactly one reply;
of frames without one, 2.x answers those that it cannot read with the id "-1", 1.6 none.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from agent.ocpp.framing import FrameLimits

FRAME_BYTES = FrameLimits().frame_bytes
DATA = Path(__file__).with_name("frames.json")


class Reply(StrEnum):
    """What a frame deserves."""

    NOTHING = "nothing"
    ITS_ID = "one reply with its id"
    UNREADABLE = 'a CALLERROR with id "-1", in versions that have it'
    IF_KNOWN_TYPE = "as the version treats unknown message types"


@dataclass(frozen=True, slots=True)
class BadFrame:
    """One frame; `message_id` is the one that a reply must bear."""

    name: str
    text: str | bytes
    reply: Reply
    message_id: str | None = None


def bad_frames(action: str, payload: str) -> Iterator[BadFrame]:
    """Yield the corpus; `action` with `payload` is a CALL that the version knows."""
    yield from _written_down(action, payload)
    yield from _numbers(action)
    yield from _sizes(action, payload)
    yield from _bytes()


def _written_down(action: str, payload: str) -> Iterator[BadFrame]:
    for name, entry in json.loads(DATA.read_text("utf-8")).items():
        text = entry["text"].replace("%ACTION%", action).replace("%PAYLOAD%", payload)
        yield BadFrame(name, text, Reply[entry["reply"]], entry.get("id"))


def _numbers(action: str) -> Iterator[BadFrame]:
    literals = {
        "not a number": "NaN",
        "infinity": "Infinity",
        "minus infinity": "-Infinity",
        "beyond a double": "1e400",
        "4301 digits": "9" * 4301,
        "21 digits": "1" + "0" * 20,
        "plus sign": "+1",
        "leading zero": "01",
        "hexadecimal": "0x10",
    }
    for index, (name, literal) in enumerate(literals.items()):
        text = f'[2,"n{index}","{action}",{{"x":{literal}}}]'
        yield BadFrame(f"number: {name}", text, Reply.ITS_ID, f"n{index}")


def _sizes(action: str, payload: str) -> Iterator[BadFrame]:
    for depth in (33, 991, 5_000):
        nested = "[" * depth + "]" * depth
        text = f'[2,"d{depth}","{action}",{{"x":{nested}}}]'
        yield BadFrame(f"depth {depth}", text, Reply.ITS_ID, f"d{depth}")
    yield BadFrame("brackets without end", "[" * 20_000, Reply.UNREADABLE)
    yield BadFrame("objects without end", '{"a":' * 10_000, Reply.UNREADABLE)
    for size in (FRAME_BYTES + 1, FRAME_BYTES + 100_000):
        text = f'[2,"s{size}","{action}",{{"x":"{"a" * size}"}}]'
        yield BadFrame(f"{size} bytes", text, Reply.ITS_ID, f"s{size}")
    yield BadFrame("white space alone", " " * (FRAME_BYTES + 1), Reply.UNREADABLE)
    yield BadFrame("id of 37", f'[2,"{"i" * 37}","{action}",{payload}]', Reply.UNREADABLE)
    yield BadFrame("id of 100 kB", f'[2,"{"i" * 100_000}","{action}",{{}}]', Reply.UNREADABLE)
    yield BadFrame("action of 10 kB", f'[2,"a1","{"A" * 10_000}",{{}}]', Reply.ITS_ID, "a1")
    many = ",".join(f'"k{number}":0' for number in range(3000))
    yield BadFrame("3000 properties", f'[2,"p1","{action}",{{{many}}}]', Reply.ITS_ID, "p1")
    elements = ",".join("0" for _ in range(20_000))
    yield BadFrame("20000 elements", f'[2,"e1","{action}",{{}},{elements}]', Reply.ITS_ID, "e1")
    error = f'[4,"unknown","GenericError","{"d" * 10_000}",{{}}]'
    yield BadFrame("error description of 10 kB", error, Reply.NOTHING)


def _bytes() -> Iterator[BadFrame]:
    yield BadFrame("binary frame with a CALL", b'[2,"b1","Reset",{}]', Reply.UNREADABLE)
    yield BadFrame("binary frame of noise", bytes(range(256)), Reply.UNREADABLE)
    yield BadFrame("empty binary frame", b"", Reply.UNREADABLE)
