"""Reports over the device model: which variables one contains, and its parts (B07, B08).

Reports are generated lazily: a live value is read when its part is made.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from itertools import islice

from agent.core.commands import ReportBase
from agent.core.device_model import DeviceModel
from agent.core.events import ReportEntry, ReportPart
from agent.core.report_request import ComponentCriterion, VariableSelector
from agent.core.variable_definition import (
    CONFIGURATION_VALUE_SIZE,
    LIST_TYPES,
    NUMBER_TYPES,
    AttributeType,
    ComponentKey,
    ComponentVariable,
    DataType,
    Mutability,
    VariableDefinition,
    VariableKey,
)

_VALUES_LIST_SIZE = 1000
_ABNORMAL_STATES = frozenset({"Problem", "Tripped", "Overload", "Fallback"})


def base_report(model: DeviceModel, base: ReportBase) -> Iterator[ReportEntry]:
    """Return the entries of GetBaseReport (B07.FR.07 to B07.FR.09)."""
    belongs = _BASE_REPORTS[base]
    return _entries(model, (d for d in model.definitions() if belongs(model, d)))


def custom_report(
    model: DeviceModel,
    criteria: frozenset[ComponentCriterion],
    selectors: tuple[VariableSelector, ...],
) -> Iterator[ReportEntry]:
    """Return the entries of GetReport (B08).

    An entry meets any of the criteria and any of the selectors; none given allows everything.
    """
    return _entries(
        model,
        (
            definition
            for definition in model.definitions()
            if (not criteria or _meets_any(model, definition.component, criteria))
            and (not selectors or any(s.matches(definition) for s in selectors))
        ),
    )


def report_parts(
    entries: Iterable[ReportEntry], *, request_id: int, at: datetime, part_size: int
) -> Iterator[ReportPart]:
    """Divide a report into numbered parts of `part_size` entries; an empty report has none."""
    remaining = iter(entries)
    part = tuple(islice(remaining, part_size))
    seq_no = 0
    while part:
        following = tuple(islice(remaining, part_size))
        yield ReportPart(
            at=at,
            request_id=request_id,
            seq_no=seq_no,
            to_be_continued=bool(following),
            entries=part,
        )
        part, seq_no = following, seq_no + 1


def _in_full(_model: DeviceModel, _definition: VariableDefinition) -> bool:
    return True


def _is_settable(_model: DeviceModel, definition: VariableDefinition) -> bool:
    return definition.mutability is not Mutability.READ_ONLY


def _tells_availability(model: DeviceModel, definition: VariableDefinition) -> bool:
    name = definition.variable.name
    if name == "AvailabilityState":
        return True
    return name in _ABNORMAL_STATES and model.boolean(definition.key)


_BASE_REPORTS: Mapping[ReportBase, Callable[[DeviceModel, VariableDefinition], bool]] = {
    ReportBase.FULL_INVENTORY: _in_full,
    ReportBase.CONFIGURATION_INVENTORY: _is_settable,
    ReportBase.SUMMARY_INVENTORY: _tells_availability,
}


def _meets_any(
    model: DeviceModel, component: ComponentKey, criteria: frozenset[ComponentCriterion]
) -> bool:
    return any(_meets(model, component, criterion) for criterion in criteria)


def _meets(model: DeviceModel, component: ComponentKey, criterion: ComponentCriterion) -> bool:
    """Judge a component; without the variable it meets all but Problem (B08.FR.07 to B08.FR.10)."""
    key = ComponentVariable(component, VariableKey(criterion.value))
    return model.boolean(key, default=criterion is not ComponentCriterion.PROBLEM)


def _entries(
    model: DeviceModel, definitions: Iterable[VariableDefinition]
) -> Iterator[ReportEntry]:
    return (_entry(model, d, attribute) for d in definitions for attribute in d.attributes)


def _entry(
    model: DeviceModel, definition: VariableDefinition, attribute: AttributeType
) -> ReportEntry:
    component, variable = definition.component, definition.variable
    is_number = definition.data_type in NUMBER_TYPES
    bounds_text = definition.data_type is DataType.STRING or definition.data_type in LIST_TYPES
    return ReportEntry(
        component=component.name,
        component_instance=component.instance,
        evse=component.evse_id,
        connector=component.connector_id,
        variable=variable.name,
        variable_instance=variable.instance,
        attribute=attribute.value,
        value=_reported_value(model, definition, attribute),
        mutability=definition.mutability.value,
        persistent=definition.persistent and not definition.live,
        constant=_is_constant(definition),
        data_type=definition.data_type.value,
        unit=definition.unit,
        min_limit=definition.min_limit if is_number else None,
        max_limit=_text_limit(definition) if bounds_text else definition.max_limit,
        values_list=_values_list(definition),
        supports_monitoring=definition.supports_monitoring,
    )


def _is_constant(definition: VariableDefinition) -> bool:
    """Tell whether the value never changes while the station runs; it writes guarded ones."""
    changes = definition.live or definition.guarded
    return definition.mutability is Mutability.READ_ONLY and not changes


def _reported_value(
    model: DeviceModel, definition: VariableDefinition, attribute: AttributeType
) -> str | None:
    """Secrets stay at home (B07.FR.03, B08.FR.03)."""
    if definition.mutability is Mutability.WRITE_ONLY:
        return None
    return model.value(definition.key, attribute)


def _text_limit(definition: VariableDefinition) -> Decimal | None:
    settable = definition.mutability is not Mutability.READ_ONLY
    bounded = settable or definition.max_length != CONFIGURATION_VALUE_SIZE
    return Decimal(definition.max_length) if bounded else None


def _values_list(definition: VariableDefinition) -> str | None:
    """Return the allowed values unless the field cannot carry them all: half a list is wrong."""
    text = ",".join(definition.values_list)
    return text if text and len(text) <= _VALUES_LIST_SIZE else None
