import io
import json

import pytest
from rich.console import Console

from tests.benchmarks.machine import MachineFacts
from tests.benchmarks.report import (
    Aim,
    Figure,
    Section,
    cells,
    number_text,
    spread,
    table,
    to_json,
)

MACHINE = MachineFacts(
    cpu="Cortex-A72",
    cores=4,
    kernel="6.12.1",
    python="3.11.2",
    memory_mb=3792,
    load_1_min=0.2,
    file_system="ext4",
    device="/dev/mmcblk0p2",
    sync_median_ms=4.5,
    sync_p99_ms=21.0,
    may_be_real_time=False,
)
START = Figure(name="start", unit="ms", measured=90.0, aim=120.0, samples=11)


def shown(section: Section) -> str:
    out = io.StringIO()
    Console(file=out, width=160).print(table(section))
    return out.getvalue()


def test_a_figure_tells_its_share_of_the_aim() -> None:
    assert START.share_of_aim == 0.75
    assert START.aim_text == "<= 120"


def test_a_figure_without_aim_or_with_an_aim_of_nothing_has_no_share() -> None:
    assert Figure(name="lost", unit="events", measured=3, aim=0).share_of_aim is None
    assert Figure(name="imports", unit="ms", measured=3).share_of_aim is None
    assert Figure(name="imports", unit="ms", measured=3).aim_text == ""


def test_an_aim_may_be_a_least_value() -> None:
    rate = Figure(name="rate", unit="events/s", measured=2014.3, aim=700, side=Aim.AT_LEAST)
    assert cells(rate)[1:4] == ("2,014 events/s", ">= 700 events/s", "288%")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.0, "0"),
        (0.34567, "0.346"),
        (12.345, "12.3"),
        (123.4, "123"),
        (15513.2, "15,513"),
    ],
)
def test_numbers_have_three_digits_or_are_whole(value: float, text: str) -> None:
    assert number_text(value) == text


def test_a_spread_has_each_quantile_and_the_maximum() -> None:
    samples = [float(number) for number in range(1, 101)]
    found = spread("tap", "ms", samples, (0.5, 0.99), {0.99: 10.0})
    assert [(f.name, f.measured, f.aim) for f in found] == [
        ("tap, median", 50.0, None),
        ("tap, p99", 99.0, 10.0),
        ("tap, maximum", 100.0, None),
    ]
    assert all(figure.samples == 100 for figure in found)


def test_a_tail_of_too_few_samples_is_called_a_maximum() -> None:
    few = spread("tap", "ms", [1.0, 2.0], (0.5, 0.999))
    assert few[1].name == "tap, p99.9"
    assert few[1].note == "too few samples: the maximum"
    assert few[0].note == ""


def test_the_table_shows_measured_and_aim() -> None:
    text = shown(Section("start", "to the first frame", (START,), 12.0))
    assert "start: to the first frame" in text
    for word in ("90 ms", "<= 120 ms", "75%", "11"):
        assert word in text


def test_the_table_says_why_nothing_was_measured() -> None:
    text = shown(Section("start", "to the first frame", (), 1.0, "OSError: no guard"))
    assert "not measured" in text
    assert "OSError: no guard" in text


def test_the_document_holds_machine_and_figures() -> None:
    section = Section("start", "to the first frame", (START,), 12.3456)
    document = json.loads(to_json(MACHINE, [section], quick=True))
    assert document["quick"] is True
    assert document["machine"]["cpu"] == "Cortex-A72"
    (benchmark,) = document["benchmarks"]
    assert benchmark["took_s"] == 12.346
    assert benchmark["failure"] is None
    assert benchmark["figures"] == [
        {
            "name": "start",
            "unit": "ms",
            "measured": 90.0,
            "aim": 120.0,
            "side": "<=",
            "samples": 11,
            "note": "",
            "share_of_aim": 0.75,
        }
    ]
