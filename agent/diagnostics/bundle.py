"""Log files ready to be sent: one file each, bounded, without secrets, gone after the upload."""

import io
import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from agent.core.log_upload import GetLog, LogType
from agent.core.records import dataclass
from agent.diagnostics.leftovers import FOLDER
from agent.diagnostics.log_lines import LogLines
from agent.diagnostics.redaction import redacted
from agent.ports import SecurityLog

_UNUSUAL: Final = re.compile(r"[^A-Za-z0-9._-]")


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleSources:
    """What logs are made of, asked for when one is made.

    `facts` are what the station says of itself and of its settings, in JSON; `secrets` must not be
    in any file.
    """

    identity: str
    lines: LogLines
    security_log: SecurityLog
    facts: Callable[[], Mapping[str, object]]
    secrets: Callable[[], Collection[str]]
    utc_now: Callable[[], datetime]


class LogBundler:
    """Writes logs into a folder of its own below the state directory."""

    def __init__(self, state_dir: Path, sources: BundleSources, most_bytes: int) -> None:
        self._folder = state_dir / FOLDER
        self._sources = sources
        self._most_bytes = most_bytes

    async def collect(self, order: GetLog) -> Path | None:
        """Write the log that is asked for; None if there is nothing in it. Raises OSError."""
        match order.type:
            case LogType.SECURITY:
                return await self._security(order)
            case LogType.DIAGNOSTICS:
                return await self._diagnostics(order)
            case LogType.DATA_COLLECTOR:
                return None

    async def _security(self, order: GetLog) -> Path | None:
        entries = await self._sources.security_log.entries()
        told = [entry for entry in entries if order.covers(datetime.fromisoformat(entry.at))]
        if not told:
            return None
        lines = (
            json.dumps(
                {
                    "number": entry.number,
                    "at": entry.at,
                    "type": entry.kind,
                    "critical": entry.critical,
                    "techInfo": redacted(entry.technical_info, self._sources.secrets()),
                    "digest": entry.digest,
                }
            )
            for entry in reversed(told)
        )
        kept = list(_newest(lines, self._most_bytes))
        text = "".join(f"{line}\n" for line in reversed(kept))
        return self._written(order, "security.jsonl.gz", _compressed(text))

    async def _diagnostics(self, order: GetLog) -> Path | None:
        secrets = tuple(self._sources.secrets())
        kept: list[str] = []
        room = self._most_bytes
        async with aclosing(self._sources.lines.newest_first(order)) as lines:
            async for line in lines:
                text = redacted(line, secrets)
                room -= len(text.encode("utf-8", "replace")) + 1
                if room < 0:
                    break
                kept.append(text)
        if not kept and not order.covers(self._sources.utc_now()):
            return None
        facts = json.dumps(self._sources.facts(), indent=1, default=str)
        files = {
            "stationd.log": "".join(f"{line}\n" for line in reversed(kept)),
            "station.json": redacted(facts, secrets),
        }
        return self._written(order, "diagnostics.tar.gz", _archive(files, self._sources.utc_now()))

    def _written(self, order: GetLog, ending: str, content: bytes) -> Path:
        """Name the file ourselves: nothing in it comes from the order but the number (U2)."""
        stamp = self._sources.utc_now().astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
        number = "" if order.request_id is None else f"_{order.request_id}"
        station = _UNUSUAL.sub("_", self._sources.identity)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / f"{station}_{stamp}{number}_{ending}"
        path.touch(mode=0o600)
        path.write_bytes(content)
        return path


def _newest(lines: Iterable[str], room: int) -> Iterable[str]:
    for line in lines:
        room -= len(line.encode()) + 1
        if room < 0:
            return
        yield line


def _compressed(text: str) -> bytes:
    import gzip  # noqa: PLC0415 - every start tidies up, but hardly any makes a log

    return gzip.compress(text.encode("utf-8", "replace"))


def _archive(files: Mapping[str, str], at: datetime) -> bytes:
    import tarfile  # noqa: PLC0415 - as above

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, text in files.items():
            content = text.encode("utf-8", "replace")
            member = tarfile.TarInfo(name)
            member.size, member.mtime, member.mode = len(content), int(at.timestamp()), 0o600
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()
