"""A CSMS desk without a network, for unit tests of what stands behind it."""

from collections import deque
from datetime import UTC, datetime

from agent.sim.csms_model import FrameRecord, StationRecord
from agent.sim.csms_office import BackOffice, Exchange

NOW = datetime(2026, 1, 1, 10, tzinfo=UTC)


def exchange() -> Exchange:
    office = BackOffice(
        tokens=None, boot_script=("Accepted",), boot_interval_s=300, now=lambda: NOW
    )
    frames: deque[FrameRecord] = deque()
    station = StationRecord("CS001", faults=[], frames=frames, registration="Accepted")
    return Exchange(office, station, frame="[]", received_at=NOW)
