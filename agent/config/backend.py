"""A hardware backend as the file chooses it: its name, and options that its factory checks."""

from collections.abc import Mapping
from dataclasses import field
from types import MappingProxyType
from typing import Any

from agent.config.table import Table
from agent.core.records import dataclass

OptionValue = str | int | float | bool | tuple["OptionValue", ...] | Mapping[str, "OptionValue"]
"""A value of a backend's own option, frozen."""

MOCK_BACKEND = "mock"


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendConfig:
    """A hardware backend and its own options, which its factory checks."""

    backend: str
    options: Mapping[str, OptionValue] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def table(self) -> Mapping[str, object]:
        """Return the table as the hardware reads it."""
        return {"backend": self.backend, **self.options}


def read_backend(table: Table) -> BackendConfig:
    """Read a table with a backend; what is wrong is noted there."""
    backend = table.text("backend")
    options = {key: _frozen(value) for key, value in table.take_rest().items()}
    return BackendConfig(backend=backend, options=MappingProxyType(options))


def _frozen(value: Any) -> OptionValue:
    match value:
        case dict():
            return MappingProxyType({key: _frozen(member) for key, member in value.items()})
        case list():
            return tuple(_frozen(member) for member in value)
        case str() | int() | float():
            return value
        case _:
            return str(value)
