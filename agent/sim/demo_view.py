"""What the demo shows: steps in plain words, every OCPP message, and what happens at the plug."""

import sys
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from agent.sim.csms_model import FrameRecord
from agent.sim.csms_station import Station
from agent.sim.demo_verdict import Check
from agent.sim.frames import Direction
from agent.sim.frames_view import FramesView, escaped

_STYLES = {Direction.FROM_STATION: "cyan", Direction.TO_STATION: "green"}
_RAW_LENGTH = 20_000

Output = Callable[[str, str], None]
"""Prints a line in a style of rich's; "" is no style."""


class View(Protocol):
    """Where the story is told."""

    def heading(self, text: str) -> None:
        """Begin a step."""
        ...

    def board(self, line: str) -> None:
        """Tell what happened at the plug."""
        ...


class DemoView:
    """Prints lines with the seconds since the start; each side of the story has its mark.

    `->` and `<-` are messages to and from the CSMS, `==` is the physical side.
    """

    def __init__(
        self,
        output: Output,
        *,
        show_frames: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._output = output
        self._show_frames = show_frames
        self._clock = clock
        self._begin_s = clock()
        self._frames: FramesView | None = None
        self._connection = 0
        self._steps = 0
        self._faults_shown = 0

    def title(self, text: str) -> None:
        """Say what is being shown."""
        self._output(text, "bold")

    def heading(self, text: str) -> None:
        """Begin a step."""
        self._steps += 1
        self._output("", "")
        self._output(f"{self._steps}. {text}", "bold")

    def board(self, line: str) -> None:
        """Tell what happened at the plug."""
        self._line(f"== {line}", "yellow")

    def frame(self, station: Station, record: FrameRecord) -> None:
        """Show one OCPP message, and the faults that the CSMS has found since the last one."""
        self.faults(station)
        if self._frames is None or station.connections != self._connection:
            self._frames, self._connection = FramesView(station.version or ""), station.connections
        self._line(self._frames.describe(record.direction, record.text), _STYLES[record.direction])
        if self._show_frames:
            self._output(f"           {escaped(record.text, _RAW_LENGTH)}", "dim")

    def faults(self, station: Station) -> None:
        """Show what the CSMS holds against the station and has not been shown yet."""
        for fault in station.faults[self._faults_shown :]:
            self._line(f"!! {fault.rule}: {escaped(fault.message)}", "red")
        self._faults_shown = len(station.faults)

    def failure(self, message: str, log_tail: Sequence[str] = ()) -> None:
        """Say why the demo ends here, and what the station's log says."""
        self._output("", "")
        if log_tail:
            self._output("the end of the station's log:", "bold")
            for line in log_tail:
                self._output(f"  {escaped(line, 400)}", "dim")
        self._output(f"FAILED: {escaped(message, 400)}", "bold red")

    def verdict(self, checks: Iterable[Check]) -> bool:
        """Show the table of checks; return whether all of them passed."""
        found = tuple(checks)
        widest = max(len(check.name) for check in found)
        for check in found:
            mark, style = ("ok    ", "green") if check.passed else ("FAILED", "bold red")
            self._output(f"  {mark}  {check.name:<{widest}}  {escaped(check.finding, 400)}", style)
        passed = all(check.passed for check in found)
        seconds = f"{self._clock() - self._begin_s:.1f} s"
        self._output("", "")
        if passed:
            self._output(f"everything agrees, after {seconds}", "bold green")
        else:
            failed = sum(not check.passed for check in found)
            self._output(f"FAILED: {failed} of {len(found)} checks, after {seconds}", "bold red")
        return passed

    def _line(self, text: str, style: str) -> None:
        self._output(f"{self._clock() - self._begin_s:8.2f} {text}", style)


def terminal() -> Output:
    """Return a function that prints to standard output; rich is loaded only here.

    Colours and styles appear on a terminal alone; lines are never broken.
    """
    from rich.console import Console  # noqa: PLC0415 - slow to import, needed by the demo only

    _replace_what_cannot_be_shown()
    console = Console(highlight=False)

    def output(line: str, style: str) -> None:
        console.print(line, style=style or None, markup=False, emoji=False, soft_wrap=True)

    return output


def _replace_what_cannot_be_shown() -> None:
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="replace", line_buffering=True)
