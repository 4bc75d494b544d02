"""GetReport: which part of the device model the CSMS wants to see (B08)."""

from enum import StrEnum

from agent.core.records import dataclass
from agent.core.variable_definition import ComponentKey, VariableDefinition, VariableKey


class ComponentCriterion(StrEnum):
    """ComponentCriterionEnumType."""

    ACTIVE = "Active"
    AVAILABLE = "Available"
    ENABLED = "Enabled"
    PROBLEM = "Problem"


@dataclass(frozen=True, slots=True)
class VariableSelector:
    """An element of GetReport's componentVariable list; what it leaves out matches everything."""

    component: ComponentKey
    variable: VariableKey | None = None

    def matches(self, definition: VariableDefinition) -> bool:
        """Whether the selector, with its wildcards, covers a variable (B08.FR.20 to B08.FR.25)."""
        return self._matches_component(definition.component.folded()) and self._matches_variable(
            definition.variable.folded()
        )

    def _matches_component(self, actual: ComponentKey) -> bool:
        wanted = self.component.folded()
        return (
            wanted.name == actual.name
            and wanted.instance in {None, actual.instance}
            and wanted.evse_id in {None, actual.evse_id}
            and wanted.connector_id in {None, actual.connector_id}
        )

    def _matches_variable(self, actual: VariableKey) -> bool:
        if self.variable is None:
            return True
        wanted = self.variable.folded()
        return wanted.name == actual.name and wanted.instance in {None, actual.instance}


@dataclass(frozen=True, slots=True)
class GetReport:
    """GetReport (B08); `criteria` are texts, since a CSMS may ask for one that is not known."""

    request_id: int
    criteria: frozenset[str] = frozenset()
    selectors: tuple[VariableSelector, ...] = ()

    def known_criteria(self) -> frozenset[ComponentCriterion] | None:
        """Return the criteria, None if one of them is not supported (B08.FR.02)."""
        if not self.criteria <= frozenset(ComponentCriterion):
            return None
        return frozenset(ComponentCriterion(text) for text in self.criteria)
