"""Where a GPIO line is and how it is wired, as board files and backend tables write it."""

from dataclasses import dataclass

from hal.tables import Options

HIGHEST_OFFSET = 1023
BIASES = ("as_is", "disabled", "pull_up", "pull_down")
DRIVES = ("push_pull", "open_drain", "open_source")
LONGEST_DEBOUNCE_MS = 500.0


@dataclass(frozen=True, slots=True)
class LinePlace:
    """One line of one chip.

    `chip` is the chip's label, its name or its device file; `line` the name that the kernel gives
    the line, or its offset. A line is *on* at its high level, with `active_low` at its low one.
    Without `edges` the line cannot wake anybody (a port expander without interrupt) and is only
    seen with the guard's tick.
    """

    chip: str
    line: str | int
    active_low: bool = False
    bias: str = "as_is"
    drive: str = "push_pull"
    debounce_ms: float = 0.0
    edges: bool = True

    def __str__(self) -> str:  # type: ignore[explicit-override] # of `object`
        """Return the place as complaints name it."""
        return f"line {self.line} of {self.chip}"


def read_line(options: Options, debounce_ms: float = 0.0) -> LinePlace:
    """Read a line; problems are noted with the reader of the table."""
    if "chip" not in options and "line" in options:
        options.expect("chip")
        options.note("chip", "is missing; give the label that `gpiodetect` shows for the chip")
        chip = ""
    else:
        chip = options.text("chip")
    return LinePlace(
        chip=chip,
        line=options.text_or_number("line", HIGHEST_OFFSET),
        active_low=options.flag("active_low", default=False),
        bias=options.text("bias", "as_is", BIASES),
        drive=options.text("drive", "push_pull", DRIVES),
        debounce_ms=options.number("debounce_ms", debounce_ms, 0.0, LONGEST_DEBOUNCE_MS),
        edges=options.flag("edges", default=True),
    )
