"""Two slots as folders, at the port: installed, on trial, confirmed, fallen back from.

An image is a text: `stationd <version>`, then `hangs` if that version never comes up. The rules are
those of `agent.ports.Slots`: what runs is never written, whatever is interrupted leaves a slot that
starts, and a version on trial has a few starts to be confirmed.
"""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agent.ports import ImageRefused, InstallationFailed, SlotStanding

TRIES = 3
WRITING_S = 10.0
FIRST_VERSION = "1.0.0"


def image_of(version: str, *, hangs: bool = False) -> bytes:
    return f"stationd {version}{' hangs' if hangs else ''}\n".encode().ljust(1000, b".")


class FolderSlots:
    """The slots of a machine in a story; `restart` is what ends the software that runs."""

    def __init__(self, folder: Path, restart: Callable[[], None]) -> None:
        self._folder = folder
        self._restart = restart
        self.disk_is_full = False
        self.refuses_to_switch = False
        self.installations = 0
        self.starts: list[str] = []
        folder.mkdir()
        for slot, version in (("a", FIRST_VERSION), ("b", "")):
            (folder / slot).write_text(f"stationd {version}" if version else "", encoding="utf-8")
        self._save(active="a", trying=None, tries=0, failed="", written=None)

    # --- The port.

    async def standing(self) -> SlotStanding:
        state = self._state()
        return SlotStanding(
            version=self.version,
            on_trial=state["trying"] is not None,
            trial_failed=bool(state["failed"]),
            failure=state["failed"],
        )

    async def running(self) -> str:
        return self._running

    async def install(self, image: Path, progress: Callable[[int], None]) -> None:
        state = self._state()
        text = await asyncio.to_thread(image.read_text, "utf-8")
        if not text.startswith("stationd "):
            raise ImageRefused("this is no image of stationd")
        (self._folder / self._other).write_text("", encoding="utf-8")
        self._save(**{**state, "written": None, "failed": ""})
        for percent in range(0, 100, 10):
            progress(percent)
            await asyncio.sleep(WRITING_S / 10)
            if self.disk_is_full:
                raise InstallationFailed("the disk is full")
        (self._folder / self._other).write_text(text, encoding="utf-8")
        self._save(**{**self._state(), "written": self._other})
        self.installations += 1

    async def activate(self) -> None:
        state = self._state()
        if self.refuses_to_switch or state["written"] is None:
            raise InstallationFailed("there is nothing to start")
        self._save(**{**state, "trying": state["written"], "tries": TRIES})
        self._restart()

    async def confirm(self) -> None:
        state = self._state()
        if state["trying"] is not None:
            self._save(active=state["trying"], trying=None, tries=0, failed="", written=None)

    async def give_up(self) -> None:
        if self.is_on_trial:
            self._fall_back("it gave itself up")
            self._restart()

    @property
    def is_on_trial(self) -> bool:
        return self._state()["trying"] is not None

    # --- What the machine does.

    def start(self) -> str:
        """Return the version that is started; as a launcher it counts the tries and falls back."""
        while True:
            state = self._state()
            if state["trying"] is not None:
                if state["tries"] == 0:
                    self._fall_back("it did not come up")
                    continue
                self._save(**{**state, "tries": state["tries"] - 1})
            self.starts.append(self.version)
            if "hangs" not in self._text(self._running):
                return self.version

    @property
    def version(self) -> str:
        return self._text(self._running).split()[1]

    @property
    def _running(self) -> str:
        state = self._state()
        return str(state["trying"] or state["active"])

    @property
    def _other(self) -> str:
        return "b" if self._running == "a" else "a"

    def _fall_back(self, why: str) -> None:
        self._save(**{**self._state(), "trying": None, "tries": 0, "failed": why, "written": None})

    def _text(self, slot: str) -> str:
        return (self._folder / slot).read_text("utf-8")

    def _state(self) -> dict[str, Any]:
        state: dict[str, Any] = json.loads((self._folder / "state.json").read_text("utf-8"))
        return state

    def _save(self, **state: Any) -> None:
        fresh = self._folder / "state.new"
        fresh.write_text(json.dumps(state), encoding="utf-8")
        fresh.replace(self._folder / "state.json")
