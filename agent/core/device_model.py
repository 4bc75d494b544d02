"""The device model: every variable of the station; the configuration of all OCPP versions.

A value is the definition's default, an initial value from the configuration file, or a change by
the CSMS; the later in this list wins, and an initial value never overwrites a change. Live values
are computed when read. Setting takes two steps so that a change can be made durable between them:
`validate_set`, store, `apply`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal

from agent.core.basic_auth_password import has_escaped_octets
from agent.core.variable_access import (
    Assignment,
    GetOutcome,
    GetStatus,
    SetOutcome,
    SetStatus,
    UnknownVariableError,
    ValueOrigin,
    ValueProblem,
    ValueReader,
    VariableChange,
    VariableRule,
)
from agent.core.variable_definition import (
    AttributeType,
    ComponentKey,
    ComponentVariable,
    Mutability,
    ReasonCode,
    TextFormat,
    VariableDefinition,
    VariableKey,
    check_value,
    list_members,
    value_text,
)

LiveValue = bool | int | Decimal | datetime | str
"""What a provider of a live value may return; it is reported in OCPP's text form."""


_Slot = tuple[ComponentVariable, AttributeType]


class DeviceModel:
    """All variables of one station.

    Addresses are case-insensitive for the CSMS, exact for the program.
    """

    def __init__(
        self, definitions: Iterable[VariableDefinition], rules: Iterable[VariableRule] = ()
    ) -> None:
        """Take the definitions in report order.

        Raises ValueError when a variable is defined twice.
        """
        self._definitions: dict[ComponentVariable, VariableDefinition] = {}
        self._components: dict[ComponentKey, dict[VariableKey, VariableDefinition]] = {}
        for definition in definitions:
            self._add(definition)
        self._rules = list(rules)
        self._initial: dict[_Slot, str] = {}
        self._changed: dict[_Slot, str] = {}
        self._providers: dict[ComponentVariable, Callable[[], LiveValue]] = {}

    def add_rule(self, rule: VariableRule) -> None:
        """Ask one more rule from now on."""
        self._rules.append(rule)

    def provide(self, key: ComponentVariable, provider: Callable[[], LiveValue]) -> None:
        """Name who computes a live variable. Raises ValueError if the variable is not live."""
        if not self.definition(key).live:
            raise ValueError(f"{key.notation} is not a live variable")
        self._providers[key] = provider

    def unprovided(self) -> tuple[ComponentVariable, ...]:
        """Return the live variables that still lack a provider and read as their default."""
        return tuple(k for k, d in self._definitions.items() if d.live and k not in self._providers)

    def definitions(self) -> Iterator[VariableDefinition]:
        """All definitions in report order."""
        return iter(self._definitions.values())

    def has(self, key: ComponentVariable) -> bool:
        """Whether the station has the variable."""
        return key in self._definitions

    def definition(self, key: ComponentVariable) -> VariableDefinition:
        """Return the definition at an exact address. Raises UnknownVariableError."""
        try:
            return self._definitions[key]
        except KeyError:
            raise UnknownVariableError(f"this station has no variable {key.notation}") from None

    def find(
        self, component: ComponentKey, variable: VariableKey
    ) -> VariableDefinition | SetStatus:
        """Look up an address as a CSMS spells it; tell which part is unknown (B05.FR.04-05).

        An address without instance or EVSE means exactly the one without it: wildcards are for
        reports (B06.FR.15).
        """
        variables = self._components.get(component.folded())
        if variables is None:
            return SetStatus.UNKNOWN_COMPONENT
        return variables.get(variable.folded(), SetStatus.UNKNOWN_VARIABLE)

    def is_changeable(self, key: ComponentVariable) -> bool:
        """Tell whether a guarded variable has a rule that judges it; others always are."""
        guarded = self.definition(key).guarded
        return not guarded or any(key in rule.concerns for rule in self._rules)

    def get(
        self,
        component: ComponentKey,
        variable: VariableKey,
        attribute: AttributeType = AttributeType.ACTUAL,
    ) -> GetOutcome:
        """Answer one element of GetVariables (B06)."""
        found = self.find(component, variable)
        if isinstance(found, SetStatus):
            return GetOutcome(GetStatus(found), reason_code=ReasonCode.NOT_FOUND)
        if attribute not in found.attributes:
            return GetOutcome(
                GetStatus.NOT_SUPPORTED_ATTRIBUTE_TYPE, reason_code=ReasonCode.UNSUPPORTED_PARAM
            )
        if found.mutability is Mutability.WRITE_ONLY:
            return GetOutcome(GetStatus.REJECTED, reason_code=ReasonCode.WRITE_ONLY)
        return GetOutcome(GetStatus.ACCEPTED, self.value(found.key, attribute))

    def validate_set(
        self,
        component: ComponentKey,
        variable: VariableKey,
        value: str,
        *,
        attribute: AttributeType = AttributeType.ACTUAL,
        together_with: Iterable[Assignment] = (),
    ) -> SetOutcome:
        """Judge one element of SetVariables (B05) without changing anything.

        `together_with` are the other elements of the same request: rules see the values as all of
        them would be, so that two variables that constrain each other can be changed at once.
        """
        found = self.find(component, variable)
        if isinstance(found, SetStatus):
            return SetOutcome(found, ReasonCode.NOT_FOUND)
        if attribute not in found.attributes:
            return SetOutcome(SetStatus.NOT_SUPPORTED_ATTRIBUTE_TYPE, ReasonCode.UNSUPPORTED_PARAM)
        if found.mutability is Mutability.READ_ONLY:
            return _rejected(ReasonCode.READ_ONLY, "the variable is read-only")
        if found.text_format is TextFormat.PASSWORD and has_escaped_octets(value):
            return _rejected(ReasonCode.INVALID_VALUE, "holds characters of a private-use block")
        settable = (a for a in together_with if not self._is_read_only(a.key))
        return self.validate_value(Assignment(found.key, value, attribute), settable)

    def validate_value(
        self, assignment: Assignment, together_with: Iterable[Assignment] = ()
    ) -> SetOutcome:
        """Judge a value whoever may set it: its form, its limits and the rules.

        Raises UnknownVariableError.
        """
        definition = self.definition(assignment.key)
        fault = check_value(definition, assignment.value)
        if fault is not None:
            return _rejected(fault.reason_code, fault.detail)
        if not self.is_changeable(assignment.key):
            return _rejected(ReasonCode.READ_ONLY, "this station cannot change it")
        objection = self._objection(assignment, together_with)
        if objection is not None:
            return _rejected(ReasonCode.INVALID_VALUE, objection)
        return SetOutcome(
            SetStatus.REBOOT_REQUIRED if definition.reboot_required else SetStatus.ACCEPTED
        )

    def apply(self, assignment: Assignment) -> VariableChange:
        """Put a validated value in force and tell what changed.

        The station itself may write ReadOnly variables this way, for example the security profile
        that it reached. Raises UnknownVariableError, and ValueError for a live variable.
        """
        definition = self.definition(assignment.key)
        if definition.live:
            raise ValueError(f"{assignment.key.notation} is computed and cannot be written")
        old_value = self.value(assignment.key, assignment.attribute)
        self._changed[assignment.key, assignment.attribute] = assignment.value
        return VariableChange(
            assignment.key,
            assignment.attribute,
            old_value,
            assignment.value,
            definition.persistent,
            definition.reboot_required,
        )

    def set_initial(self, assignments: Iterable[Assignment]) -> tuple[ValueProblem, ...]:
        """Take initial values, all or none; return what is wrong with them.

        The rules judge the values all together, so their order does not matter.
        """
        wanted = list(assignments)
        problems = [p for p in map(self._initial_problem, wanted) if p is not None]
        problems.extend(_contradictions(wanted, self._initial))
        if not problems:
            problems.extend(self._rule_problems(wanted))
        if not problems:
            self._initial.update({(a.key, a.attribute): a.value for a in wanted})
        return tuple(problems)

    def restore(self, stored: Iterable[Assignment]) -> tuple[ValueProblem, ...]:
        """Put stored changes back in force; returns those that no longer fit and were left out.

        A value that another software no longer allows is left out, never bent to fit. The rules
        that stand now judge the rest all together, since an initial value beside it may be new.
        """
        kept = {(a.key, a.attribute): a for a in stored}
        problems = [p for p in map(self._initial_problem, kept.values()) if p is not None]
        misfits = {problem.key for problem in problems}
        fitting = [a for a in kept.values() if a.key not in misfits]
        actual = (a for a in fitting if a.attribute is AttributeType.ACTUAL)
        objections = list(self._rule_problems(actual))
        objected = {problem.key for problem in objections}
        self._changed.update(
            {(a.key, a.attribute): a.value for a in fitting if a.key not in objected}
        )
        return (*problems, *objections)

    def changed_values(self) -> Iterator[Assignment]:
        """Return the values that differ from the initial ones because someone changed them."""
        return (Assignment(k, value, attribute) for (k, attribute), value in self._changed.items())

    def origin(self, key: ComponentVariable) -> ValueOrigin:
        """Where the actual value in force comes from. Raises UnknownVariableError."""
        slot = (key, AttributeType.ACTUAL)
        if self.definition(key).live:
            return ValueOrigin.LIVE
        if slot in self._changed:
            return ValueOrigin.CHANGED
        return ValueOrigin.CONFIGURED if slot in self._initial else ValueOrigin.DEFAULT

    def value(self, key: ComponentVariable, attribute: AttributeType = AttributeType.ACTUAL) -> str:
        """Return the text in force, secrets included: for the station itself.

        Raises UnknownVariableError.
        """
        definition = self.definition(key)
        if definition.live:
            provider = self._providers.get(key)
            return definition.default if provider is None else value_text(provider())
        slot = (key, attribute)
        default = definition.default if attribute is AttributeType.ACTUAL else ""
        return self._changed.get(slot, self._initial.get(slot, default))

    def initial_value(self, key: ComponentVariable) -> str:
        """Return what would hold if nobody had changed it. Raises UnknownVariableError."""
        slot = (key, AttributeType.ACTUAL)
        return self._initial.get(slot, self.definition(key).default)

    def text(self, key: ComponentVariable, *, default: str | None = None) -> str:
        """Return the value as text; `default` stands for a missing variable."""
        if default is not None and key not in self._definitions:
            return default
        return self.value(key)

    def integer(self, key: ComponentVariable, *, default: int | None = None) -> int:
        """Return the value as an integer; `default` stands for a missing or empty one."""
        text = self.text(key, default=None if default is None else "")
        return default if default is not None and not text else int(text)

    def decimal(self, key: ComponentVariable, *, default: Decimal | None = None) -> Decimal:
        """Return the value as a decimal; `default` stands for a missing or empty one."""
        text = self.text(key, default=None if default is None else "")
        return default if default is not None and not text else Decimal(text)

    def boolean(self, key: ComponentVariable, *, default: bool | None = None) -> bool:
        """Return the value as a boolean; `default` stands for a missing variable."""
        return self.text(key, default=None if default is None else value_text(default)) == "true"

    def member_list(
        self, key: ComponentVariable, *, default: tuple[str, ...] | None = None
    ) -> tuple[str, ...]:
        """Return the members of a list in their order; `default` stands for a missing variable."""
        if default is not None and key not in self._definitions:
            return default
        return list_members(self.value(key))

    def _add(self, definition: VariableDefinition) -> None:
        variables = self._components.setdefault(definition.component.folded(), {})
        if variables.setdefault(definition.variable.folded(), definition) is not definition:
            raise ValueError(f"{definition.key.notation} is defined twice")
        self._definitions[definition.key] = definition

    def _objection(self, assignment: Assignment, together_with: Iterable[Assignment]) -> str | None:
        """Ask the rules about an actual value; other elements count only if they can be set."""
        if assignment.attribute is not AttributeType.ACTUAL:
            return None
        possible = {a.key: a.value for a in together_with if self._is_possible(a)}
        return self._first_objection(
            {assignment.key}, possible | {assignment.key: assignment.value}
        )

    def _is_possible(self, assignment: Assignment) -> bool:
        well_formed = self._initial_problem(assignment) is None
        is_actual = assignment.attribute is AttributeType.ACTUAL
        return well_formed and is_actual and self.is_changeable(assignment.key)

    def _is_read_only(self, key: ComponentVariable) -> bool:
        definition = self._definitions.get(key)
        return definition is None or definition.mutability is Mutability.READ_ONLY

    def _first_objection(
        self, keys: set[ComponentVariable], proposed: Mapping[ComponentVariable, str]
    ) -> str | None:
        asked = (rule for rule in self._rules if not rule.concerns.isdisjoint(keys))
        objections = (rule.objection(self._read, self._reader(proposed)) for rule in asked)
        return next((o for o in objections if o is not None), None)

    def _read(self, key: ComponentVariable) -> str | None:
        return self.value(key) if key in self._definitions else None

    def _reader(self, proposed: Mapping[ComponentVariable, str]) -> ValueReader:
        return lambda key: proposed[key] if key in proposed else self._read(key)

    def _initial_problem(self, assignment: Assignment) -> ValueProblem | None:
        definition = self._definitions.get(assignment.key)
        if definition is None:
            return ValueProblem(assignment.key, "this station has no such variable")
        if definition.live:
            return ValueProblem(assignment.key, "the station computes this value itself")
        fault = check_value(definition, assignment.value)
        return None if fault is None else ValueProblem(assignment.key, fault.detail)

    def _rule_problems(self, wanted: Iterable[Assignment]) -> Iterator[ValueProblem]:
        proposed = {a.key: a.value for a in wanted}
        objections = ((key, self._first_objection({key}, proposed)) for key in proposed)
        return (ValueProblem(key, reason) for key, reason in objections if reason is not None)


def _rejected(reason_code: ReasonCode, reason: str) -> SetOutcome:
    return SetOutcome(SetStatus.REJECTED, reason_code, reason)


def _contradictions(
    wanted: Iterable[Assignment], initial: Mapping[_Slot, str]
) -> Iterator[ValueProblem]:
    seen = dict(initial)
    for assignment in wanted:
        slot = (assignment.key, assignment.attribute)
        if seen.setdefault(slot, assignment.value) != assignment.value:
            yield ValueProblem(assignment.key, "is given two different initial values")
