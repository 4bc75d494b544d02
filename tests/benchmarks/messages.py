"""Round trips of CALLs of the CSMS, as the CSMS sees them."""

import asyncio

from tests.benchmarks import processes
from tests.benchmarks.effort import Effort
from tests.benchmarks.footprint import idle
from tests.benchmarks.loopback_csms import LoopbackCsms, Payload
from tests.benchmarks.report import Figure, spread
from tests.benchmarks.station import BenchStation

BURST = 100
REST_S = 3.0
"""The station takes 50 CALLs a second in the long run and 200 at once; this stays within."""
AIM_MS = 0.35
VARIABLES = (
    ("OCPPCommCtrlr", "HeartbeatInterval"),
    ("OCPPCommCtrlr", "OfflineThreshold"),
    ("OCPPCommCtrlr", "WebSocketPingInterval"),
    ("OCPPCommCtrlr", "RetryBackOffWaitMinimum"),
    ("SampledDataCtrlr", "TxUpdatedInterval"),
    ("SampledDataCtrlr", "TxUpdatedMeasurands"),
    ("AlignedDataCtrlr", "Interval"),
    ("TxCtrlr", "EVConnectionTimeOut"),
    ("TxCtrlr", "TxStartPoint"),
    ("AuthCtrlr", "LocalPreAuthorize"),
)


async def measure(effort: Effort) -> list[Figure]:
    """Ask for ten variables, and in 1.6 for every key there is."""
    asked = [
        {"component": {"name": component}, "variable": {"name": variable}}
        for component, variable in VARIABLES
    ]
    get_variables: Payload = {"getVariableData": asked}
    figures = []
    for version in ("ocpp2.0.1", "ocpp2.1"):
        trips = await round_trips(effort, version, "GetVariables", get_variables)
        figures += _figures(f"GetVariables of 10, {version}", trips, AIM_MS)
    trips = await round_trips(effort, "ocpp1.6", "GetConfiguration", {})
    figures += _figures(f"GetConfiguration of all {trips.answered} keys, 1.6", trips, None)
    return figures


class Trips:
    """Round trips of one CALL, in ms, with the processor time of each in the daemon."""

    def __init__(self) -> None:
        self.times_ms: list[float] = []
        self.cpu_ms: list[float] = []
        self.answered = 0


async def round_trips(effort: Effort, version: str, action: str, payload: Payload) -> Trips:
    """Ask again and again, one CALL after the other; the first burst only warms up."""
    trips = Trips()
    folder = effort.subfolder(f"messages-{version}")
    async with LoopbackCsms() as csms, BenchStation(folder, csms.url, version) as station:
        pid = (await idle(station, csms))["agent"]
        for number in range(effort.times(10, 3) + 1):
            before_s = processes.cpu_s(pid)
            taken_ms = []
            for _ in range(BURST):
                answer, took_s = await csms.call(action, payload)
                taken_ms.append(took_s * 1000)
                trips.answered = len(next(iter(answer.values())))
            used_s = processes.cpu_s(pid) - before_s
            if number:
                trips.times_ms += taken_ms
                trips.cpu_ms.append(used_s * 1000 / BURST)
            await asyncio.sleep(REST_S)
    return trips


def _figures(name: str, trips: Trips, aim_ms: float | None) -> list[Figure]:
    aims = {} if aim_ms is None else {0.5: aim_ms}
    return [
        *spread(name, "ms", trips.times_ms, (0.5, 0.99), aims),
        *spread(f"{name}, processor time", "ms", trips.cpu_ms, (0.5,))[:1],
    ]
