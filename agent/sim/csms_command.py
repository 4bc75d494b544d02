"""The demo CSMS as a command: serves until interrupted and prints a line for each OCPP message."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Sequence

from agent.sim.csms import Csms
from agent.sim.csms_model import FrameRecord, Version
from agent.sim.csms_station import Station
from agent.sim.frames_view import FramesView, escaped

_FRAMES_KEPT = 1_000
_STYLES = {"->": "cyan", "<-": "green"}


def run_csms(
    port: int = 9000,
    versions: Sequence[str] = tuple(Version),
    *,
    host: str = "127.0.0.1",
    password: str | None = None,
) -> int:
    """Serve until SIGINT or SIGTERM; returns the exit code: 1 when the port cannot be used."""
    output = _output()
    printer = CsmsPrinter(output)
    csms = Csms(
        port=port,
        host=host,
        versions=versions,
        password=password,
        assume_accepted=True,
        frames_kept=_FRAMES_KEPT,
        on_frame=printer.show,
    )
    try:
        asyncio.run(_serve(csms, output))
    except OSError as error:
        output(
            f"cannot listen on {host}:{port}: {error.strerror}; choose another --port or --host",
            "red",
        )
        return 1
    output(f"{len(csms.stations)} stations, {len(csms.faults)} faults", "")
    return 0


class CsmsPrinter:
    """Prints the frames of all stations, and each fault as it is found."""

    def __init__(self, output: Callable[[str, str], None]) -> None:
        self._output = output
        self._views: dict[tuple[str, int], FramesView] = {}
        self._faults_shown = 0

    def show(self, station: Station, record: FrameRecord) -> None:
        """Print one frame, and the faults that have been found since the last one."""
        self.show_faults(station)
        key = (station.identity, station.connections)
        if key not in self._views:
            self._views = {k: v for k, v in self._views.items() if k[0] != station.identity}
            self._views[key] = FramesView(station.version or "")
        line = self._views[key].describe(record.direction, record.text)
        who = escaped(station.identity, 48)
        self._output(f"{record.at:%H:%M:%S} {who} {line}", _STYLES[record.direction.value])

    def show_faults(self, station: Station) -> None:
        """Print the new faults without their frames, which may hold secrets."""
        for fault in station.faults[self._faults_shown :]:
            who = escaped(fault.identity, 48)
            self._output(
                f"{fault.at:%H:%M:%S} {who} !! {fault.rule}: {escaped(fault.message)}", "red"
            )
        self._faults_shown = len(station.faults)


async def _serve(csms: Csms, output: Callable[[str, str], None]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    with contextlib.suppress(NotImplementedError):  # Windows has no signal handlers here.
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
    async with csms:
        spoken = ", ".join(csms.versions)
        output(f"CSMS at {csms.url} speaks {spoken}; Ctrl-C ends it", "bold")
        await stop.wait()


def _output() -> Callable[[str, str], None]:
    """Return a function that prints a line in a style; rich is loaded only here."""
    from rich.console import Console  # noqa: PLC0415 - slow to import, needed by this command only

    console = Console(highlight=False)

    def output(line: str, style: str) -> None:
        console.print(line, style=style or None, markup=False, soft_wrap=True)

    return output
