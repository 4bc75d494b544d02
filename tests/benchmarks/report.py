"""What was measured, beside what was aimed at: for people as a table, for programs as JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from tests.benchmarks.machine import MachineFacts
from tests.benchmarks.quantiles import quantile, resolves

if TYPE_CHECKING:
    from rich.table import Table


class Aim(StrEnum):
    """On which side of the aim a figure should lie."""

    AT_MOST = "<="
    AT_LEAST = ">="


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured figure. `aim` None: there is none, the figure explains another one."""

    name: str
    unit: str
    measured: float
    aim: float | None = None
    side: Aim = Aim.AT_MOST
    samples: int = 1
    note: str = ""

    @property
    def aim_text(self) -> str:
        """The aim as people read it."""
        return "" if self.aim is None else f"{self.side.value} {number_text(self.aim)}"

    @property
    def share_of_aim(self) -> float | None:
        """Measured divided by aimed at; None without an aim or for an aim of nothing."""
        return self.measured / self.aim if self.aim else None


@dataclass(frozen=True, slots=True)
class Section:
    """The figures of one benchmark; `failure` says why there are none."""

    benchmark: str
    title: str
    figures: tuple[Figure, ...]
    took_s: float
    failure: str | None = None


def spread(
    name: str,
    unit: str,
    samples: Sequence[float],
    quantiles: Sequence[float],
    aims: dict[float, float] | None = None,
) -> list[Figure]:
    """Return a figure for each quantile and one for the maximum, all of the same samples.

    `aims` are aims by quantile. A quantile that the number of samples cannot tell from the maximum
    is said to be no more than that.
    """
    aims = aims or {}
    figures = [
        Figure(
            name=f"{name}, {quantile_name(fraction)}",
            unit=unit,
            measured=quantile(samples, fraction),
            aim=aims.get(fraction),
            samples=len(samples),
            note="" if resolves(samples, fraction) else "too few samples: the maximum",
        )
        for fraction in quantiles
    ]
    greatest = max(samples)
    return [
        *figures,
        Figure(name=f"{name}, maximum", unit=unit, measured=greatest, samples=len(samples)),
    ]


def quantile_name(fraction: float) -> str:
    """Return how people call a quantile."""
    return "median" if fraction == 0.5 else f"p{fraction * 100:g}"


def number_text(value: float) -> str:
    """Return a number with three significant digits, whole numbers from a hundred on."""
    if value == 0 or abs(value) >= 100 or float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:.3g}"


def to_json(machine: MachineFacts, sections: Sequence[Section], *, quick: bool) -> str:
    """Return everything as one JSON document."""
    document: dict[str, Any] = {
        "quick": quick,
        "machine": asdict(machine),
        "benchmarks": [
            {
                "benchmark": section.benchmark,
                "title": section.title,
                "took_s": round(section.took_s, 3),
                "failure": section.failure,
                "figures": [_figure_document(figure) for figure in section.figures],
            }
            for section in sections
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def table(section: Section) -> "Table":
    """Return the section as a table for a terminal."""
    from rich.table import Table

    shown = Table(title=f"{section.benchmark}: {section.title}", title_justify="left")
    shown.add_column("figure")
    for heading in ("measured", "aim", "of aim", "samples"):
        shown.add_column(heading, justify="right", no_wrap=True)
    shown.add_column("note")
    for figure in section.figures:
        shown.add_row(*cells(figure))
    if section.failure is not None:
        shown.add_row("not measured", "", "", "", "", section.failure)
    return shown


def cells(figure: Figure) -> tuple[str, str, str, str, str, str]:
    """Return the table's texts for a figure."""
    share = figure.share_of_aim
    return (
        figure.name,
        f"{number_text(figure.measured)} {figure.unit}".strip(),
        f"{figure.aim_text} {figure.unit}".strip() if figure.aim is not None else "",
        "" if share is None else f"{share:.0%}",
        str(figure.samples),
        figure.note,
    )


def _figure_document(figure: Figure) -> dict[str, Any]:
    return asdict(figure) | {"side": figure.side.value, "share_of_aim": figure.share_of_aim}
