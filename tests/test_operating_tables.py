"""The tables of docs/operating.md that are made from the code: faults, and the status light.

UPDATE_GOLDEN=1 writes them anew.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.core.fault_taxonomy import FAULTS, FaultKind
from agent.core.indication import Indication
from agent.ocpp.v16.error_codes import ERROR_CODES, ChargePointErrorCode
from agent.services.indicator import PATTERNS
from hal.api import IndicatorRhythm

PAGE = Path(__file__).parents[1] / "docs" / "operating.md"
RHYTHMS = {
    IndicatorRhythm.STEADY: "steady",
    IndicatorRhythm.SLOW: "slowly blinking",
    IndicatorRhythm.FAST: "quickly blinking",
    IndicatorRhythm.FLASH: "a short flash now and then",
}
SAYINGS = {
    Indication.FAULTED: "a fault: nobody can charge here",
    Indication.UPDATING: "the station is being updated",
    Indication.UNAVAILABLE: "out of service",
    Indication.CHARGING: "charging",
    Indication.SUSPENDED_EVSE: "the station pauses (limit, heat)",
    Indication.SUSPENDED_EV: "the vehicle pauses, or is full",
    Indication.AUTHORIZED: "a card was accepted: plug in",
    Indication.FINISHED: "the session has ended: unplug",
    Indication.PREPARING: "plugged in: present a card",
    Indication.RESERVED: "reserved",
    Indication.OFFLINE: "free, without connection to the CSMS",
    Indication.AVAILABLE: "free",
}


def faults() -> Iterator[str]:
    yield "| fault | for the driver | for the installer | MREC | 1.6 | 2.x | ends the transaction |"
    yield "|---|---|---|---|---|---|---|"
    for kind in FAULTS:
        yield f"| {' | '.join(_cells(kind))} |"


def _cells(kind: FaultKind) -> tuple[str, ...]:
    mrec = "" if kind.mrec is None else f"{kind.mrec.code} {kind.mrec.name}"
    code = ERROR_CODES.get(kind.name, ChargePointErrorCode.OTHER_ERROR)
    reason = kind.stopped_reason
    ends = "no, only pauses" if kind.prevents_charging else "no"
    variable = f"{kind.component}.{kind.variable}, {kind.severity}"
    return (
        f"`{kind.name}`",
        *(kind.driver, kind.remedy, mrec, code, variable),
        ends if reason is None else f"{reason.value}",
    )


def lights() -> Iterator[str]:
    yield "| light | meaning |"
    yield "|---|---|"
    for indication in Indication:
        pattern = PATTERNS[indication]
        yield f"| {pattern.colour}, {RHYTHMS[pattern.rhythm]} | {SAYINGS[indication]} |"


@pytest.mark.parametrize(("name", "lines"), [("faults", faults), ("lights", lights)])
def test_a_table_of_the_page_is_what_the_code_does(
    name: str, lines: Callable[[], Iterator[str]]
) -> None:
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(f"<!-- {name} -->\n")
    shown, after = rest.split("<!-- end -->", 1)
    wanted = "\n".join(lines()) + "\n"
    if os.environ.get("UPDATE_GOLDEN") == "1":
        marked = f"{before}<!-- {name} -->\n{wanted}<!-- end -->{after}"
        PAGE.write_text(marked, encoding="utf-8")
        shown = wanted
    assert shown == wanted
