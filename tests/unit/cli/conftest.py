from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.cli.parser import run_command
from agent.cli.programs import CsmsOptions, DemoOptions, HardwareFinding, Programs
from tests.unit.cli.fake_station import (
    EXPORT,
    STATUS,
    TRANSACTIONS,
    VARIABLES,
    WHY,
    FakeStation,
    line,
)


class Started:
    """Remembers which program was started, and how."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.code = 0
        self.findings: list[HardwareFinding] = []

    def programs(self) -> Programs:
        return Programs(
            run_station=lambda file, guard: self._note("run", file, guard),
            run_demo=lambda options: self._note("demo", options),
            run_csms=lambda options: self._note("csms", options),
            check_config=lambda file: (f"checked = {file}",),
            check_hardware=lambda file, board: iter(self.findings),
        )

    def run(self, *arguments: str) -> int:
        return run_command(arguments, self.programs())

    def _note(self, *call: Path | bool | str | DemoOptions | CsmsOptions) -> int:
        self.calls.append(call)
        return self.code


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Started:
    monkeypatch.delenv("STATIOND_CONFIG", raising=False)
    return Started()


@pytest.fixture
def station(tmp_path: Path) -> Iterator[FakeStation]:
    answers = {
        "status": STATUS,
        "why": WHY,
        "transactions": TRANSACTIONS,
        "variables": VARIABLES,
        "export": EXPORT,
    }
    with FakeStation(
        tmp_path / "api.sock", lambda request: line(answers[request["op"]])
    ) as running:
        yield running
