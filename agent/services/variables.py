"""Getting and setting variables of the device model, and what becomes of them (B05, B06)."""

import logging
from collections.abc import Awaitable, Callable, Sequence

from agent.core.commands import (
    GetVariables,
    Refusal,
    SetVariables,
    VariableAssignment,
    VariableName,
    VariableQuery,
    VariableResult,
    VariableResults,
)
from agent.core.device_model import DeviceModel
from agent.core.variable_access import Assignment, SetStatus, VariableChange
from agent.core.variable_definition import AttributeType, ComponentKey, Mutability, VariableKey
from agent.ports import Settings

KIND = "variable"

log = logging.getLogger(__name__)

Listener = Callable[[VariableChange], None]
Keeper = Callable[[Sequence[Assignment]], Awaitable[None]]
"""Somebody who makes something durable before a change is."""


class VariablesService:
    """The device model with its memory: a change is durable before it is answered."""

    def __init__(self, model: DeviceModel, settings: Settings) -> None:
        self.model = model
        self.listeners: list[Listener] = []
        self.keepers: list[Keeper] = []
        self._settings = settings

    def get(self, command: GetVariables) -> VariableResults:
        """Answer each element by itself (B06)."""
        return VariableResults(tuple(self._get(query) for query in command.queries))

    async def set(self, command: SetVariables) -> VariableResults:
        """Judge every element, store the accepted ones together, put them in force (B05)."""
        wanted = [self._assignment(a) for a in command.assignments]
        together = [w for w in wanted if w is not None]
        results, accepted = [], []
        for assignment, resolved in zip(command.assignments, wanted, strict=True):
            result = self._judge(assignment, together, access_judged=command.access_judged)
            results.append(result)
            if resolved is not None and result.status in _STORED:
                accepted.append(resolved)
        await self.store(accepted)
        return VariableResults(tuple(results))

    async def store(self, assignments: list[Assignment]) -> None:
        """Make validated values durable and put them in force."""
        kept = {
            stored_key(a): a.value for a in assignments if self.model.definition(a.key).persistent
        }
        for keep in self.keepers:
            await keep(assignments)
        if kept:
            await self._settings.put_many(KIND, kept)
        for assignment in assignments:
            change = self.model.apply(assignment)
            log.info("variable %s was changed", change.key.notation)
            for listener in self.listeners:
                listener(change)

    def _get(self, query: VariableQuery) -> VariableResult:
        component, variable = keys_of(query.name)
        attribute = AttributeType(query.attribute or AttributeType.ACTUAL)
        outcome = self.model.get(component, variable, attribute)
        found = self.model.find(component, variable)
        read_only = not isinstance(found, SetStatus) and found.mutability is Mutability.READ_ONLY
        refusal = None if outcome.reason_code is None else Refusal(outcome.reason_code)
        return VariableResult(
            query.name, outcome.status, query.attribute, outcome.value, refusal, read_only
        )

    def _judge(
        self,
        assignment: VariableAssignment,
        together: list[Assignment],
        *,
        access_judged: bool,
    ) -> VariableResult:
        component, variable = keys_of(assignment.name)
        attribute = AttributeType(assignment.attribute or AttributeType.ACTUAL)
        resolved = self._assignment(assignment)
        if access_judged and resolved is not None:
            outcome = self.model.validate_value(resolved, together)
        else:
            outcome = self.model.validate_set(
                component, variable, assignment.value, attribute=attribute, together_with=together
            )
        refusal = (
            None if outcome.reason_code is None else Refusal(outcome.reason_code, outcome.reason)
        )
        return VariableResult(
            assignment.name, outcome.status, assignment.attribute, refusal=refusal
        )

    def _assignment(self, wanted: VariableAssignment) -> Assignment | None:
        component, variable = keys_of(wanted.name)
        found = self.model.find(component, variable)
        if isinstance(found, SetStatus):
            return None
        attribute = AttributeType(wanted.attribute or AttributeType.ACTUAL)
        return Assignment(found.key, wanted.value, attribute)


_STORED = frozenset({SetStatus.ACCEPTED.value, SetStatus.REBOOT_REQUIRED.value})


def keys_of(name: VariableName) -> tuple[ComponentKey, VariableKey]:
    """Return the model's addresses for a name from the wire."""
    return (
        ComponentKey(name.component, name.component_instance, name.evse, name.connector),
        VariableKey(name.variable, name.variable_instance),
    )


def stored_key(assignment: Assignment) -> str:
    """Return the key under which a changed value is kept."""
    return f"{assignment.key.notation}/{assignment.attribute.value}"


def restore(model: DeviceModel, settings: Settings) -> None:
    """Put the changes of earlier runs back in force; what no longer fits is left out and named.

    It stays stored: if the software goes back to the version before, it holds again.
    """
    by_key = {
        f"{d.key.notation}/{attribute.value}": (d.key, attribute)
        for d in model.definitions()
        for attribute in d.attributes
    }
    items = settings.items(KIND)
    for key in items.keys() - by_key.keys():
        log.warning("stored value of %s is left out: this station has no such variable", key)
    stored = [
        Assignment(by_key[key][0], text, by_key[key][1])
        for key, text in items.items()
        if key in by_key
    ]
    for problem in model.restore(stored):
        log.warning("stored value of %s is left out: %s", problem.key.notation, problem.reason)
