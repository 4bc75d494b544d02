"""What went over the wire in a story, as a JSON document that is the same in every run."""

import json
import os
import re
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from agent.sim.csms_model import FrameRecord
from agent.sim.csms_station import Station
from agent.sim.frames import Direction
from tests.stories.words import at_s
from tests.virtual_time import START

GOLDEN = Path(__file__).parent / "golden"
_CALL = 2
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SECRET_LIKE = {"signedMeterData": "a signed record", "publicKey": "a public key"}


class Transcript:
    """Turns the frames of a station into lines; random names become numbers, instants seconds.

    An answer of the station stands right behind its question: whether a CALL of its own slips in
    between at the same instant is up to the disk.
    """

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def of(self, station: Station) -> list[dict[str, Any]]:
        return [
            {
                "at_s": _seconds(at_s(record.at)),
                "from": "station" if record.direction is Direction.FROM_STATION else "csms",
                "frame": self._frame(frame),
            }
            for record, frame in _answers_first(station.frames)
        ]

    def _frame(self, frame: list[Any]) -> list[Any]:
        kind, message_id, *rest = frame
        return [kind, self._named("message", message_id), *(self._plain(part) for part in rest)]

    def _plain(self, value: Any) -> Any:
        match value:
            case dict():
                return {
                    key: _SECRET_LIKE.get(key, "") if key in _SECRET_LIKE else self._plain(member)
                    for key, member in value.items()
                }
            case list():
                return [self._plain(member) for member in value]
            case str() if _INSTANT.fullmatch(value):
                return self._instant(value)
            case str() if _UUID.fullmatch(value):
                return self._named("transaction", value)
            case str() if "signedMeterData" in value or value.startswith("OCMF|"):
                return "a signed record in its envelope"
            case _:
                return value

    def _named(self, kind: str, name: str) -> str:
        known = [n for n in self._names.values() if n.startswith(kind)]
        return self._names.setdefault(name, f"{kind} {len(known) + 1}")

    @staticmethod
    def _instant(text: str) -> str:
        return f"start + {_seconds((datetime.fromisoformat(text) - START).total_seconds())} s"


def compare_with_golden(version: str, story: str, station: Station) -> None:
    """Compare with `golden/<version>/<story>.json`; UPDATE_GOLDEN=1 writes it anew."""
    transcript = Transcript().of(station)
    file = GOLDEN / version / f"{story}.json"
    if os.environ.get("UPDATE_GOLDEN") == "1":
        file.parent.mkdir(exist_ok=True)
        lines = ",\n".join(json.dumps(line, ensure_ascii=False) for line in transcript)
        file.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    assert transcript == json.loads(file.read_text(encoding="utf-8"))


def _answers_first(records: Iterable[FrameRecord]) -> list[tuple[FrameRecord, list[Any]]]:
    ordered: list[tuple[FrameRecord, list[Any]]] = []
    for record in records:
        frame = json.loads(record.text)
        position = len(ordered)
        if record.direction is Direction.FROM_STATION and frame[0] != _CALL:
            asked = [index for index, (_, other) in enumerate(ordered) if other[1] == frame[1]]
            position = asked[-1] + 1
        ordered.insert(position, (record, frame))
    return ordered


def _seconds(seconds: float) -> str:
    return f"{seconds:.3f}"
