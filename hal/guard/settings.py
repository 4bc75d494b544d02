"""What the guard reads of station.toml: `[guard]`, each `[[evse]]`'s lines, board, `state_dir`."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, cast

from hal.api import PER_PHASE
from hal.board_file import BoardFileError, equip
from hal.guard.duty import MINIMUM_OFFER_A, X1_STEP_S
from hal.guard.evse import EvseSetup, WakeUpSetup

HIGHEST_CURRENT_A = 80.0

# `start_with_agent` is for the services, who read the same table.
_GUARD_KEYS = frozenset(
    {
        "socket",
        "state_dir",
        "group",
        "grace_s",
        "fallback_limit_a",
        "tick_s",
        "min_closing_interval_s",
        "start_with_agent",
    }
)
_BUILD_KEYS = ("max_current_a", "phases", "nominal_voltage_v", "connector_type")
_CABLES = ("attached", "socket")
_MOCK = "mock"
Table = Mapping[str, object]


class SettingsError(Exception):
    """The configuration cannot be used; the message names the file, the key and the remedy."""


@dataclass(frozen=True, slots=True)
class GuardSettings:
    """Everything the guard process needs to know; a relative path is taken from the file's folder.

    `state_dir` is the station's, `guard_dir` where the guard keeps what must outlive it.
    `evse_tables` holds, for each EVSE, every table of its `[[evse]]` entry by name, and under
    `settings` how it is built: the board interprets them. `group` is the name of the user group
    whose members may connect besides the guard's own user.
    """

    config: Path
    state_dir: Path
    guard_dir: Path
    socket: Path
    group: str | None
    tick_s: float
    setups: tuple[EvseSetup, ...]
    evse_tables: Mapping[int, Mapping[str, Table]]

    @property
    def grace_s(self) -> float:
        """Return the grace time after the services are lost."""
        return self.setups[0].grace_s


def load(config: Path) -> GuardSettings:
    """Read the file; raises `SettingsError`."""
    try:
        with config.open("rb") as file:
            document = tomllib.load(file)
    except OSError as error:
        raise SettingsError(f"{config}: cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{config}: is not TOML: {error}") from error
    try:
        equipped = equip(document, config)
    except BoardFileError as error:
        raise SettingsError(str(error)) from error
    return _Reader(config).settings(equipped)


class _Reader:
    """Turns the document into settings, naming the file in every complaint."""

    def __init__(self, config: Path) -> None:
        self._config = config

    def settings(self, document: Table) -> GuardSettings:
        guard = self._table(document, "guard", "[guard]")
        for key in sorted(guard.keys() - _GUARD_KEYS):
            self._refuse(
                f"[guard] {key}", f"is unknown; known are {', '.join(sorted(_GUARD_KEYS))}"
            )
        station = self._table(document, "station", "[station]")
        folder = self._config.parent
        state_dir = folder / self._text(station, "state_dir", "[station] state_dir", None)
        default_socket = state_dir / "guard.sock"
        entries = self._entries(document)
        group = self._text(guard, "group", "[guard] group", "")
        socket = folder / self._text(
            guard, "socket", "[guard] socket", str(default_socket.absolute())
        )
        guard_dir = self._text(guard, "state_dir", "[guard] state_dir", str(socket.parent))
        return GuardSettings(
            config=self._config,
            state_dir=state_dir,
            guard_dir=folder / guard_dir,
            socket=socket,
            group=group or None,
            tick_s=self._number(guard, "tick_s", "[guard] tick_s", (0.001, 0.1), 0.02),
            setups=tuple(self._setup(entry, guard) for entry in entries.values()),
            evse_tables={number: _tables(entry) for number, entry in entries.items()},
        )

    def _entries(self, document: Table) -> dict[int, Table]:
        listed = document.get("evse")
        if not isinstance(listed, list) or not listed:
            self._refuse("[[evse]]", "is missing; a station has at least one")
        entries: dict[int, Table] = {}
        for table in listed:
            if not isinstance(table, dict):
                self._refuse("[[evse]]", "must be tables")
            number = table.get("id")
            if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= 0xFFFF:
                self._refuse("[[evse]] id", "must be a number from 1")
            if number in entries:
                self._refuse(f"[[evse]] id = {number}", "is there twice")
            entries[number] = table
        return entries

    def _setup(self, entry: Table, guard: Table) -> EvseSetup:
        evse = cast("int", entry["id"])
        where = f"[[evse]] id = {evse}:"
        for line in ("pilot", "contactor"):
            if not isinstance(entry.get(line), dict):
                self._refuse(f"{where} {line}", 'is missing, for instance { backend = "mock" }')
        self._check_cable(entry, where)
        current = (MINIMUM_OFFER_A, HIGHEST_CURRENT_A)
        return EvseSetup(
            evse=evse,
            max_current_a=self._number(entry, "max_current_a", f"{where} max_current_a", current),
            ventilation=self._flag(entry, "ventilation", f"{where} ventilation"),
            grace_s=self._number(guard, "grace_s", "[guard] grace_s", (0.0, 3600.0), 60.0),
            fallback_limit_a=self._number(
                guard, "fallback_limit_a", "[guard] fallback_limit_a", (0.0, 80.0), 6.0
            ),
            min_closing_interval_s=self._number(
                guard,
                "min_closing_interval_s",
                "[guard] min_closing_interval_s",
                (0.0, 600.0),
                10.0,
            ),
            phases=self._phases(entry, where),
            phase_switching=self._flag(entry, "phase_switching", f"{where} phase_switching"),
            phase_choice=_chooses_phase(entry),
            phase_pause_s=self._number(
                entry, "phase_pause_s", f"{where} phase_pause_s", (X1_STEP_S, 600.0), 5.0
            ),
            simplified_limit_a=self._simplified_limit_a(entry, where),
            wake_up=self._wake_up(entry, where),
        )

    def _phases(self, entry: Table, where: str) -> int:
        phases = entry.get("phases", 3)
        if not isinstance(phases, int) or phases not in {1, 3} or phases is True:
            self._refuse(f"{where} phases", "must be 1 or 3")
        if phases == 1 and entry.get("phase_switching") is True:
            self._refuse(f"{where} phase_switching", "needs an EVSE that is wired for 3 phases")
        return phases

    def _simplified_limit_a(self, entry: Table, where: str) -> float | None:
        key = "simplified_pilot_limit_a"
        if key not in entry:
            return None
        return self._number(entry, key, f"{where} {key}", (MINIMUM_OFFER_A, HIGHEST_CURRENT_A))

    def _wake_up(self, entry: Table, where: str) -> WakeUpSetup:
        return WakeUpSetup(
            enabled=self._flag(entry, "wake_up", f"{where} wake_up"),
            after_s=self._number(
                entry, "wake_up_after_s", f"{where} wake_up_after_s", (30.0, 3600.0), 30.0
            ),
            state_f_s=self._number(entry, "wake_up_s", f"{where} wake_up_s", (3.0, 30.0), 4.0),
        )

    def _check_cable(self, entry: Table, where: str) -> None:
        self._text(entry, "cable", f"{where} cable", "attached")
        cable = _cable(entry)
        if cable not in _CABLES:
            self._refuse(f"{where} cable", f"must be one of {', '.join(_CABLES)}")
        if cable == "socket" and "proximity" not in _tables(entry):
            self._refuse(f"{where} proximity", "is missing; a socket outlet must know its cable")

    def _table(self, document: Table, key: str, name: str) -> Table:
        table = document.get(key, {})
        if not isinstance(table, dict):
            self._refuse(name, "must be a table")
        return table

    def _text(self, table: Table, key: str, name: str, default: str | None) -> str:
        value = table.get(key, default)
        if not isinstance(value, str):
            self._refuse(name, "is missing or not a text")
        return value

    def _flag(self, table: Table, key: str, name: str) -> bool:
        value = table.get(key, False)
        if not isinstance(value, bool):
            self._refuse(name, "must be true or false")
        return value

    def _number(
        self,
        table: Table,
        key: str,
        name: str,
        span: tuple[float, float],
        default: float | None = None,
    ) -> float:
        value = table.get(key, default)
        low, high = span
        if isinstance(value, bool) or not isinstance(value, int | float):
            self._refuse(name, f"is missing or not a number from {low:g} to {high:g}")
        number = float(value)
        if not low <= number <= high:
            self._refuse(name, f"is {number:g}, not within {low:g} to {high:g}")
        return number

    def _refuse(self, name: str, reason: str) -> NoReturn:
        raise SettingsError(f"{self._config}: {name} {reason}")


def _cable(entry: Table) -> object:
    """Return the kind of outlet; connector types whose names begin with s are socket outlets."""
    is_socket = str(entry.get("connector_type", "")).startswith("s")
    return entry.get("cable", "socket" if is_socket else "attached")


def _chooses_phase(entry: Table) -> bool:
    """Tell whether a single phase may be one of choice: where phases switch and the board can."""
    strategy = cast("Table", entry["contactor"]).get("strategy")
    return entry.get("phase_switching") is True and strategy == PER_PHASE


def _tables(entry: Table) -> dict[str, Table]:
    tables: dict[str, Table] = {
        name: value for name, value in entry.items() if isinstance(value, dict)
    }
    if _cable(entry) == "socket" and tables.get("pilot", {}).get("backend") == _MOCK:
        # A simulated socket outlet has the devices that a real one must be given.
        tables = {name: {"backend": _MOCK} for name in ("proximity", "lock")} | tables
    build = {name: entry[name] for name in _BUILD_KEYS if name in entry}
    tables["settings"] = build | {"cable": _cable(entry)}
    return tables
