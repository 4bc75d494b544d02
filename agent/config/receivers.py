"""`[[smart_charging.receiver]]`: relays of the grid operator, and which limit they mean."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from agent.config.backend import BackendConfig, read_backend
from agent.config.table import Table
from agent.core.records import dataclass

MOST = 1_000_000.0
MOST_RELAYS = 8
_NAME = "must be 1 to 20 lower-case letters, digits and hyphens"


class ReceiverSource(StrEnum):
    """Who limits, in OCPP's words: the grid operator, an energy manager, or somebody else."""

    SO = "SO"
    EMS = "EMS"
    OTHER = "Other"


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitAmount:
    """A limit in A per phase or in W; one of them is given, or neither for no limit."""

    limit_a: float | None = None
    limit_w: float | None = None

    def __str__(self) -> str:  # type: ignore[explicit-override] # of `object`
        """Return it as people read it."""
        if self.limit_a is not None:
            return f"{self.limit_a:g} A"
        return "no limit" if self.limit_w is None else f"{self.limit_w:g} W"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverState:
    """The relays that are on, and the limit that they mean."""

    on: frozenset[str]
    amount: LimitAmount


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverConfig:
    """One receiver; it limits `evse`, 0 the station, in the name of `source`.

    A combination of relays that no state names, and relays that cannot be read, mean `fail_safe`.
    """

    id: str
    relays: Mapping[str, BackendConfig]
    states: tuple[ReceiverState, ...]
    fail_safe: LimitAmount
    evse: int = 0
    source: ReceiverSource = ReceiverSource.SO
    grid_critical: bool = True
    debounce_s: float = 0.3

    def relay_name(self, relay: str) -> str:
        """Return what one of its relays is called on this station."""
        return f"{self.id}.{relay}"


def read_receivers(tables: tuple[Table, ...], evses: int) -> tuple[ReceiverConfig, ...]:
    """Read all receivers of a station; what is wrong is noted in the tables."""
    found: list[ReceiverConfig] = []
    for table in tables:
        receiver = _receiver(table)
        if receiver.evse > evses:
            table.note_first("evse", f"must be 0 for the station, or one of its {evses} EVSEs")
        for other in found:
            if other.id == receiver.id:
                table.note_first("id", f'"{receiver.id}" is the id of another receiver')
            if (other.evse, other.source) == (receiver.evse, receiver.source):
                table.note_first(
                    "source", f"and evse are those of {other.id}: each needs its own pair"
                )
        found.append(receiver)
    return tuple(found)


def _receiver(table: Table) -> ReceiverConfig:
    relays = _relays(table)
    receiver = ReceiverConfig(
        id=table.text("id", check=_name_problem),
        evse=table.integer("evse", 0, low=0, high=100),
        source=table.choice("source", ReceiverSource, ReceiverSource.SO),
        grid_critical=table.boolean("grid_critical", default=True),
        debounce_s=table.number("debounce_s", 0.3, low=0.1, high=5.0),
        relays=relays,
        states=_states(table, relays),
        fail_safe=_amount(table, "fail_safe_a", "fail_safe_w"),
    )
    if receiver.fail_safe == LimitAmount():
        table.note_first("fail_safe_w", "is missing: give it, or fail_safe_a")
    table.finish()
    return receiver


def _relays(table: Table) -> Mapping[str, BackendConfig]:
    listed = table.table("relays")
    names = listed.keys
    found = {name: read_backend(listed.table(name)) for name in names}
    for name in names:
        if _name_problem(name) is not None:
            listed.note(name, f"is no name of a relay: it {_NAME}")
    if not 1 <= len(names) <= MOST_RELAYS:
        table.note_first("relays", f"must name 1 to {MOST_RELAYS} relays with their backends")
    return MappingProxyType(found)


def _states(table: Table, relays: Mapping[str, BackendConfig]) -> tuple[ReceiverState, ...]:
    found: list[ReceiverState] = []
    for state in table.tables("states"):
        on = state.texts("on", ())
        if "on" not in state:
            state.note("on", "is missing: the relays that are on, [] for none")
        for name in on:
            if name not in relays:
                state.note_first("on", f'names "{name}", which is no relay of this receiver')
        read = ReceiverState(on=frozenset(on), amount=_amount(state, "limit_a", "limit_w"))
        if any(read.on == other.on for other in found):
            state.note_first("on", "is that of another state")
        state.finish()
        found.append(read)
    if not found:
        table.note_first("states", "must name at least one: { on = [], … }")
    return tuple(found)


def _amount(table: Table, ampere_key: str, watt_key: str) -> LimitAmount:
    amount = LimitAmount(limit_a=_limit(table, ampere_key), limit_w=_limit(table, watt_key))
    if amount.limit_a is not None and amount.limit_w is not None:
        table.note_first(watt_key, f"and {ampere_key} are two ways to give one limit: give one")
    return amount


def _limit(table: Table, key: str) -> float | None:
    value = table.number(key, 0.0, low=0.0, high=MOST)
    return value if key in table else None


def _name_problem(name: str) -> str | None:
    usual = name.replace("-", "a")
    well = 1 <= len(name) <= 20 and usual.isascii() and usual.isalnum() and name == name.lower()
    return None if well else _NAME
